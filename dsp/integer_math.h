// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace lightavseg::dsp {

// Division and remainder that round towards minus infinity, so that grids and rings work on both
// sides of zero. The divisor is positive.
inline std::int64_t floor_div(std::int64_t value, std::int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

inline std::int64_t floor_mod(std::int64_t value, std::int64_t divisor) {
  return value - floor_div(value, divisor) * divisor;
}

}  // namespace lightavseg::dsp
