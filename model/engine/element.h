// SPDX-License-Identifier: LGPL-2.1-or-later
// The types of the values of maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lightavseg {

// The integers stand for themselves times the step of their map.
enum class Element { kFloat32, kBFloat16, kInt8, kUInt8 };

constexpr std::size_t bytes_of(Element element) {
  return element == Element::kFloat32 ? 4 : element == Element::kBFloat16 ? 2 : 1;
}

// The upper half of a float: its range with eight bits of precision.
struct BFloat16 {
  std::uint16_t bits = 0;
};

inline float to_float(float value) {
  return value;
}

inline float to_float(BFloat16 value) {
  const std::uint32_t bits = std::uint32_t(value.bits) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

inline void store(float value, float* to) {
  *to = value;
}

// Rounds to the nearest, ties to even; NaN stays NaN.
inline void store(float value, BFloat16* to) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  to->bits = std::uint16_t(value == value ? rounded : 0x7fc0u);
}

}  // namespace lightavseg
