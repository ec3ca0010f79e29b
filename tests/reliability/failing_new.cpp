// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/reliability/failing_new.h"

#include <cstdlib>
#include <new>

namespace {

thread_local std::int64_t fails_at = 0, calls = 0;

}  // namespace

namespace lightavseg::testing {

void fail_allocation(std::int64_t number) {
  fails_at = number;
  calls = 0;
}

std::int64_t allocations() {
  return calls;
}

}  // namespace lightavseg::testing

void* operator new(std::size_t size) {
  if (++calls == fails_at) throw std::bad_alloc();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
