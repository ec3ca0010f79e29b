// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/engine/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "model/engine/approximate_exp.h"

namespace lightavseg {
namespace {

TEST(ApproximateExp, IsCloseEverywhere) {
  for (double x = -87; x <= 88; x += 0.0137)
    ASSERT_NEAR(approximate_exp(float(x)) / std::exp(double(float(x))), 1, 2e-7) << x;
  EXPECT_EQ(approximate_exp(0), 1);
  EXPECT_LT(approximate_exp(-1e9f), 1e-37);
  EXPECT_LT(approximate_exp(std::numeric_limits<float>::quiet_NaN()), 1e-37);
  EXPECT_EQ(approximate_exp(1e9f), approximate_exp(88));
}

TEST(Kernels, MultiplyTakesTransposedWeights) {
  // Five inputs, so that the last is not one of four.
  const std::vector<float> weight = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, bias = {0.5f, -0.5f};
  const float x[] = {1, -1, 2, 0, 3};
  float y[2];
  kernels::multiply(weight.data(), bias.data(), x, 5, 2, y);
  EXPECT_FLOAT_EQ(y[0], 0.5f + 1 - 3 + 10 + 27);
  EXPECT_FLOAT_EQ(y[1], -0.5f + 2 - 4 + 12 + 30);
}

TEST(Kernels, Gate) {
  const float x[] = {-4, -3, 0, 1.5f, 3, 9}, by[] = {2, 2, 2, 2, -2, 5};
  float y[6];
  kernels::gate(x, by, 6, y);
  const float wanted[] = {0, 0, 1, 1.5f, -2, 5};
  for (int i = 0; i < 6; ++i) EXPECT_FLOAT_EQ(y[i], wanted[i]);
}

TEST(Kernels, Pooling) {
  const float map[] = {1, -5, 3, -7, -2, -6};
  float out[2];
  kernels::pool_max(map, 3, 2, out);
  EXPECT_EQ(out[0], 3);
  EXPECT_EQ(out[1], -5);
  kernels::pool_mean(map, 3, 2, out);
  EXPECT_FLOAT_EQ(out[0], 2.0f / 3);
  EXPECT_FLOAT_EQ(out[1], -6);
}

TEST(Kernels, ResizeAxisIsThatOfAlignCornersFalse) {
  const kernels::ResizeAxis up(2, 4), same(3, 3), one(1, 3);
  EXPECT_EQ(up.low, (std::vector<int>{0, 0, 0, 1}));
  EXPECT_EQ(up.high, (std::vector<int>{1, 1, 1, 1}));
  EXPECT_EQ(up.share, (std::vector<float>{0, 0.25f, 0.75f, 0.25f}));
  EXPECT_EQ(same.low, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(same.share, (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(one.low, one.high);
}

TEST(Kernels, AddResizedAddsToTheRightChannels) {
  const float small[] = {1, 2, 3, 4}, vector[] = {100};
  const kernels::ResizeAxis axis(2, 2);
  std::vector<float> out(8, 10);
  kernels::add_resized(small, 2, 1, axis, axis, vector, 2, out.data() + 1);
  EXPECT_EQ(out, (std::vector<float>{10, 111, 10, 112, 10, 113, 10, 114}));
}

TEST(Kernels, AxisMeans) {
  const float map[] = {1, 2, 3, 4, 5, 6};
  float rows[2], columns[3];
  kernels::axis_means(map, 2, 3, 1, rows, columns);
  EXPECT_FLOAT_EQ(rows[0], 2);
  EXPECT_FLOAT_EQ(rows[1], 5);
  EXPECT_FLOAT_EQ(columns[0], 2.5f);
  EXPECT_FLOAT_EQ(columns[2], 4.5f);
}

TEST(Kernels, SimilarityIsACosine) {
  std::vector<float> map(16), vector(8);
  std::iota(map.begin(), map.begin() + 8, 1.0f);  // the second cell is zero
  std::iota(vector.begin(), vector.end(), 1.0f);
  std::vector<float> out(18);
  kernels::append_similarity(map.data(), vector.data(), 2, 8, out.data());
  EXPECT_EQ(out[0], 1);
  EXPECT_NEAR(out[8], 1, 1e-6);
  EXPECT_EQ(out[17], 0);
}

TEST(BFloat16, RoundsToTheNearest) {
  const auto rounded = [](float value) {
    BFloat16 out;
    store(value, &out);
    return to_float(out);
  };
  for (const float value : {0.0f, 1.0f, -2.5f, 0x1p100f, std::numeric_limits<float>::infinity()})
    EXPECT_EQ(rounded(value), value);
  EXPECT_EQ(rounded(1 + 1.0f / 256), 1);                // ties to even,
  EXPECT_EQ(rounded(1 + 3.0f / 256), 1 + 4.0f / 256);   // up and down,
  EXPECT_EQ(rounded(1 + 1.01f / 256), 1 + 2.0f / 256);  // else to the nearest
  EXPECT_EQ(rounded(-1 - 1.01f / 256), -1 - 2.0f / 256);
  EXPECT_EQ(rounded(std::numeric_limits<float>::max()), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(rounded(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_TRUE(std::isnan(rounded(-std::numeric_limits<float>::quiet_NaN())));
}

// Whole numbers up to 256 are the same in both types.
class BothTypes : public ::testing::Test {
 protected:
  static std::vector<float> numbers(size_t count, int factor) {
    std::vector<float> out(count);
    for (size_t i = 0; i < count; ++i) out[i] = float(int(i) * factor % 23 - 11);
    return out;
  }
  static std::vector<BFloat16> halves(const std::vector<float>& values) {
    std::vector<BFloat16> out(values.size());
    kernels::round_off(values.data(), int(values.size()), out.data());
    return out;
  }
  static std::vector<float> floats(const std::vector<BFloat16>& values) {
    std::vector<float> out;
    for (const auto v : values) out.push_back(to_float(v));
    return out;
  }

  static constexpr int kHeight = 2, kWidth = 3, kChannels = 21;
  const std::vector<float> map_ = numbers(kHeight * kWidth * kChannels, 7);
  const std::vector<float> other_ = numbers(kHeight * kWidth * kChannels, 5);
  const std::vector<float> vector_ = numbers(kChannels, 3);
};

TEST_F(BothTypes, PoolTheSame) {
  std::vector<float> a(kChannels), b(kChannels);
  for (const bool most : {true, false}) {
    const auto half = halves(map_);
    const int pixels = kHeight * kWidth;
    most ? kernels::pool_max(map_.data(), pixels, kChannels, a.data())
         : kernels::pool_mean(map_.data(), pixels, kChannels, a.data());
    most ? kernels::pool_max(half.data(), pixels, kChannels, b.data())
         : kernels::pool_mean(half.data(), pixels, kChannels, b.data());
    EXPECT_EQ(a, b);
  }
}

TEST_F(BothTypes, AddTheSame) {
  auto plain = map_;
  auto half = halves(map_);
  kernels::add_to_pixels(vector_.data(), kHeight * kWidth, kChannels, plain.data());
  kernels::add_to_pixels(vector_.data(), kHeight * kWidth, kChannels, half.data());
  EXPECT_EQ(floats(half), plain);
  plain = map_;
  half = halves(map_);
  const auto by = halves(other_);
  kernels::add_product(other_.data(), other_.data(), int(plain.size()), plain.data());
  kernels::add_product(by.data(), by.data(), int(half.size()), half.data());
  EXPECT_EQ(floats(half), plain);
  const kernels::ResizeAxis rows(1, kHeight), columns(1, kWidth);
  plain = map_;
  half = halves(map_);
  for (const float* vector : {vector_.data(), static_cast<const float*>(nullptr)}) {
    kernels::add_resized(other_.data(), 1, kChannels, rows, columns, vector, kChannels,
                         plain.data());
    kernels::add_resized(by.data(), 1, kChannels, rows, columns, vector, kChannels, half.data());
    EXPECT_EQ(floats(half), plain);
  }
}

TEST_F(BothTypes, AttendTheSame) {
  std::vector<float> rows[2], columns[2];
  for (auto& r : rows) r.resize(kHeight * kChannels);
  for (auto& c : columns) c.resize(kWidth * kChannels);
  const auto half = halves(map_);
  kernels::axis_means(map_.data(), kHeight, kWidth, kChannels, rows[0].data(), columns[0].data());
  kernels::axis_means(half.data(), kHeight, kWidth, kChannels, rows[1].data(), columns[1].data());
  EXPECT_EQ(rows[0], rows[1]);
  EXPECT_EQ(columns[0], columns[1]);
  constexpr int kValue = 17;
  std::vector<float> plain(kHeight * kWidth * kValue);
  std::vector<BFloat16> out(plain.size());
  const auto row = numbers(kHeight * kValue, 2), column = numbers(kWidth * kValue, 4);
  kernels::add_axes(map_.data(), kChannels, row.data(), column.data(), kHeight, kWidth, kValue,
                    plain.data());
  kernels::add_axes(half.data(), kChannels, row.data(), column.data(), kHeight, kWidth, kValue,
                    out.data());
  EXPECT_EQ(floats(out), plain);
}

TEST_F(BothTypes, HaveTheSameSimilarity) {
  std::vector<float> plain(kHeight * kWidth * (kChannels + 1));
  std::vector<BFloat16> out(plain.size());
  const auto half = halves(map_);
  kernels::append_similarity(map_.data(), vector_.data(), kHeight * kWidth, kChannels,
                             plain.data());
  kernels::append_similarity(half.data(), vector_.data(), kHeight * kWidth, kChannels, out.data());
  EXPECT_EQ(floats(out), floats(halves(plain)));
}

TEST(Kernels, ClassGateAddsTheExpectedEvidence) {
  // Odds 1 : 3; what is heard of them is 2 and -2.
  float logits[] = {1, 0, float(std::log(3.0))};
  const float sounds[] = {2, -2};
  kernels::gate_mask(sounds, 2, 0.5f, 0.25f, 1, logits);
  EXPECT_NEAR(logits[0], 1 + 0.5 * (0.25 * 2 - 0.75 * 2) + 0.25, 1e-6);
  EXPECT_EQ(logits[1], 0);
}

TEST(Kernels, ExpectedValuesAndForeground) {
  // Odds 2 : 5 : 2 : 1
  const float logits[] = {float(std::log(2.0)), float(std::log(5.0)), float(std::log(2.0)), 0};
  const float values[] = {0, 1, 1};
  float out = 0;
  kernels::expected_values(logits + 1, 4, values, 3, 1, &out);
  EXPECT_NEAR(out, 3.0 / 8, 1e-6);
  kernels::foreground_evidence(logits, 4, 1, &out);
  EXPECT_NEAR(1 / (1 + std::exp(-out)), 0.8, 1e-6);
}

TEST(Kernels, LargestClass) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float logits[] = {9, 1, 3, 3, 9, nan, nan, nan, 9, 5, 4, -1};
  std::uint8_t out[3];
  kernels::largest_class(logits + 1, 4, 3, 3, out);
  EXPECT_EQ(out[0], 1);  // the lower of two equal ones
  EXPECT_EQ(out[1], 0);
  EXPECT_EQ(out[2], 0);
}

TEST(Kernels, NormaliseCountsColoursAcrossBlocks) {
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < 3 * 37; ++i) bytes.push_back(std::uint8_t(i * 7));
  const float factor[] = {1, 10, 100}, offset[] = {0.5f, 0.25f, 0.125f};
  std::vector<float> out(bytes.size());
  kernels::normalise(bytes.data(), 37, factor, offset, out.data());
  for (size_t i = 0; i < out.size(); ++i)
    ASSERT_FLOAT_EQ(out[i], float(bytes[i]) * factor[i % 3] + offset[i % 3]) << i;
}

TEST(Kernels, EnlargedRowsBlendBothWays) {
  const float top[] = {0, 4}, bottom[] = {8, 12};
  const kernels::ResizeAxis columns(2, 4);
  float blend[2], out[4];
  kernels::enlarge_row(top, bottom, 0.25f, 2, columns.low.data(), columns.high.data(),
                       columns.share.data(), 4, blend, out);
  EXPECT_FLOAT_EQ(out[0], 2);
  EXPECT_FLOAT_EQ(out[1], 3);
  EXPECT_FLOAT_EQ(out[3], 6);
}

TEST(Kernels, ProbabilitiesOfNaNAreNone) {
  const float evidence[] = {0, std::numeric_limits<float>::quiet_NaN(), 100, -100};
  const float share[] = {0.5f, 1, 2, 1};
  float out[4];
  kernels::probabilities(evidence, nullptr, 4, out);
  EXPECT_FLOAT_EQ(out[0], 0.5f);
  EXPECT_EQ(out[1], 0);
  EXPECT_EQ(out[2], 1);
  EXPECT_NEAR(out[3], 0, 1e-37);
  kernels::probabilities(evidence, share, 4, out);
  EXPECT_FLOAT_EQ(out[0], 0.25f);
  EXPECT_EQ(out[2], 1);
}

TEST(Kernels, SoundIsPooledByMeanAndMaximum) {
  // [2 frames, 2 bands, 1 channel]: means 2 and 5.
  const float map[] = {1, 3, 4, 6};
  float row, out;
  kernels::pool_sound(map, 2, 2, 1, &row, &out);
  EXPECT_FLOAT_EQ(out, 5 + 3.5f);
}

}  // namespace
}  // namespace lightavseg
