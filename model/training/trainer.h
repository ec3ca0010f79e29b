// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs the stages of a configuration.
//
// Every step is a function of the configuration and the step's number alone: scenes come from
// (seed, index), dropout from generators seeded per step and replica, and gradients are added in a
// fixed order. So a resumed run continues to the same numbers, and two processes with one replica
// each do what one process with two replicas does.
#pragma once

#include <csignal>
#include <filesystem>
#include <functional>
#include <string>

#include "model/training/communicator.h"
#include "model/training/train_config.h"

namespace lightavseg {

struct TrainerOptions {
  bool resume = false;
  bool quiet = false;
  // Set by a signal handler: the run writes a checkpoint after the current step and returns.
  const volatile std::sig_atomic_t* stop = nullptr;
  // Ends the run after that many seconds as if it had been stopped; 0: never.
  double max_seconds = 0;
  // Resume although the configuration is another one; weights are taken where they fit.
  bool other_config = false;
  // Ends the run after that many steps in all (for tests); negative: never.
  std::int64_t max_steps = -1;
};

enum class TrainResult { kFinished, kStopped };

// Leaves in config.out: curves.csv, tensorboard/, report.html, the checkpoints, and
// model.safetensors (averaged weights of the best validation so far).
// Throws TrainConfigError, FileError, MaterialError, SceneError, TaxonomyError.
TrainResult train(const TrainConfig& config, Communicator& communicator,
                  const TrainerOptions& options);

}  // namespace lightavseg
