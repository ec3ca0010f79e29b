// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dsp/sample_ring.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "dsp/integer_math.h"

namespace lightavseg::dsp {
namespace {

using Samples = std::vector<float>;

Samples read(const SampleRing& ring, std::int64_t first, std::size_t count, std::size_t written) {
  Samples out(count, -7.0f);
  EXPECT_EQ(ring.read(first, count, out.data()), written);
  return out;
}

void write(SampleRing* ring, std::int64_t first, const Samples& samples) {
  ring->write(samples.data(), samples.size(), first);
}

TEST(SampleTime, RoundsToTheNearestSample) {
  EXPECT_EQ(sample_at(0, 16000), 0);
  EXPECT_EQ(sample_at(62500, 16000), 1);
  EXPECT_EQ(sample_at(62499, 16000), 1);
  EXPECT_EQ(sample_at(31249, 16000), 0);
  EXPECT_EQ(sample_at(31250, 16000), 1);
  EXPECT_EQ(sample_at(-62500, 16000), -1);
  EXPECT_EQ(sample_at(-31251, 16000), -1);
  EXPECT_EQ(sample_at(-31249, 16000), 0);
  EXPECT_EQ(sample_at(33333333, 32000), 1067);
}

TEST(SampleTime, DoesNotDriftOverYears) {
  constexpr std::int64_t kYearNs = 31'536'000LL * 1'000'000'000LL;
  for (const int rate : {16000, 32000, 44100}) {
    for (std::int64_t year = -100; year <= 100; year += 20) {
      for (std::int64_t sample = 0; sample < 5; ++sample) {
        const std::int64_t position = year * 31'536'000LL * rate + sample;
        EXPECT_EQ(sample_at(time_of(position, rate), rate), position);
      }
      EXPECT_EQ(time_of(sample_at(year * kYearNs, rate), rate), year * kYearNs);
    }
  }
}

TEST(SampleTime, TakesTheLargestTimes) {
  const std::int64_t largest = std::numeric_limits<std::int64_t>::max() / 2;
  EXPECT_NEAR(static_cast<double>(time_of(sample_at(largest, 16000), 16000) - largest), 0.0, 31250);
  EXPECT_NEAR(static_cast<double>(time_of(sample_at(-largest, 16000), 16000) + largest), 0.0,
              31250);
}

TEST(IntegerMath, RoundsDownOnBothSidesOfZero) {
  EXPECT_EQ(floor_div(7, 3), 2);
  EXPECT_EQ(floor_div(-7, 3), -3);
  EXPECT_EQ(floor_div(-6, 3), -2);
  EXPECT_EQ(floor_mod(7, 3), 1);
  EXPECT_EQ(floor_mod(-7, 3), 2);
  EXPECT_EQ(floor_mod(-6, 3), 0);
}

TEST(SampleRing, EmptyReadsAsSilence) {
  const SampleRing ring(4);
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(read(ring, -2, 5, 0), Samples(5, 0.0f));
}

TEST(SampleRing, ReadsBackAcrossItsSeam) {
  SampleRing ring(5);
  write(&ring, 3, {1, 2, 3, 4});
  EXPECT_EQ(ring.newest(), 7);
  EXPECT_EQ(ring.oldest(), 2);
  EXPECT_EQ(read(ring, 3, 4, 4), (Samples{1, 2, 3, 4}));
  EXPECT_EQ(read(ring, 0, 9, 4), (Samples{0, 0, 0, 1, 2, 3, 4, 0, 0}));
}

TEST(SampleRing, ForgetsTheOldest) {
  SampleRing ring(4);
  write(&ring, 0, {1, 2, 3, 4});
  write(&ring, 4, {5, 6});
  EXPECT_EQ(read(ring, 0, 6, 4), (Samples{0, 0, 3, 4, 5, 6}));
}

TEST(SampleRing, GapIsSilenceAndNotOldSamples) {
  SampleRing ring(6);
  write(&ring, 0, {1, 2, 3, 4, 5, 6});
  write(&ring, 9, {7});
  EXPECT_EQ(read(ring, 4, 6, 3), (Samples{5, 6, 0, 0, 0, 7}));
  write(&ring, 1000, {8});
  EXPECT_EQ(read(ring, 995, 6, 1), (Samples{0, 0, 0, 0, 0, 8}));
}

TEST(SampleRing, LateSamplesFillTheGap) {
  SampleRing ring(6);
  write(&ring, 0, {1});
  write(&ring, 4, {5});
  write(&ring, 1, {2, 3, 4});
  EXPECT_EQ(ring.newest(), 5);
  EXPECT_EQ(read(ring, 0, 5, 5), (Samples{1, 2, 3, 4, 5}));
}

TEST(SampleRing, LaterWriteWins) {
  SampleRing ring(6);
  write(&ring, 0, {1, 2, 3});
  write(&ring, 1, {8, 9, 10});
  EXPECT_EQ(read(ring, 0, 4, 4), (Samples{1, 8, 9, 10}));
}

TEST(SampleRing, BlockLongerThanTheRingKeepsItsEnd) {
  SampleRing ring(3);
  write(&ring, -2, {1, 2, 3, 4, 5});
  EXPECT_EQ(ring.newest(), 3);
  EXPECT_EQ(read(ring, -2, 5, 3), (Samples{0, 0, 3, 4, 5}));
}

TEST(SampleRing, TooOldSamplesAreDropped) {
  SampleRing ring(3);
  write(&ring, 10, {1, 2, 3});
  write(&ring, 8, {7, 8, 9});
  EXPECT_EQ(read(ring, 8, 5, 3), (Samples{0, 0, 9, 2, 3}));
  write(&ring, 2, {7, 8});
  EXPECT_EQ(read(ring, 8, 5, 3), (Samples{0, 0, 9, 2, 3}));
}

TEST(SampleRing, GuardsWhatItStores) {
  SampleRing ring(3);
  write(&ring, 0, {std::numeric_limits<float>::quiet_NaN(), 1e9f, 0.5f});
  EXPECT_EQ(read(ring, 0, 3, 3), (Samples{0, 1e4f, 0.5f}));
}

TEST(SampleRing, ClearForgetsEverything) {
  SampleRing ring(3);
  write(&ring, 0, {1, 2, 3});
  ring.clear();
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(read(ring, 0, 3, 0), Samples(3, 0.0f));
  write(&ring, 1, {4});
  EXPECT_EQ(read(ring, 0, 3, 1), (Samples{0, 4, 0}));
}

}  // namespace
}  // namespace lightavseg::dsp
