// SPDX-License-Identifier: LGPL-2.1-or-later
// Copies of the student that learn side by side, one thread each.
//
// One-thread copies wait for each other once a step; the OpenMP threads of one copy would do so at
// every one of its thousands of small operators, and suffer when something else runs. The copies
// share the memory of their weights; each has its own gradients and batch norm statistics, which
// combine() averages in a fixed order.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>
#include <vector>

#include "model/training/batches.h"
#include "model/training/communicator.h"
#include "model/training/student.h"
#include "model/training/thread_team.h"

namespace lightavseg {

class Replicas {
 public:
  Replicas(const TrainConfig& config, const ModelConfig& model, const TeacherChannels& channels,
           int visible, int audible, torch::Device device);

  Student& master() { return students_.front(); }
  at::Generator& generator(int replica) { return generators_[size_t(replica)]; }

  // Makes all replicas what the master is, after its weights or statistics were written to.
  void share();

  // Which parameters (by prefix) learn; everything else stays fixed, and modules without a
  // learning parameter stay in eval mode.
  void set_trainable(const std::vector<std::string>& prefixes);

  // Runs work(replica, student) for all replicas at the same time; throws the first exception.
  void for_each(const std::function<void(int, Student&)>& work);

  // Averages gradients and statistics over replicas and ranks into the master, and shares the
  // statistics.
  void combine(Communicator& communicator);
  void clear_gradients();

 private:
  std::vector<Student> students_;
  std::vector<at::Generator> generators_;
  ThreadTeam team_;
};

// Whether a parameter's name begins with one of the prefixes.
bool has_prefix(const std::string& name, const std::vector<std::string>& prefixes);

// The tensors of a batch on another device.
Batch to_device(Batch batch, torch::Device device);

}  // namespace lightavseg
