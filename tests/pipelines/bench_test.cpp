// SPDX-License-Identifier: LGPL-2.1-or-later
// What `lightavseg bench` measures with; that its times are true is not tested, only whose they
// are.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/network/config.h"
#include "pipelines/tool/bench_interleaved.h"
#include "pipelines/tool/bench_measure.h"
#include "pipelines/tool/bench_model.h"
#include "pipelines/tool/bench_roof.h"

namespace lightavseg::tool {
namespace {

TEST(BenchMedian, OfOddAndEvenCounts) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({7}), 7);
  EXPECT_THROW(median({}), std::runtime_error);
}

TEST(BenchMedian, OfRatiosPairsTheRounds) {
  // The ratio of the medians would be 2.
  EXPECT_EQ(median_ratio({1, 2, 9}, {1, 1, 3}), 2);
  EXPECT_EQ(median_ratio({10, 2, 30}, {1, 2, 10}), 3);
  EXPECT_THROW(median_ratio({1}, {1, 2}), std::runtime_error);
}

TEST(BenchInterleaved, TakesTurns) {
  std::string order;
  const std::vector<Work> works = {{"a", [&](int) { order += 'a'; }},
                                   {"b", [&](int) { order += 'b'; }}};
  const auto times = measure_interleaved(works, 3, 0);
  // Two of each to warm up, then one of each a round.
  EXPECT_EQ(order, "aabbababab");
  ASSERT_EQ(times.size(), 2u);
  for (const auto& rounds : times) {
    ASSERT_EQ(rounds.size(), 3u);
    for (double time : rounds) EXPECT_GT(time, 0);
  }
}

TEST(BenchInterleaved, GivesEveryThreadItsNumber) {
  std::atomic<int> runs[3] = {};
  measure_interleaved({{"threads", [&](int t) { ++runs[t]; }, 3}}, 2, 0);
  for (const auto& count : runs) EXPECT_EQ(count, 4);  // two to warm up, two rounds
}

TEST(BenchInterleaved, PassesOnWhatWorkThrows) {
  int calls = 0;
  const auto work = [&](int) {
    if (++calls > 2) throw std::runtime_error("no more");
  };
  try {
    measure_interleaved({{"fails", work}}, 2, 0);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "no more");
  }
  // The registry is clean again.
  EXPECT_EQ(measure_interleaved({{"works", [](int) {}}}, 1, 0)[0].size(), 1u);
}

TEST(BenchRoof, CountsTheOperationsOfAConvolution) {
  const RoofKernel kernel({16, 8, 3}, Arithmetic::kFloat32, 2);
  EXPECT_EQ(kernel.operations(), 2.0 * 8 * 8 * 16 * 16 * 9);
  EXPECT_EQ(kernel.name(), "3x3 of 16 channels, 8x8");
  EXPECT_NO_THROW(kernel.run(0));
  EXPECT_NO_THROW(kernel.run(1));
  EXPECT_THROW(kernel.run(2), std::exception);
}

TEST(BenchModel, IsATemporaryFileOfTheChosenSize) {
  std::filesystem::path path;
  {
    const BenchModel model("tiny", "", 64, 96, 101);
    path = model.path();
    EXPECT_TRUE(std::filesystem::exists(path));
    EXPECT_EQ(model.variant(), "tiny");
    std::int64_t sum = 0;
    for (const auto& part : model.parts()) {
      EXPECT_EQ(part.name.find('.'), std::string::npos) << part.name;
      EXPECT_GT(part.macs, 0) << part.name;
      sum += part.macs;
    }
    EXPECT_EQ(model.parts().size(), 6u);
    EXPECT_EQ(model.macs(), sum);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(BenchModel, RefusesUnknownVariants) {
  EXPECT_THROW(BenchModel("huge", "", 64, 64, 101), ConfigError);
}

BenchSettings quick() {
  BenchSettings settings;
  settings.rounds = 1;
  settings.seconds = 0;
  settings.roof = false;
  return settings;
}

double stage_ms(const std::vector<BenchStage>& stages, const std::string& name) {
  for (const auto& stage : stages)
    if (stage.name == name) return stage.ms;
  ADD_FAILURE() << "no stage " << name;
  return 0;
}

TEST(BenchMeasure, FindsEveryStageInBothEngines) {
  const BenchModel model("tiny", "", 64, 64, 48);
  auto settings = quick();
  settings.audio_frames = 48;
  settings.threads = 2;
  const auto result = measure(model, settings);
  EXPECT_EQ(result.height, 64);
  EXPECT_EQ(result.width, 64);
  EXPECT_EQ(result.macs, model.macs());
  for (double ms : {result.engine_ms, result.same_sound_ms, result.log_mel_ms, result.reference_ms,
                    result.load_ms, result.reference_load_ms})
    EXPECT_GT(ms, 0);
  EXPECT_GT(result.frames_per_second, 0);
  EXPECT_EQ(result.roof_gflops, 0);  // was not asked for
  for (const auto* stages : {&result.stages, &result.reference_stages})
    for (const char* name : {"pre", "audio", "visual", "reciprocal_encoder", "fusion_decoder",
                             "top_down", "head", "post"})
      EXPECT_GT(stage_ms(*stages, name), 0) << name;
}

TEST(BenchMeasure, TheReferenceCanBeTheEngine) {
  const BenchModel model("tiny", "", 64, 64, 48);
  auto settings = quick();
  settings.audio_frames = 48;
  settings.engine = "reference";
  settings.reference = false;
  const auto result = measure(model, settings);
  EXPECT_GT(result.engine_ms, 0);
  EXPECT_EQ(result.reference_ms, 0);
  EXPECT_GT(stage_ms(result.stages, "visual"), 0);
}

}  // namespace
}  // namespace lightavseg::tool
