// SPDX-License-Identifier: LGPL-2.1-or-later
// How much memory the test program has asked for at once.
#pragma once

#include <cstddef>

namespace lightavseg {

// The most bytes in use since it was made, beyond those in use then. Counts what operator new
// gives, on all threads; 0 under sanitizers, which have their own heap.
class HeapPeak {
 public:
  HeapPeak();
  std::size_t bytes() const;

 private:
  std::size_t before_;
};

}  // namespace lightavseg
