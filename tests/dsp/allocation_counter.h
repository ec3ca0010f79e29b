// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace lightavseg::dsp::testing {

// How often this thread has called operator new so far.
std::int64_t allocation_count();

}  // namespace lightavseg::dsp::testing
