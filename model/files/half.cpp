// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/half.h"

#include <cstring>

namespace lightavseg {

namespace {

constexpr uint32_t kFloatInfinity = 0x7F800000u;

uint32_t bits_of(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

float float_of(uint32_t bits) {
  float value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

/// `value` shifted right by `shift` (1 to 31), rounded to nearest, ties to even.
uint32_t shift_right_rounding(uint32_t value, uint32_t shift) {
  const uint32_t half = 1u << (shift - 1);
  const uint32_t is_odd = (value >> shift) & 1u;
  return (value + half - 1 + is_odd) >> shift;
}

template <typename From, typename To, typename Convert>
void convert_all(const void* source, To* target, size_t count, Convert convert) {
  const auto* bytes = static_cast<const unsigned char*>(source);
  for (size_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, bytes + i * sizeof(From), sizeof(From));
    target[i] = convert(value);
  }
}

// Within this file, since what other libraries may replace is not inlined into a loop.
uint16_t narrowed_to_half(float value) {
  const uint32_t bits = bits_of(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;

  uint32_t half = 0;
  if (magnitude > kFloatInfinity) {
    half = 0x7E00u | ((magnitude >> 13) & 0x3FFu);
  } else if (magnitude >= 0x47800000u) {  // 2^16 and above, infinity included
    half = 0x7C00u;
  } else if (magnitude >= 0x38800000u) {  // 2^-14 and above: a normal half
    // The exponent bias falls from 127 to 15. A carry out of the fraction raises the exponent,
    // which is right up to and including infinity.
    half = shift_right_rounding(magnitude - (112u << 23), 13);
  } else if (magnitude >= 0x33000000u) {  // 2^-25 and above: a subnormal, in units of 2^-24
    const uint32_t fraction = (magnitude & 0x007FFFFFu) | 0x00800000u;
    half = shift_right_rounding(fraction, 126u - (magnitude >> 23));
  }
  return static_cast<uint16_t>(sign | half);
}

float widened_half(uint16_t bits) {
  // Without a branch, so that the compiler does several values at once: most of the time that a
  // model took to open went here. The only arithmetic on floats is exact and has no subnormal
  // operand, which a process may have told its processor to take for zero.
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t magnitude = bits & 0x7FFFu;
  const uint32_t fraction = static_cast<uint32_t>(bits & 0x3FFu) << 13;
  // A subnormal is what exceeds 2^-14 when its fraction gets the hidden bit.
  const uint32_t excess = magnitude < 0x400u ? 113u << 23 : 0u;
  const uint32_t normal = (magnitude << 13) + (112u << 23);
  const uint32_t special = kFloatInfinity | fraction | (fraction != 0 ? 0x00400000u : 0u);
  const uint32_t finite = magnitude < 0x400u ? excess | fraction : normal;
  const uint32_t chosen = magnitude < 0x7C00u ? finite : special;
  return float_of(bits_of(float_of(chosen) - float_of(excess)) | sign);
}

uint16_t narrowed_to_bfloat16(float value) {
  const uint32_t bits = bits_of(value);
  if ((bits & 0x7FFFFFFFu) > kFloatInfinity) {
    // Rounding could carry a NaN into infinity or through the sign.
    return static_cast<uint16_t>((bits >> 16) | 0x0040u);
  }
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

float widened_bfloat16(uint16_t bits) {
  return float_of(static_cast<uint32_t>(bits) << 16);
}

}  // namespace

uint16_t float_to_half(float value) {
  return narrowed_to_half(value);
}

float half_to_float(uint16_t bits) {
  return widened_half(bits);
}

uint16_t float_to_bfloat16(float value) {
  return narrowed_to_bfloat16(value);
}

float bfloat16_to_float(uint16_t bits) {
  return widened_bfloat16(bits);
}

void float_to_half(const void* floats, uint16_t* halves, size_t count) {
  convert_all<float>(floats, halves, count, narrowed_to_half);
}

void half_to_float(const void* halves, float* floats, size_t count) {
  convert_all<uint16_t>(halves, floats, count, widened_half);
}

void float_to_bfloat16(const void* floats, uint16_t* bfloats, size_t count) {
  convert_all<float>(floats, bfloats, count, narrowed_to_bfloat16);
}

void bfloat16_to_float(const void* bfloats, float* floats, size_t count) {
  convert_all<uint16_t>(bfloats, floats, count, widened_bfloat16);
}

}  // namespace lightavseg
