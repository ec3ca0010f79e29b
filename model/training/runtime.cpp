// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/runtime.h"

#include <ATen/autocast_mode.h>
#include <malloc.h>
#include <torch/version.h>

namespace lightavseg {
namespace {

void enable_autocast(c10::DeviceType device, bool on) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  if (on) at::autocast::set_autocast_dtype(device, at::kBFloat16);
  at::autocast::set_autocast_enabled(device, on);
#else
  if (device == c10::DeviceType::CUDA) {
    if (on) at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
    at::autocast::set_enabled(on);
  } else {
    if (on) at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
    at::autocast::set_cpu_enabled(on);
  }
#endif
}

}  // namespace

void keep_freed_memory() {
  constexpr int kLarge = 1 << 30;
  // A threshold says from which size blocks are mapped, but glibc takes none above 32 MiB, and
  // gradients of a batch are larger.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, kLarge);
  mallopt(M_TOP_PAD, 64 << 20);
}

Autocast::Autocast(bool on, c10::DeviceType device) : on_(on), device_(device) {
  if (!on_) return;
  at::autocast::increment_nesting();
  enable_autocast(device_, true);
}

Autocast::~Autocast() {
  if (!on_) return;
  enable_autocast(device_, false);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

}  // namespace lightavseg
