// SPDX-License-Identifier: LGPL-2.1-or-later
// How much a SlidingLogMel computes: no more than what is new.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dsp/sample_ring.h"
#include "dsp/sliding_log_mel.h"
#include "tests/dsp/allocation_counter.h"
#include "tests/dsp/signals.h"

namespace lightavseg::dsp {
namespace {

constexpr std::int64_t kHopNs = 10'000'000;

class SlidingReuse : public ::testing::TestWithParam<FrontEnd> {
 protected:
  // Appends `hops` hops of noise.
  void append(int hops) {
    const auto samples = testing::noise(
        seed_++, static_cast<std::size_t>(hops) * static_cast<std::size_t>(spec_.hop));
    sliding_.push(samples.data(), samples.size(), end_ns_);
    end_ns_ += hops * kHopNs;
  }

  int computed(std::int64_t end_ns) {
    return sliding_.window(end_ns, features_.data()).hops_computed;
  }

  SlidingLogMel sliding_{GetParam()};
  const FrontEndSpec& spec_ = sliding_.spec();
  const int all_ = spec_.frames_per_second;
  // Frames that see the mirrored border of the window: two at either end.
  const int border_ = spec_.centred ? 4 : 0;
  std::int64_t end_ns_ = 0;
  std::uint32_t seed_ = 1;
  std::vector<float> features_ = std::vector<float>(static_cast<std::size_t>(all_) * kMelBands);
};

INSTANTIATE_TEST_SUITE_P(All, SlidingReuse, ::testing::ValuesIn(kAllFrontEnds));

TEST_P(SlidingReuse, FirstWindowComputesEverythingAndTheSameAgainNothing) {
  append(100);
  EXPECT_EQ(computed(end_ns_), all_);
  EXPECT_EQ(computed(end_ns_), 0);
  EXPECT_EQ(computed(end_ns_ + kHopNs - 1'000'000), 0);  // less than a hop later
}

TEST_P(SlidingReuse, OnlyNewHopsAreComputed) {
  append(120);
  computed(end_ns_);
  for (const int hops : {1, 2, 4, 3, 7, 1, 33, 99}) {
    append(hops);
    EXPECT_EQ(computed(end_ns_), std::min(all_, hops + border_)) << hops << " new hops";
  }
}

TEST_P(SlidingReuse, VideoAtThirtyFramesPerSecondComputesATenth) {
  append(100);
  computed(end_ns_);
  int total = 0;
  int frames = 0;
  for (std::int64_t frame = 1; frame <= 300; ++frame) {
    const std::int64_t time = 1'000'000'000 + frame * 1'000'000'000 / 30;
    while (end_ns_ < time) append(1);
    total += computed(time);
    ++frames;
  }
  EXPECT_EQ(frames, 300);
  EXPECT_EQ(total, 1000 + 300 * border_);
}

TEST_P(SlidingReuse, PushingAheadOfTheWindowCostsNothing) {
  append(100);
  computed(end_ns_);
  const std::int64_t end_ns = end_ns_;
  append(100);
  EXPECT_EQ(computed(end_ns), 0);
}

TEST_P(SlidingReuse, GoingBackToARecentWindowReusesItsRows) {
  append(300);
  computed(2'000'000'000);
  computed(2'500'000'000);
  EXPECT_EQ(computed(2'000'000'000), border_);
}

TEST_P(SlidingReuse, WindowAheadOfTheSamplesIsRecomputedWhereTheyArrive) {
  append(90);
  computed(1'000'000'000);
  append(10);
  const int touching = (10 * spec_.hop + spec_.window - 1) / spec_.hop;
  const int again = computed(1'000'000'000);
  EXPECT_GE(again, 10);
  EXPECT_LE(again, touching + 1 + border_);
}

TEST_P(SlidingReuse, LateSamplesInvalidateOnlyTheirSpan) {
  append(40);
  end_ns_ += 10 * kHopNs;
  append(50);
  EXPECT_EQ(computed(end_ns_), all_);
  const auto late = testing::noise(99, static_cast<std::size_t>(10 * spec_.hop));
  sliding_.push(late.data(), late.size(), 40 * kHopNs);
  int touching = 0;
  for (int frame = 0; frame < all_; ++frame) {
    const int first = frame * spec_.hop - (spec_.centred ? spec_.n_fft / 2 : 0);
    if (first < 50 * spec_.hop && first + spec_.window > 40 * spec_.hop) ++touching;
  }
  EXPECT_EQ(computed(end_ns_), touching + border_);
  EXPECT_EQ(computed(end_ns_), 0);
}

TEST_P(SlidingReuse, ResetStartsOver) {
  append(100);
  computed(end_ns_);
  sliding_.reset();
  EXPECT_EQ(computed(end_ns_), all_);
}

TEST_P(SlidingReuse, NothingAllocatesAfterConstruction) {
  const auto samples = testing::noise(1, 40000);
  std::int64_t position = 0;
  const std::int64_t before = testing::allocation_count();
  for (std::size_t size = 1; size < samples.size(); size = size * 3 + 7) {
    sliding_.push(samples.data(), size, time_of(position, spec_.sample_rate));
    position += static_cast<std::int64_t>(size) + (size % 2 == 0 ? 500 : 0);
    computed(time_of(position, spec_.sample_rate));
  }
  sliding_.push(samples.data(), 10, -1'000'000'000'000);
  sliding_.reset();
  EXPECT_EQ(testing::allocation_count(), before);
}

}  // namespace
}  // namespace lightavseg::dsp
