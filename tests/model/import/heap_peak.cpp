// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/model/import/heap_peak.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> used = 0, most = 0;

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void* operator new(std::size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (!memory) throw std::bad_alloc();
  const std::size_t now = used += ::malloc_usable_size(memory);
  if (now > most) most = now;
  return memory;
}

void operator delete(void* memory) noexcept {
  used -= ::malloc_usable_size(memory);
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  ::operator delete(memory);
}
#endif

namespace lightavseg {

HeapPeak::HeapPeak() : before_(used) {
  most = before_;
}

std::size_t HeapPeak::bytes() const {
  return most - before_;
}

}  // namespace lightavseg
