// SPDX-License-Identifier: LGPL-2.1-or-later
// How a long computation sets up this process: memory, thread pools, autocast.
#pragma once

#include <torch/torch.h>

namespace lightavseg {

// Tells glibc to keep large blocks instead of mapping and unmapping them on every step; LibTorch
// allocates tensors of megabytes thousands of times a second. Process-wide, harmless twice.
void keep_freed_memory();

// One thread per operator in LibTorch and, where it is loaded, in OpenBLAS, whose own pool
// at::set_num_threads does not bound. Process-wide.
void use_single_threaded_operators();

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
