// SPDX-License-Identifier: LGPL-2.1-or-later
// How a long computation sets up this process: memory, thread pools
// (use_single_threaded_operators), autocast.
#pragma once

#include <torch/torch.h>

#include "model/libtorch/operator_threads.h"

namespace lightavseg {

// Tells glibc to keep large blocks instead of mapping and unmapping them on every step; LibTorch
// allocates tensors of megabytes thousands of times a second. Process-wide, harmless twice.
void keep_freed_memory();

// bfloat16 autocast on the CPU or CUDA for the calling thread while it lives; nothing if `on` is
// false.
class Autocast {
 public:
  Autocast(bool on, c10::DeviceType device);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
  c10::DeviceType device_;
};

}  // namespace lightavseg
