// SPDX-License-Identifier: LGPL-2.1-or-later
// The other processes of a training run.
#pragma once

#include <torch/torch.h>

#include <vector>

namespace lightavseg {

// Not for several threads at once.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const { return 0; }
  virtual int size() const { return 1; }
  // Replaces every tensor by its mean over all ranks, in place.
  virtual void average(std::vector<torch::Tensor>& tensors) { (void)tensors; }
  // True on every rank as soon as it is true on one.
  virtual bool any(bool value) { return value; }
};

}  // namespace lightavseg
