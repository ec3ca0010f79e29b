// SPDX-License-Identifier: LGPL-2.1-or-later
// The features of a sliding window against those of the same samples computed as a whole.
#include "dsp/sliding_log_mel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "dsp/sample_ring.h"
#include "tests/dsp/signals.h"
#include "tests/dsp/timeline.h"

namespace lightavseg::dsp {
namespace {

using testing::contains;
using testing::Dice;
using testing::error_of;
using testing::Timeline;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kHistorySeconds = 4;

// A SlidingLogMel and its plain counterpart, fed alike.
class Pair {
 public:
  explicit Pair(FrontEnd front_end)
      : sliding(front_end),
        rate(sliding.spec().sample_rate),
        timeline(front_end, rate, kHistorySeconds * rate),
        features_(static_cast<std::size_t>(sliding.frames()) * kMelBands) {}

  std::int64_t ns(std::int64_t sample) const { return time_of(sample, sliding.spec().sample_rate); }

  // jitter_ns moves the time stamp, not the samples.
  void push(std::int64_t first, const std::vector<float>& samples, std::int64_t jitter_ns = 0) {
    sliding.push(samples.data(), samples.size(), ns(first) + jitter_ns);
    timeline.put(first, samples);
  }

  void expect_equal(std::int64_t end) {
    const SlidingLogMel::Window window = sliding.window(ns(end), features_.data());
    EXPECT_EQ(window.start_ns, ns(timeline.window_start(end)));
    EXPECT_EQ(window.end_ns, ns(timeline.window_start(end) + rate));
    EXPECT_DOUBLE_EQ(window.filled, timeline.filled(end));
    ASSERT_EQ(features_, timeline.features(end)) << "window ending at sample " << end;
  }

  SlidingLogMel sliding;
  std::int64_t rate;
  Timeline timeline;

 private:
  std::vector<float> features_;
};

class SlidingOfEveryFrontEnd : public ::testing::TestWithParam<FrontEnd> {
 protected:
  Pair pair_{GetParam()};
  const std::int64_t rate_ = pair_.rate;
};

INSTANTIATE_TEST_SUITE_P(All, SlidingOfEveryFrontEnd, ::testing::ValuesIn(kAllFrontEnds));

TEST_P(SlidingOfEveryFrontEnd, EqualsTheWholeForRandomBlocksAndWindows) {
  Dice dice(1);
  std::int64_t position = 0;
  for (std::uint32_t round = 0; round < 60; ++round) {
    const int size = 1 + dice.below(dice.below(4) == 0 ? 9000 : 700);
    pair_.push(position, testing::noise(round, static_cast<std::size_t>(size)));
    position += size;
    if (dice.below(2) == 0) continue;
    // Around the newest sample: up to 1/4 s ahead, up to 3 s behind.
    const int quarter = static_cast<int>(rate_ / 4);
    const int behind = dice.below(3) == 0 ? dice.below(12 * quarter) : 0;
    pair_.expect_equal(position + dice.below(quarter) - behind);
  }
}

TEST_P(SlidingOfEveryFrontEnd, EqualsTheWholeWithGapsOverlapsAndLateBlocks) {
  Dice dice(2);
  std::int64_t position = 0;
  for (std::uint32_t round = 0; round < 60; ++round) {
    const int size = 1 + dice.below(3000);
    const auto samples = testing::noise(100 + round, static_cast<std::size_t>(size));
    switch (dice.below(4)) {
      case 0:  // a gap
        position += 10 + dice.below(4000);
        break;
      case 1:  // back into what is known already
        position -= 10 + dice.below(3000);
        break;
      default:
        break;
    }
    pair_.push(position, samples);
    position += size;
    if (dice.below(3) != 0) pair_.expect_equal(position + dice.below(2000) - 1000);
  }
}

TEST_P(SlidingOfEveryFrontEnd, EqualsTheWholeWithJitteringTimeStamps) {
  Dice dice(3);
  const auto sample_ns = static_cast<int>(kSecondNs / rate_);
  std::int64_t position = 5 * rate_;
  for (std::uint32_t round = 0; round < 100; ++round) {
    const int size = 100 + dice.below(500);
    // The first stamp places the stream; the others are off by less than one sample.
    const std::int64_t jitter = round == 0 ? 0 : dice.below(2 * sample_ns - 1) - (sample_ns - 1);
    pair_.push(position, testing::noise(round, static_cast<std::size_t>(size)), jitter);
    position += size;
  }
  pair_.expect_equal(position);
  EXPECT_EQ(pair_.timeline.filled(position), 1.0);
}

TEST_P(SlidingOfEveryFrontEnd, StaysExactAfterDaysAndBeforeTimeZero) {
  constexpr std::int64_t kDay = 86400;
  for (const std::int64_t day : {-2, 1, 400}) {
    Pair pair(GetParam());
    std::int64_t position = day * kDay * rate_ + 137;
    for (std::uint32_t block = 0; block < 12; ++block) {
      pair.push(position, testing::noise(block, 1600));
      position += 1600;
    }
    pair.expect_equal(position);
    pair.expect_equal(position - 801);
  }
}

TEST_P(SlidingOfEveryFrontEnd, WindowBeforeAnySampleIsSilence) {
  std::vector<float> features(static_cast<std::size_t>(pair_.sliding.frames()) * kMelBands, 7.0f);
  const SlidingLogMel::Window window = pair_.sliding.window(3 * kSecondNs, features.data());
  EXPECT_EQ(window.filled, 0.0);
  EXPECT_EQ(window.level_db, -100.0f);
  EXPECT_EQ(window.start_ns, 2 * kSecondNs);
  EXPECT_EQ(window.end_ns, 3 * kSecondNs);
  for (const float feature : features) ASSERT_NEAR(feature, pair_.sliding.spec().silence, 1e-6);
  // Samples that come later must replace that silence.
  pair_.push(2 * rate_ + 100, testing::noise(9, 900));
  pair_.expect_equal(3 * rate_);
}

TEST_P(SlidingOfEveryFrontEnd, FarJumpsForwardLeaveSilence) {
  pair_.push(0, testing::noise(1, 4000));
  pair_.push(1000 * rate_, testing::noise(2, 4000));
  pair_.expect_equal(1000 * rate_ + 4000);
  pair_.expect_equal(4000);
}

TEST_P(SlidingOfEveryFrontEnd, ForgottenSamplesAreSilenceEvenWhenTheirRowsWereKnown) {
  std::int64_t position = 0;
  for (std::uint32_t block = 0; block < 20; ++block) {
    pair_.push(position, testing::noise(block, static_cast<std::size_t>(rate_ / 4)));
    position += rate_ / 4;
    pair_.expect_equal(rate_);
    pair_.expect_equal(rate_ + rate_ / 3);
  }
  EXPECT_EQ(pair_.timeline.filled(rate_), 0.0);
}

TEST_P(SlidingOfEveryFrontEnd, WindowAskedForAgainSeesWhatWasForgottenMeanwhile) {
  for (std::int64_t block = 0; block < 50; ++block) {
    pair_.push(block * rate_ / 10, testing::noise(7, static_cast<std::size_t>(rate_ / 10)));
    pair_.expect_equal(rate_);
  }
}

TEST_P(SlidingOfEveryFrontEnd, TimeTurnedBackRestarts) {
  pair_.push(100 * rate_, testing::noise(1, static_cast<std::size_t>(2 * rate_)));
  pair_.expect_equal(102 * rate_);
  pair_.timeline.clear();
  pair_.push(10 * rate_, testing::noise(2, 8000));
  pair_.expect_equal(10 * rate_ + 8000);
  pair_.expect_equal(102 * rate_);
}

TEST_P(SlidingOfEveryFrontEnd, ResetForgetsSamplesAndRows) {
  pair_.push(0, testing::noise(1, static_cast<std::size_t>(rate_)));
  pair_.expect_equal(rate_);
  pair_.sliding.reset();
  pair_.timeline.clear();
  pair_.expect_equal(rate_);
  pair_.push(500, testing::noise(2, 4000));
  pair_.expect_equal(rate_);
}

TEST_P(SlidingOfEveryFrontEnd, BadSamplesDoNotPoisonLaterWindows) {
  std::vector<float> bad(1600, std::numeric_limits<float>::quiet_NaN());
  bad[3] = std::numeric_limits<float>::infinity();
  pair_.push(0, bad);
  pair_.push(1600, testing::noise(1, static_cast<std::size_t>(2 * rate_)));
  std::vector<float> features(static_cast<std::size_t>(pair_.sliding.frames()) * kMelBands);
  const SlidingLogMel::Window window = pair_.sliding.window(kSecondNs, features.data());
  for (const float feature : features) ASSERT_TRUE(std::isfinite(feature));
  EXPECT_TRUE(std::isfinite(window.level_db));
  EXPECT_EQ(window.filled, 1.0);
  pair_.expect_equal(rate_);  // compute() treats the same samples the same way
  pair_.expect_equal(2 * rate_);
}

TEST_P(SlidingOfEveryFrontEnd, BlockLongerThanTheHistory) {
  pair_.push(0, testing::noise(1, static_cast<std::size_t>(6 * rate_)));
  pair_.expect_equal(6 * rate_);
  pair_.expect_equal(2 * rate_ + rate_ / 2);
}

TEST(SlidingLogMel, EndsOnTheLastHopThatIsNotLaterThanAsked) {
  SlidingLogMel sliding(FrontEnd::kPanns32kFrom16k);
  std::vector<float> features(101 * kMelBands);
  EXPECT_EQ(sliding.window(1'009'900'000, features.data()).end_ns, kSecondNs);
  EXPECT_EQ(sliding.window(1'010'000'000, features.data()).end_ns, 1'010'000'000);
  // One third of a second, three times, loses a nanosecond: still the same sample.
  EXPECT_EQ(sliding.window(999'999'999, features.data()).end_ns, kSecondNs);
  EXPECT_EQ(sliding.window(-1'000'000, features.data()).end_ns, -10'000'000);
}

TEST(SlidingLogMel, DriftingClockIsFollowed) {
  // The stamps run 0.1 % fast: blocks of 1000 samples claim to be 1001 long.
  SlidingLogMel sliding(FrontEnd::kPanns16k);
  std::vector<float> features(101 * kMelBands);
  const std::vector<float> block(1000, 0.5f);
  std::int64_t claimed = 0;
  for (int i = 0; i < 3000; ++i) {
    sliding.push(block.data(), block.size(), time_of(claimed, 16000));
    claimed += 1001;
  }
  const SlidingLogMel::Window window = sliding.window(time_of(claimed, 16000), features.data());
  EXPECT_GT(window.filled, 0.98);
  EXPECT_GT(window.level_db, -6.2f);
}

TEST(SlidingLogMel, JitterToleranceIsAnOption) {
  SlidingLogMel::Options options;
  options.jitter_samples = 16;  // 1 ms
  SlidingLogMel tolerant(FrontEnd::kPanns16k, options);
  SlidingLogMel strict(FrontEnd::kPanns16k);
  const std::vector<float> block(333, 0.5f);
  std::vector<float> features(101 * kMelBands);
  double filled[2] = {};
  int index = 0;
  for (SlidingLogMel* sliding : {&tolerant, &strict}) {
    for (int i = 0; i < 100; ++i) {
      const std::int64_t exact = time_of(i * 333, 16000);
      sliding->push(block.data(), block.size(), exact / 1'000'000 * 1'000'000);
    }
    filled[index++] = sliding->window(2 * kSecondNs, features.data()).filled;
  }
  EXPECT_EQ(filled[0], 1.0);
  EXPECT_LT(filled[1], 1.0);
}

TEST(SlidingLogMel, LevelIsTheRootMeanSquare) {
  SlidingLogMel sliding(FrontEnd::kPanns16k);
  std::vector<float> features(101 * kMelBands);
  const auto level = [&](double amplitude, std::size_t count) {
    sliding.reset();
    const auto samples = testing::sine(16000, 500.0, amplitude, count);
    sliding.push(samples.data(), samples.size(), 0);
    return sliding.window(kSecondNs, features.data()).level_db;
  };
  EXPECT_NEAR(level(1.0, 16000), -3.0103, 1e-3);
  EXPECT_NEAR(level(0.1, 16000), -23.0103, 1e-3);
  EXPECT_NEAR(level(1.0, 8000), -6.0206, 1e-3);  // half of the window is missing
  EXPECT_EQ(level(1e-7, 16000), -100.0f);
}

TEST(SlidingLogMel, OtherWindowLengths) {
  for (const std::int64_t window_ns :
       {std::int64_t{20'000'000}, std::int64_t{333'000'000}, std::int64_t{960'062'500}}) {
    SlidingLogMel::Options options;
    options.window_ns = window_ns;
    SlidingLogMel sliding(FrontEnd::kPanns16k, options);
    const std::int64_t length = sample_at(window_ns, 16000);
    ASSERT_EQ(sliding.window_samples(), static_cast<std::size_t>(length));
    Timeline timeline(FrontEnd::kPanns16k, length, 4 * 16000);
    std::vector<float> features(static_cast<std::size_t>(sliding.frames()) * kMelBands);
    for (std::int64_t block = 0; block < 20; ++block) {
      const auto samples = testing::noise(static_cast<std::uint32_t>(block), 1003);
      sliding.push(samples.data(), samples.size(), time_of(block * 1003, 16000));
      timeline.put(block * 1003, samples);
      const std::int64_t end = (block + 1) * 1003;
      sliding.window(time_of(end, 16000), features.data());
      ASSERT_EQ(features, timeline.features(end)) << window_ns << " ns, block " << block;
    }
  }
}

TEST(SlidingLogMel, BadOptionsAreNamed) {
  const auto error = [](std::int64_t window_ns, std::int64_t history_ns, int jitter) {
    SlidingLogMel::Options options;
    options.window_ns = window_ns;
    options.history_ns = history_ns;
    options.jitter_samples = jitter;
    return error_of([&] { SlidingLogMel sliding(FrontEnd::kPanns16k, options); });
  };
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  EXPECT_TRUE(contains(error(16'000'000, kSecondNs, 1), "at least 16062500"));
  EXPECT_EQ(error(16'062'500, kSecondNs, 1), "no error");
  EXPECT_TRUE(contains(error(-1, kSecondNs, 1), "window_ns is -1"));
  EXPECT_TRUE(contains(error(kLargest, kLargest, 1), "window_ns"));
  EXPECT_TRUE(contains(error(kSecondNs, kSecondNs - 1, 1), "history_ns is 999999999"));
  EXPECT_TRUE(contains(error(kSecondNs, kLargest, 1), "one hour"));
  EXPECT_TRUE(contains(error(kSecondNs, kSecondNs, -1), "jitter_samples is -1"));
}

TEST(SlidingLogMel, BadArgumentsAreNamedAndChangeNothing) {
  Pair pair(FrontEnd::kVggish);
  pair.push(0, testing::noise(1, 16000));
  const std::vector<float> samples(10, 1.0f);
  std::vector<float> features(98 * kMelBands);
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t kSmallest = std::numeric_limits<std::int64_t>::min();
  EXPECT_TRUE(contains(error_of([&] { pair.sliding.push(nullptr, 10, 0); }), "null"));
  EXPECT_EQ(error_of([&] { pair.sliding.push(nullptr, 0, kLargest); }), "no error");
  EXPECT_TRUE(contains(error_of([&] { pair.sliding.window(0, nullptr); }), "98 x 64"));
  for (const std::int64_t time : {kLargest, kSmallest}) {
    EXPECT_TRUE(contains(error_of([&] { pair.sliding.push(samples.data(), 10, time); }), "pts_ns"));
    EXPECT_TRUE(contains(error_of([&] { pair.sliding.window(time, features.data()); }), "end_ns"));
  }
  pair.expect_equal(16000);
}

TEST(SlidingLogMel, TakesTheLargestTimes) {
  constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max() / 2;
  for (const std::int64_t time : {kLargest, -kLargest}) {
    SlidingLogMel sliding(FrontEnd::kPanns32k);
    const std::vector<float> samples(32000, 1.0f);
    std::vector<float> features(101 * kMelBands);
    sliding.push(samples.data(), samples.size(), time);
    EXPECT_LT(sliding.window(time, features.data()).filled, 0.02);
    EXPECT_EQ(sliding.window(-time, features.data()).filled, 0.0);
  }
}

}  // namespace
}  // namespace lightavseg::dsp
