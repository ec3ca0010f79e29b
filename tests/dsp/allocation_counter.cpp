// SPDX-License-Identifier: LGPL-2.1-or-later
// Replaces operator new of the test program by one that counts, and fails when it is told to.
#include "tests/dsp/allocation_counter.h"

#include <cstdlib>
#include <new>

namespace {
thread_local std::int64_t allocations = 0, fails_at = 0;
}

namespace lightavseg::dsp::testing {

std::int64_t allocation_count() {
  return allocations;
}

void fail_allocation(std::int64_t number) {
  fails_at = number > 0 ? allocations + number : 0;
}

}  // namespace lightavseg::dsp::testing

void* operator new(std::size_t size) {
  if (++allocations == fails_at) throw std::bad_alloc();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
