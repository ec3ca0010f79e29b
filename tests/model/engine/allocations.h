// SPDX-License-Identifier: LGPL-2.1-or-later
// What the calling thread asks of the heap.
#pragma once

#include <cstddef>

namespace lightavseg::testing {

// Counts while it lives; one at a time for each thread.
class Allocations {
 public:
  Allocations();
  ~Allocations();
  Allocations(const Allocations&) = delete;
  Allocations& operator=(const Allocations&) = delete;

  // False under sanitizers, which have their own heap.
  static bool can_count();

  std::size_t count() const;
  std::size_t largest() const;  // bytes
};

}  // namespace lightavseg::testing
