// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace lightavseg::dsp::testing {

// How often this thread has called operator new so far.
std::int64_t allocation_count();

// Call number `number` of this thread from now, counted from 1, throws std::bad_alloc; 0: none
// does.
void fail_allocation(std::int64_t number);

}  // namespace lightavseg::dsp::testing
