// SPDX-License-Identifier: LGPL-2.1-or-later
// How many threads LibTorch's operators have.
#pragma once

#include <ATen/Parallel.h>
#include <dlfcn.h>

namespace lightavseg {

// One thread per operator in LibTorch and, where it is loaded, in OpenBLAS, whose own pool
// at::set_num_threads does not bound. Process-wide for OpenBLAS and for threads that have not run
// an operator yet; a thread that has needs its own call. Cheap when repeated.
inline void use_single_threaded_operators() {
  // The first call of a thread also sets the default, even where this thread has one already.
  thread_local bool is_set = false;
  if (!is_set || at::get_num_threads() != 1) at::set_num_threads(1);
  is_set = true;
  using Setter = void (*)(int);
  static const auto set = reinterpret_cast<Setter>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (set) set(1);
}

}  // namespace lightavseg
