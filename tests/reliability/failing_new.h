// SPDX-License-Identifier: LGPL-2.1-or-later
// An operator new that can be told to fail.
#pragma once

#include <cstdint>

namespace lightavseg::testing {

// Call number `number` (from 1) of operator new on this thread throws std::bad_alloc, once; 0: none
// does. Belongs to the thread.
void fail_allocation(std::int64_t number);

// How often operator new was called since then.
std::int64_t allocations();

}  // namespace lightavseg::testing
