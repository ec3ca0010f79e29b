// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace lightavseg {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float float_of(uint32_t bits) {
  float value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

uint32_t bits_of(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/// The value of a bit pattern by the definition of IEEE formats, computed without shifting bits.
double value_by_definition(uint16_t bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = std::ldexp(bits & ((1 << fraction_bits) - 1), -fraction_bits);
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction == 0 ? sign * static_cast<double>(kInfinity) : std::nan("");
  }
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias);
  return sign * std::ldexp(1.0 + fraction, exponent - bias);
}

TEST(Half, WidensEveryPatternByTheDefinition) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const double expected = value_by_definition(static_cast<uint16_t>(bits), 5, 10);
    const float value = half_to_float(static_cast<uint16_t>(bits));
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
    } else {
      ASSERT_EQ(static_cast<double>(value), expected) << bits;
      ASSERT_EQ(std::signbit(value), std::signbit(expected)) << bits;
    }
  }
}

TEST(Half, ComesBackForEveryPattern) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const bool is_nan = (bits & 0x7C00u) == 0x7C00u && (bits & 0x3FFu) != 0;
    const uint32_t expected = is_nan ? bits | 0x0200u : bits;
    ASSERT_EQ(float_to_half(half_to_float(static_cast<uint16_t>(bits))), expected) << bits;
  }
}

TEST(Half, RoundsToNearestEvenBetweenAllNeighbours) {
  for (uint32_t bits = 0; bits < 0x7C00; ++bits) {
    const double low = value_by_definition(static_cast<uint16_t>(bits), 5, 10);
    // What 2^16 would be if the exponent had no end decides about rounding to infinity.
    const double high =
        bits == 0x7BFF ? 65536.0 : value_by_definition(static_cast<uint16_t>(bits + 1), 5, 10);
    const float middle = static_cast<float>((low + high) / 2);
    const uint32_t even = bits + (bits & 1u);
    ASSERT_EQ(float_to_half(middle), even) << bits;
    ASSERT_EQ(float_to_half(-middle), even | 0x8000u) << bits;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0f)), bits) << bits;
    ASSERT_EQ(float_to_half(std::nextafter(middle, kInfinity)), bits + 1) << bits;
  }
}

TEST(Half, MeetsTheEdges) {
  EXPECT_EQ(float_to_half(0.0f), 0x0000);
  EXPECT_EQ(float_to_half(-0.0f), 0x8000);
  EXPECT_EQ(float_to_half(1.0f), 0x3C00);
  EXPECT_EQ(float_to_half(-2.0f), 0xC000);
  EXPECT_EQ(float_to_half(65504.0f), 0x7BFF);
  EXPECT_EQ(float_to_half(65520.0f), 0x7C00);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::max()), 0x7C00);
  EXPECT_EQ(float_to_half(-kInfinity), 0xFC00);
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::denorm_min()), 0x0000);
  EXPECT_EQ(float_to_half(std::ldexp(1.0f, -24)), 0x0001);
  EXPECT_EQ(float_to_half(std::ldexp(1.0f, -14)), 0x0400);
  EXPECT_EQ(float_to_half(float_of(0x7F800001u)), 0x7E00);
  EXPECT_EQ(float_to_half(float_of(0xFFFFFFFFu)), 0xFFFF);
}

TEST(BFloat16, WidensEveryPatternByTheDefinition) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const double expected = value_by_definition(static_cast<uint16_t>(bits), 8, 7);
    const float value = bfloat16_to_float(static_cast<uint16_t>(bits));
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
    } else {
      ASSERT_EQ(static_cast<double>(value), expected) << bits;
      ASSERT_EQ(std::signbit(value), std::signbit(expected)) << bits;
    }
  }
}

TEST(BFloat16, ComesBackForEveryPattern) {
  for (uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const bool is_nan = (bits & 0x7F80u) == 0x7F80u && (bits & 0x7Fu) != 0;
    const uint32_t expected = is_nan ? bits | 0x0040u : bits;
    ASSERT_EQ(float_to_bfloat16(bfloat16_to_float(static_cast<uint16_t>(bits))), expected) << bits;
  }
}

TEST(BFloat16, RoundsToNearestEvenBetweenAllNeighbours) {
  for (uint32_t bits = 0; bits < 0x7F80; ++bits) {
    const uint32_t middle = (bits << 16) | 0x8000u;
    const uint32_t even = bits + (bits & 1u);
    ASSERT_EQ(float_to_bfloat16(float_of(middle)), even) << bits;
    ASSERT_EQ(float_to_bfloat16(float_of(middle | 0x80000000u)), even | 0x8000u) << bits;
    ASSERT_EQ(float_to_bfloat16(float_of(middle - 1)), bits) << bits;
    ASSERT_EQ(float_to_bfloat16(float_of(middle + 1)), bits + 1) << bits;
  }
}

TEST(BFloat16, MeetsTheEdges) {
  EXPECT_EQ(float_to_bfloat16(1.0f), 0x3F80);
  EXPECT_EQ(float_to_bfloat16(-0.0f), 0x8000);
  EXPECT_EQ(float_to_bfloat16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(float_to_bfloat16(-kInfinity), 0xFF80);
  EXPECT_EQ(float_to_bfloat16(float_of(0x7F800001u)), 0x7FC0);
  EXPECT_EQ(float_to_bfloat16(float_of(0xFFFFFFFFu)), 0xFFFF);
}

TEST(HalfBuffers, AgreeWithSingleValuesAtAnyAlignment) {
  std::mt19937_64 random(1);
  constexpr size_t kCount = 1001;
  std::vector<float> floats(kCount);
  for (float& value : floats) value = float_of(static_cast<uint32_t>(random()));

  std::vector<unsigned char> shifted(kCount * sizeof(float) + 1);
  std::memcpy(shifted.data() + 1, floats.data(), kCount * sizeof(float));
  std::vector<uint16_t> halves(kCount);
  std::vector<uint16_t> bfloats(kCount);
  float_to_half(shifted.data() + 1, halves.data(), kCount);
  float_to_bfloat16(shifted.data() + 1, bfloats.data(), kCount);
  for (size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(halves[i], float_to_half(floats[i])) << i;
    ASSERT_EQ(bfloats[i], float_to_bfloat16(floats[i])) << i;
  }

  std::vector<float> widened(kCount);
  std::memcpy(shifted.data() + 1, halves.data(), kCount * sizeof(uint16_t));
  half_to_float(shifted.data() + 1, widened.data(), kCount);
  for (size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(bits_of(widened[i]), bits_of(half_to_float(halves[i]))) << i;
  }
  std::memcpy(shifted.data() + 1, bfloats.data(), kCount * sizeof(uint16_t));
  bfloat16_to_float(shifted.data() + 1, widened.data(), kCount);
  for (size_t i = 0; i < kCount; ++i) {
    ASSERT_EQ(bits_of(widened[i]), bits_of(bfloat16_to_float(bfloats[i]))) << i;
  }
}

TEST(HalfBuffers, TakeNothing) {
  float_to_half(nullptr, nullptr, 0);
  half_to_float(nullptr, nullptr, 0);
  float_to_bfloat16(nullptr, nullptr, 0);
  bfloat16_to_float(nullptr, nullptr, 0);
  SUCCEED();
}

}  // namespace
}  // namespace lightavseg
