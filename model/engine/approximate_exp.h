// SPDX-License-Identifier: LGPL-2.1-or-later
// exp(x) that compilers turn into vector instructions, which they do not do with std::exp.
#pragma once

#include <cstdint>
#include <cstring>

namespace lightavseg {

// Within 2e-7 relative of exp(x) for -87 <= x <= 88; x beyond, and NaN, count as the nearer end
// (NaN as -87). The reduction and polynomial of the Cephes library's expf (Moshier).
inline float approximate_exp(float x) {
  x = x > -87.0f ? x : -87.0f;
  x = x < 88.0f ? x : 88.0f;
  // Adding 1.5 * 2^23 leaves the nearest whole number in the lowest bits.
  const float shifted = x * 1.44269504088896341f + 12582912.0f;
  const float whole = shifted - 12582912.0f;
  float r = x - whole * 0.693359375f;
  r = r + whole * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const std::int32_t bits = (static_cast<std::int32_t>(whole) + 127) * (1 << 23);
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

}  // namespace lightavseg
