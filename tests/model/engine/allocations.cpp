// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/model/engine/allocations.h"

#include <algorithm>
#include <cerrno>

namespace {

thread_local bool counts = false;
thread_local std::size_t number = 0, most = 0;

[[maybe_unused]] void note(std::size_t bytes) {
  if (!counts) return;
  ++number;
  most = std::max(most, bytes);
}

}  // namespace

// Sanitizers have their own. What operator new and libraries allocate ends here too.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LIGHTAVSEG_COUNTS_ALLOCATIONS
extern "C" {

void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) {
  note(bytes);
  return __libc_malloc(bytes);
}

void* calloc(std::size_t count, std::size_t bytes) {
  note(count * bytes);
  return __libc_calloc(count, bytes);
}

void* realloc(void* block, std::size_t bytes) {
  note(bytes);
  return __libc_realloc(block, bytes);
}

void* memalign(std::size_t alignment, std::size_t bytes) {
  note(bytes);
  return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  note(bytes);
  return __libc_memalign(alignment, bytes);
}

int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) {
  note(bytes);
  *block = __libc_memalign(alignment, bytes);
  return *block ? 0 : ENOMEM;
}
}
#endif

namespace lightavseg::testing {

Allocations::Allocations() {
  number = most = 0;
  counts = true;
}

Allocations::~Allocations() {
  counts = false;
}

bool Allocations::can_count() {
#ifdef LIGHTAVSEG_COUNTS_ALLOCATIONS
  return true;
#else
  return false;
#endif
}

std::size_t Allocations::count() const {
  return number;
}

std::size_t Allocations::largest() const {
  return most;
}

}  // namespace lightavseg::testing
