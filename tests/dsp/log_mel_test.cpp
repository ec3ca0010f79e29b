// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dsp/log_mel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "dsp/sample_guard.h"
#include "tests/dsp/allocation_counter.h"
#include "tests/dsp/signals.h"

namespace lightavseg::dsp {
namespace {

using testing::contains;
using testing::error_of;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> row_of(const std::vector<float>& features, int frame) {
  const auto first = features.begin() + static_cast<std::ptrdiff_t>(frame) * kMelBands;
  return std::vector<float>(first, first + kMelBands);
}

class LogMelOfEveryFrontEnd : public ::testing::TestWithParam<FrontEnd> {
 protected:
  LogMel log_mel_{GetParam()};
  const FrontEndSpec& spec_ = log_mel_.spec();
  const std::size_t second_ = static_cast<std::size_t>(spec_.sample_rate);
};

INSTANTIATE_TEST_SUITE_P(All, LogMelOfEveryFrontEnd, ::testing::ValuesIn(kAllFrontEnds));

// Those that mirror the samples at the borders.
using LogMelOfCentredFrontEnd = LogMelOfEveryFrontEnd;

INSTANTIATE_TEST_SUITE_P(All, LogMelOfCentredFrontEnd,
                         ::testing::Values(FrontEnd::kPanns16k, FrontEnd::kPanns32k,
                                           FrontEnd::kPanns32kFrom16k));

TEST_P(LogMelOfEveryFrontEnd, SilenceHasTheDocumentedValue) {
  const std::vector<float> zeros(second_, 0.0f);
  for (const float feature : log_mel_.compute(zeros.data(), zeros.size())) {
    ASSERT_NEAR(feature, spec_.silence, 1e-6);
  }
}

TEST(LogMel, SilenceOfDecibelsIsExact) {
  for (const FrontEnd front_end :
       {FrontEnd::kPanns16k, FrontEnd::kPanns32k, FrontEnd::kPanns32kFrom16k}) {
    const LogMel log_mel(front_end);
    const std::vector<float> zeros(log_mel.min_samples(), 0.0f);
    for (const float feature : log_mel.compute(zeros.data(), zeros.size())) {
      ASSERT_EQ(feature, -100.0f);
    }
  }
}

TEST_P(LogMelOfEveryFrontEnd, ToneIsLoudestInTheBandThatHoldsIt) {
  for (const double hz : {300.0, 1000.0, 2500.0, 6000.0}) {
    const auto samples = testing::sine(spec_.sample_rate, hz, 0.5, second_);
    const auto row = row_of(log_mel_.compute(samples.data(), second_), 50);
    const int loudest = static_cast<int>(std::max_element(row.begin(), row.end()) - row.begin());
    const MelFilterbank::Band band = log_mel_.filterbank().band(loudest);
    const double bin_hz = static_cast<double>(spec_.sample_rate) / spec_.n_fft;
    EXPECT_GT(hz, (band.first_bin - 1.5) * bin_hz);
    EXPECT_LT(hz, (band.first_bin + band.count + 0.5) * bin_hz);
  }
}

TEST_P(LogMelOfEveryFrontEnd, TenfoldAmplitudeIsTwentyDecibels) {
  const auto loud = testing::noise(3, second_);
  auto quiet = loud;
  for (float& sample : quiet) sample /= 10.0f;
  const auto a = log_mel_.compute(loud.data(), second_);
  const auto b = log_mel_.compute(quiet.data(), second_);
  const int live_bands = GetParam() == FrontEnd::kPanns32kFrom16k ? 54 : kMelBands;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (static_cast<int>(i % kMelBands) >= live_bands) continue;
    if (spec_.compression == Compression::kDecibels) {
      ASSERT_NEAR(a[i] - b[i], 20.0f, 1e-3f);
    } else {
      const double offset = spec_.log_constant;
      ASSERT_NEAR((std::exp(a[i]) - offset) / 10.0, std::exp(b[i]) - offset, 2e-4);
    }
  }
}

TEST_P(LogMelOfEveryFrontEnd, FrameCountsFollowTheHop) {
  const auto hop = static_cast<std::size_t>(spec_.hop);
  const std::size_t least = log_mel_.min_samples();
  EXPECT_EQ(log_mel_.frames(0), 0);
  EXPECT_EQ(log_mel_.frames(least - 1), 0);
  EXPECT_EQ(log_mel_.frames(least), spec_.centred ? 2 : 1);
  EXPECT_EQ(log_mel_.frames(second_), spec_.frames_per_second);
  EXPECT_EQ(log_mel_.frames(second_ + hop), spec_.frames_per_second + 1);
  EXPECT_EQ(log_mel_.frames(10 * second_), spec_.centred ? 1001 : 998);
}

TEST_P(LogMelOfEveryFrontEnd, ShortestInputWorksAndOneSampleLessIsRefused) {
  const std::size_t least = log_mel_.min_samples();
  EXPECT_EQ(least, spec_.centred ? static_cast<std::size_t>(spec_.n_fft / 2 + 1) : 400u);
  const auto samples = testing::noise(5, least);
  for (const float feature : log_mel_.compute(samples.data(), least)) {
    EXPECT_TRUE(std::isfinite(feature));
  }
  const std::string error = error_of([&] { log_mel_.compute(samples.data(), least - 1); });
  EXPECT_TRUE(contains(error, std::string(spec_.name))) << error;
  EXPECT_TRUE(contains(error, std::to_string(least - 1) + " samples")) << error;
  EXPECT_TRUE(contains(error, "at least " + std::to_string(least))) << error;
}

TEST_P(LogMelOfEveryFrontEnd, RowsOfAnInputAreTheFramesOneByOne) {
  const auto samples = testing::noise(11, second_ + 77);
  const auto features = log_mel_.compute(samples.data(), samples.size());
  LogMel::Workspace workspace(log_mel_);
  std::vector<float> row(kMelBands);
  for (int frame = 0; frame < log_mel_.frames(samples.size()); ++frame) {
    log_mel_.compute_frame(samples.data(), samples.size(), frame, row.data(), workspace);
    ASSERT_EQ(row, row_of(features, frame)) << "frame " << frame;
  }
}

TEST_P(LogMelOfEveryFrontEnd, FramesAwayFromTheBorderDoNotDependOnIt) {
  const auto samples = testing::noise(12, 2 * second_);
  const auto whole = log_mel_.compute(samples.data(), samples.size());
  const auto half = log_mel_.compute(samples.data() + 40 * spec_.hop, second_);
  int same = 0;
  for (int frame = 0; frame < spec_.frames_per_second; ++frame) {
    const bool equal = row_of(half, frame) == row_of(whole, 40 + frame);
    EXPECT_EQ(equal, !log_mel_.sees_border(frame, second_)) << "frame " << frame;
    same += equal ? 1 : 0;
  }
  EXPECT_EQ(same, spec_.centred ? 97 : 98);
}

TEST_P(LogMelOfCentredFrontEnd, BorderIsMirroredWithoutRepeatingTheEdge) {
  const auto samples = testing::noise(13, second_);
  const auto pad = static_cast<std::size_t>(spec_.n_fft / 2);
  std::vector<float> padded;
  for (std::size_t i = pad; i > 0; --i) padded.push_back(samples[i]);
  padded.insert(padded.end(), samples.begin(), samples.end());
  for (std::size_t i = 1; i <= pad; ++i) padded.push_back(samples[second_ - 1 - i]);
  // The padded samples, moved so that a frame which sees no border starts on their first one.
  const auto hop = static_cast<std::size_t>(spec_.hop);
  std::vector<float> shifted((hop - pad % hop) % hop, 0.0f);
  const int first = static_cast<int>((shifted.size() + pad) / hop);
  shifted.insert(shifted.end(), padded.begin(), padded.end());
  const auto expected = log_mel_.compute(shifted.data(), shifted.size());
  const auto actual = log_mel_.compute(samples.data(), samples.size());
  for (int frame = 0; frame < spec_.frames_per_second; ++frame) {
    ASSERT_EQ(row_of(actual, frame), row_of(expected, first + frame)) << "frame " << frame;
  }
}

TEST_P(LogMelOfEveryFrontEnd, ResultDependsNeitherOnWorkspaceNorOnAlignment) {
  const auto samples = testing::noise(14, second_);
  const auto expected = log_mel_.compute(samples.data(), second_);
  LogMel::Workspace workspace(log_mel_);
  std::vector<float> out(expected.size());
  for (std::size_t shift = 0; shift < 5; ++shift) {
    std::vector<float> moved(shift, 0.5f);
    moved.insert(moved.end(), samples.begin(), samples.end());
    log_mel_.compute(moved.data() + shift, second_, out.data(), workspace);
    ASSERT_EQ(out, expected) << "shift " << shift;
  }
  const LogMel another(GetParam());
  ASSERT_EQ(another.compute(samples.data(), second_), expected);
}

TEST_P(LogMelOfEveryFrontEnd, ThreadsGiveIdenticalResults) {
  constexpr std::size_t kThreads = 4;
  std::vector<std::vector<float>> inputs;
  std::vector<std::vector<float>> expected;
  for (std::size_t i = 0; i < kThreads; ++i) {
    inputs.push_back(testing::noise(20 + static_cast<std::uint32_t>(i), second_));
    expected.push_back(log_mel_.compute(inputs[i].data(), second_));
  }
  std::vector<int> different(kThreads, 0);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      LogMel::Workspace workspace(log_mel_);
      std::vector<float> out(expected[i].size());
      for (int round = 0; round < 20; ++round) {
        const LogMel planned_meanwhile(GetParam());
        log_mel_.compute(inputs[i].data(), second_, out.data(), workspace);
        if (out != expected[i]) ++different[i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(different, std::vector<int>(kThreads, 0));
}

TEST_P(LogMelOfEveryFrontEnd, BadSamplesCountAsSilence) {
  const auto clean = testing::noise(15, second_);
  for (const float bad : {kNan, -kNan, kInfinity, -kInfinity, 1e-13f, 1e-42f}) {
    auto broken = clean;
    auto silenced = clean;
    for (const std::size_t i : {std::size_t{0}, std::size_t{7000}, second_ - 1}) {
      broken[i] = bad;
      silenced[i] = 0.0f;
    }
    ASSERT_EQ(log_mel_.compute(broken.data(), second_), log_mel_.compute(silenced.data(), second_));
  }
}

TEST_P(LogMelOfEveryFrontEnd, AbsurdlyLoudSamplesStayFinite) {
  auto samples = testing::noise(16, second_);
  for (float& sample : samples) sample *= std::numeric_limits<float>::max();
  for (const float feature : log_mel_.compute(samples.data(), second_)) {
    ASSERT_TRUE(std::isfinite(feature));
  }
}

TEST_P(LogMelOfEveryFrontEnd, BadInputDoesNotReachTheNextCall) {
  const auto clean = testing::noise(17, second_);
  const auto expected = log_mel_.compute(clean.data(), second_);
  LogMel::Workspace workspace(log_mel_);
  std::vector<float> out(expected.size());
  const std::vector<float> nans(second_, kNan);
  log_mel_.compute(nans.data(), second_, out.data(), workspace);
  for (const float feature : out) ASSERT_NEAR(feature, spec_.silence, 1e-6);
  log_mel_.compute(clean.data(), second_, out.data(), workspace);
  EXPECT_EQ(out, expected);
}

TEST_P(LogMelOfEveryFrontEnd, ComputeAllocatesNothing) {
  const auto samples = testing::noise(18, second_);
  LogMel::Workspace workspace(log_mel_);
  std::vector<float> out(static_cast<std::size_t>(spec_.frames_per_second) * kMelBands);
  const std::int64_t before = testing::allocation_count();
  log_mel_.compute(samples.data(), second_, out.data(), workspace);
  EXPECT_EQ(testing::allocation_count(), before);
}

TEST_P(LogMelOfEveryFrontEnd, MovedObjectsKeepWorking) {
  const auto samples = testing::noise(19, second_);
  const auto expected = log_mel_.compute(samples.data(), second_);
  LogMel::Workspace first(log_mel_);
  LogMel moved = std::move(log_mel_);
  LogMel::Workspace workspace = std::move(first);
  std::vector<float> out(expected.size());
  moved.compute(samples.data(), second_, out.data(), workspace);
  EXPECT_EQ(out, expected);
  EXPECT_TRUE(contains(error_of([&] { moved.compute(samples.data(), second_, out.data(), first); }),
                       "workspace"));
}

TEST(LogMel, WorkspaceServesAnotherFrontEndOfTheSameLength) {
  const LogMel panns(FrontEnd::kPanns16k);
  const LogMel vggish(FrontEnd::kVggish);
  const auto samples = testing::noise(30, 16000);
  const auto expected = vggish.compute(samples.data(), samples.size());
  LogMel::Workspace workspace(panns);
  std::vector<float> out(101 * kMelBands);
  panns.compute(samples.data(), samples.size(), out.data(), workspace);
  vggish.compute(samples.data(), samples.size(), out.data(), workspace);
  out.resize(expected.size());
  EXPECT_EQ(out, expected);
}

TEST(LogMel, BadArgumentsAreNamed) {
  const LogMel log_mel(FrontEnd::kPanns16k);
  const std::vector<float> samples(16000, 0.0f);
  std::vector<float> out(101 * kMelBands);
  LogMel::Workspace workspace(log_mel);
  LogMel::Workspace longer{LogMel(FrontEnd::kPanns32k)};
  const auto error = [&](const float* in, float* to, LogMel::Workspace& with) {
    return error_of([&] { log_mel.compute(in, samples.size(), to, with); });
  };
  EXPECT_TRUE(contains(error(nullptr, out.data(), workspace), "samples is a null pointer"));
  EXPECT_TRUE(contains(error(samples.data(), nullptr, workspace), "out is a null pointer"));
  EXPECT_TRUE(contains(error(samples.data(), out.data(), longer), "512"));
  for (const int frame : {-1, 101}) {
    EXPECT_TRUE(contains(error_of([&] {
                           log_mel.compute_frame(samples.data(), samples.size(), frame, out.data(),
                                                 workspace);
                         }),
                         "frames 0 to 100"));
  }
  EXPECT_TRUE(contains(error_of([] { LogMel unknown(static_cast<FrontEnd>(-1)); }), "-1"));
}

TEST(SampleGuard, LeavesOrdinarySamplesAlone) {
  for (const float sample : {0.0f, 1.0f, -1.0f, 0.3f, -1e-6f, 3.5f, -9999.0f}) {
    EXPECT_EQ(guarded(sample), sample);
  }
}

TEST(SampleGuard, AppliesOnceAndForAll) {
  EXPECT_EQ(guarded(2e4f), kLoudestSample);
  EXPECT_EQ(guarded(-2e4f), -kLoudestSample);
  for (const float sample : {kNan, kInfinity, -kInfinity, 1e-13f, -1e-42f, 1e30f, 0.25f}) {
    EXPECT_EQ(guarded(guarded(sample)), guarded(sample));
  }
}

}  // namespace
}  // namespace lightavseg::dsp
