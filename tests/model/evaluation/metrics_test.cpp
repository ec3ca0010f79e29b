// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace lightavseg {
namespace {

// Frame A has a mask, frame B has none.
const std::vector<float> kProbabilityA = {.9f, .8f, .2f, .7f, .4f, .1f, .6f, .3f, .05f};
const std::vector<std::uint8_t> kMaskA = {1, 1, 0, 1, 1, 0, 0, 0, 0};
const std::vector<float> kProbabilityB = {.1f, .2f, .3f, .4f, .45f, .2f, .1f, .1f, .6f};
const std::vector<std::uint8_t> kMaskB(9, 0);

void add_a(BinaryMetrics* metrics) {
  metrics->add_frame(kProbabilityA.data(), kMaskA.data(), 9);
}
void add_b(BinaryMetrics* metrics) {
  metrics->add_frame(kProbabilityB.data(), kMaskB.data(), 9);
}

// Small integer generator, so that the frames are the same with every standard library.
class Random {
 public:
  explicit Random(std::uint32_t seed) : state_(seed) {}
  std::uint32_t next() {
    state_ += 0x9E3779B9u;
    std::uint32_t x = state_;
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
  }
  float unit() { return static_cast<float>(next() >> 8) / 16777216.0f; }

 private:
  std::uint32_t state_;
};

template <typename Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const MetricsError& error) {
    return error.what();
  }
  return "";
}

TEST(BinaryMetrics, ScoresAFrameWithAMask) {
  BinaryMetrics metrics;
  add_a(&metrics);
  for (Protocol protocol : {Protocol::kClean, Protocol::kAvsBench}) {
    EXPECT_NEAR(metrics.scores(protocol).mask_iou, 0.599999988, 1e-9);
    EXPECT_NEAR(metrics.scores(protocol).f_measure, 0.928571429, 1e-9);
  }
  // Three of four mask pixels lie above .6, the only false one is at .6.
  EXPECT_GT(metrics.scores().best_threshold, 0.6);
  EXPECT_LE(metrics.scores().best_threshold, 0.7);
}

TEST(BinaryMetrics, ScoresAnEmptyMaskByTheBackgroundLeftAlone) {
  BinaryMetrics metrics;
  add_b(&metrics);
  EXPECT_NEAR(metrics.scores().mask_iou, 0.888888879, 1e-9);
  EXPECT_EQ(metrics.scores().f_measure, 0);
  EXPECT_EQ(metrics.scores().frames, 1u);
  EXPECT_EQ(metrics.scores().frames_with_mask, 0u);
}

TEST(BinaryMetrics, AveragesBothFramesOfOneBatch) {
  BinaryMetrics metrics;
  add_a(&metrics);
  add_b(&metrics);
  for (Protocol protocol : {Protocol::kClean, Protocol::kAvsBench}) {
    EXPECT_NEAR(metrics.scores(protocol).mask_iou, 0.744444434, 1e-9);
    EXPECT_NEAR(metrics.scores(protocol).f_measure, 0.928571429, 1e-9);
  }
}

TEST(BinaryMetrics, AvsBenchAveragesABatchWithoutMaskAsZero) {
  BinaryMetrics metrics;
  add_a(&metrics);
  metrics.end_batch();
  add_b(&metrics);
  metrics.end_batch();
  EXPECT_NEAR(metrics.scores(Protocol::kAvsBench).f_measure, 0.928571429 / 2, 1e-9);
  EXPECT_NEAR(metrics.scores(Protocol::kClean).f_measure, 0.928571429, 1e-9);
}

TEST(BinaryMetrics, AvsBenchWeighsASmallLastBatchAsAFullOne) {
  BinaryMetrics metrics;
  add_a(&metrics);
  add_a(&metrics);
  metrics.end_batch();
  add_b(&metrics);
  EXPECT_NEAR(metrics.scores(Protocol::kAvsBench).mask_iou, (0.599999988 + 0.888888879) / 2, 1e-9);
  EXPECT_NEAR(metrics.scores(Protocol::kClean).mask_iou, (2 * 0.599999988 + 0.888888879) / 3, 1e-9);
}

TEST(BinaryMetrics, FMeasureDependsOnTheBatchSizeOnlyInAvsBench) {
  // Two frames whose best thresholds differ: alone each reaches 1, together they cannot.
  const std::vector<float> low = {.3f, .1f};
  const std::vector<float> high = {.9f, .8f};
  const std::vector<std::uint8_t> mask = {1, 0};
  BinaryMetrics alone;
  alone.add_frame(low.data(), mask.data(), 2);
  alone.end_batch();
  alone.add_frame(high.data(), mask.data(), 2);
  BinaryMetrics together;
  together.add_frame(low.data(), mask.data(), 2);
  together.add_frame(high.data(), mask.data(), 2);
  EXPECT_NEAR(alone.scores(Protocol::kAvsBench).f_measure, 1, 1e-12);
  EXPECT_LT(together.scores(Protocol::kAvsBench).f_measure, 0.9);
  EXPECT_EQ(alone.scores().f_measure, together.scores().f_measure);
}

TEST(BinaryMetrics, HalfIsNotPredicted) {
  const float half = 0.5f;
  const std::uint8_t mask = 255;
  BinaryMetrics metrics;
  metrics.add_frame(&half, &mask, 1);
  EXPECT_EQ(metrics.scores().mask_iou, 0);
}

TEST(BinaryMetrics, ThresholdsAreThoseOfTheBenchmark) {
  const auto& thresholds = BinaryMetrics::thresholds();
  EXPECT_EQ(thresholds.front(), 0.0f);
  EXPECT_EQ(thresholds.back(), 1.0f);
  for (std::size_t i = 1; i < thresholds.size(); ++i) {
    EXPECT_LT(thresholds[i - 1], thresholds[i]);
    EXPECT_NEAR(thresholds[i], static_cast<double>(i) / 254, 1e-7);
  }
}

TEST(BinaryMetrics, FMeasureEqualsTheDirectCount) {
  Random random(7);
  const auto& thresholds = BinaryMetrics::thresholds();
  BinaryMetrics metrics;
  std::vector<double> sums(thresholds.size(), 0);
  constexpr int kFrames = 5;
  for (int frame = 0; frame < kFrames; ++frame) {
    std::vector<float> probability(100);
    std::vector<std::uint8_t> mask(100);
    for (std::size_t i = 0; i < 100; ++i) {
      // Half of the values lie exactly on a threshold.
      probability[i] = i % 2 ? random.unit() : thresholds[random.next() % thresholds.size()];
      mask[i] = random.next() % 3 == 0;
    }
    mask[0] = 1;
    metrics.add_frame(probability.data(), mask.data(), 100);
    for (std::size_t t = 0; t < thresholds.size(); ++t) {
      double positives = 0, hits = 0, labelled = 0;
      for (std::size_t i = 0; i < 100; ++i) {
        positives += probability[i] >= thresholds[t];
        hits += probability[i] >= thresholds[t] && mask[i];
        labelled += mask[i];
      }
      const double precision = hits / (positives + 1e-20), recall = hits / labelled;
      if (hits > 0) sums[t] += 1.3 * precision * recall / (0.3 * precision + recall);
    }
  }
  const double best = *std::max_element(sums.begin(), sums.end()) / kFrames;
  EXPECT_NEAR(metrics.scores().f_measure, best, 1e-12);
}

TEST(BinaryMetrics, MergeEqualsOnePass) {
  BinaryMetrics first, second, all;
  add_a(&first);
  first.end_batch();
  add_b(&second);
  add_a(&second);
  add_a(&all);
  all.end_batch();
  add_b(&all);
  add_a(&all);
  first.merge(second);
  for (Protocol protocol : {Protocol::kClean, Protocol::kAvsBench}) {
    EXPECT_NEAR(first.scores(protocol).mask_iou, all.scores(protocol).mask_iou, 1e-12);
    EXPECT_NEAR(first.scores(protocol).f_measure, all.scores(protocol).f_measure, 1e-12);
  }
  EXPECT_EQ(first.scores().frames, 3u);
  EXPECT_EQ(first.scores().frames_with_mask, 2u);
}

TEST(BinaryMetrics, NothingSeenScoresZero) {
  BinaryMetrics metrics;
  metrics.end_batch();
  EXPECT_EQ(metrics.scores().mask_iou, 0);
  EXPECT_EQ(metrics.scores(Protocol::kAvsBench).f_measure, 0);
}

TEST(BinaryMetrics, RefusesLogitsAndEmptyFrames) {
  BinaryMetrics metrics;
  const std::uint8_t mask = 1;
  for (float bad : {1.5f, -0.1f, std::nanf("")}) {
    const std::string error = error_of([&] { metrics.add_frame(&bad, &mask, 1); });
    EXPECT_NE(error.find("sigmoid"), std::string::npos) << error;
  }
  const float good = 1;
  EXPECT_NE(error_of([&] { metrics.add_frame(&good, &mask, 0); }).find("0 pixels"),
            std::string::npos);
  EXPECT_EQ(metrics.scores().frames, 0u);
}

// ---- semantic ----------------------------------------------------------------------------------

const std::vector<std::uint8_t> kPredicted = {0, 0, 5, 0, 5, 5, 7, 7, 0};
const std::vector<std::uint8_t> kLabels = {0, 0, 5, 5, 5, 5, 0, 7, 0};
const std::vector<std::uint8_t> kBackground(9, 0);

SemanticMetrics toy() {
  SemanticMetrics metrics;
  metrics.add_frame(kPredicted.data(), kLabels.data(), 9);
  return metrics;
}

TEST(SemanticMetrics, ScoresTheToyOverAllClassesAndOverSeenOnes) {
  SemanticMetrics metrics = toy();
  metrics.add_frame(kBackground.data(), kBackground.data(), 9);
  const SemanticScores bench = metrics.scores(Protocol::kAvsBench);
  EXPECT_NEAR(bench.miou, 0.028873239, 1e-9);
  EXPECT_NEAR(bench.f_score, 0.033363223, 1e-9);
  const SemanticScores clean = metrics.scores();
  EXPECT_NEAR(clean.miou, 0.683333333, 1e-9);
  EXPECT_NEAR(clean.f_score, 0.789596273, 1e-9);
  EXPECT_NEAR(clean.class_iou[0], 1.6 / 2, 1e-9);
  EXPECT_NEAR(clean.class_iou[5], 0.75, 1e-9);
  EXPECT_NEAR(clean.class_iou[7], 0.5, 1e-9);
  EXPECT_NEAR(clean.class_f[0], 1.75 / 2, 1e-9);
  EXPECT_NEAR(clean.class_f[5], 0.928571429, 1e-9);
  EXPECT_NEAR(clean.class_f[7], 0.565217391, 1e-9);
  EXPECT_EQ(clean.class_frames[0], 2u);
  EXPECT_EQ(clean.class_frames[5], 1u);
  EXPECT_EQ(clean.class_frames[1], 0u);
  EXPECT_EQ(clean.frames, 2u);
}

TEST(SemanticMetrics, PaddingFramesLiftTheBackgroundOnlyWhenScored) {
  SemanticMetrics metrics = toy();
  metrics.add_padding_frame();
  EXPECT_NEAR(metrics.scores(Protocol::kAvsBench).miou, 0.028873239, 1e-9);
  EXPECT_NEAR(metrics.scores(Protocol::kAvsBench).class_iou[0], 0.8, 1e-9);
  const SemanticScores skipped = metrics.scores(Protocol::kAvsBench, PaddingFrames::kSkip);
  EXPECT_NEAR(skipped.class_iou[0], 0.6, 1e-9);
  EXPECT_NEAR(skipped.miou, (0.6 + 0.75 + 0.5) / 71, 1e-9);
  EXPECT_NEAR(metrics.scores().class_iou[0], 0.6, 1e-9);
  EXPECT_EQ(metrics.scores().padding_frames, 1u);
}

TEST(SemanticMetrics, WithoutBackgroundDropsTheLastClassInAvsBench) {
  SemanticMetrics metrics(8);
  metrics.add_frame(kPredicted.data(), kLabels.data(), 9);
  const SemanticScores bench = metrics.scores(Protocol::kAvsBench);
  EXPECT_NEAR(bench.miou_without_background, (0.6 + 0.75) / 7, 1e-9);
  const SemanticScores clean = metrics.scores();
  EXPECT_NEAR(clean.miou_without_background, (0.75 + 0.5) / 2, 1e-9);
  EXPECT_NEAR(clean.f_without_background, (0.928571429 + 0.565217391) / 2, 1e-9);
}

TEST(SemanticMetrics, PooledScoresCountPixelsOfTheWholeSet) {
  SemanticMetrics metrics = toy();
  metrics.add_frame(kBackground.data(), kBackground.data(), 9);
  const SemanticScores scores = metrics.scores();
  // Background: 3 + 9 hits of (4 + 4 - 3) + 9 pixels.
  EXPECT_NEAR(scores.pooled_miou, (12.0 / 14 + 0.75 + 0.5) / 3, 1e-9);
  EXPECT_NEAR(scores.pixel_accuracy, 16.0 / 18, 1e-9);
}

TEST(SemanticMetrics, IgnoredPixelsDoNotCount) {
  std::vector<std::uint8_t> labels = kLabels;
  labels[3] = 255;  // was the only miss of class 5
  SemanticMetrics metrics;
  metrics.add_frame(kPredicted.data(), labels.data(), 9, std::uint8_t{255});
  EXPECT_NEAR(metrics.scores().class_iou[5], 1, 1e-9);
}

TEST(SemanticMetrics, MergeEqualsOnePass) {
  SemanticMetrics first = toy();
  SemanticMetrics second;
  second.add_frame(kBackground.data(), kBackground.data(), 9);
  second.add_padding_frame();
  first.merge(second);
  SemanticMetrics all = toy();
  all.add_frame(kBackground.data(), kBackground.data(), 9);
  all.add_padding_frame();
  EXPECT_NEAR(first.scores().miou, all.scores().miou, 1e-12);
  EXPECT_NEAR(first.scores(Protocol::kAvsBench).f_score, all.scores(Protocol::kAvsBench).f_score,
              1e-12);
  EXPECT_NEAR(first.scores().pooled_miou, all.scores().pooled_miou, 1e-12);
}

TEST(SemanticMetrics, RefusesWhatIsNoClass) {
  SemanticMetrics metrics(6);
  const std::string error =
      error_of([&] { metrics.add_frame(kPredicted.data(), kLabels.data(), 9); });
  EXPECT_NE(error.find("class 7"), std::string::npos) << error;
  EXPECT_NE(error.find("6 classes"), std::string::npos) << error;
  EXPECT_EQ(metrics.scores().frames, 0u);
  EXPECT_THROW(SemanticMetrics(1), MetricsError);
  EXPECT_THROW(SemanticMetrics(257), MetricsError);
  EXPECT_THROW(metrics.merge(SemanticMetrics(7)), MetricsError);
  EXPECT_THROW(metrics.add_frame(kPredicted.data(), kLabels.data(), 0), MetricsError);
}

// ---- overlap -----------------------------------------------------------------------------------

TEST(Overlap, LeavesIgnoredPixelsOut) {
  const std::vector<std::uint8_t> predicted = {255, 255, 0, 255, 0};
  const std::vector<std::uint8_t> mask = {255, 128, 255, 0, 0};
  const Overlap overlap = count_overlap(predicted.data(), mask.data(), 5);
  EXPECT_EQ(overlap.counted, 4u);
  EXPECT_EQ(overlap.intersection, 1u);
  EXPECT_NEAR(overlap.iou(), 1.0 / 3, 1e-12);
  EXPECT_NEAR(overlap.predicted_share(), 0.5, 1e-12);
  EXPECT_NEAR(overlap.labelled_share(), 0.5, 1e-12);
  // Without an ignore value 128 is foreground like any other value.
  EXPECT_EQ(count_overlap(predicted.data(), mask.data(), 5, std::nullopt).labelled, 3u);
}

TEST(Overlap, TwoEmptyMasksAgree) {
  const std::vector<std::uint8_t> nothing(4, 0);
  const Overlap overlap = count_overlap(nothing.data(), nothing.data(), 4);
  EXPECT_EQ(overlap.iou(), 1);
  EXPECT_EQ(overlap.predicted_share(), 0);
}

TEST(Overlap, AFrameOfIgnoredPixelsHasNoShare) {
  const std::vector<std::uint8_t> mask(4, kIgnoredPixel);
  const Overlap overlap = count_overlap(mask.data(), mask.data(), 4);
  EXPECT_EQ(overlap.counted, 0u);
  EXPECT_EQ(overlap.predicted_share(), 0);
}

TEST(OverlapMetrics, CountsLitFramesAndMerges) {
  Overlap silent_lit{0, 30, 0, 100};
  Overlap silent_dark{0, 1, 0, 100};  // exactly at the limit: not lit
  Overlap object{10, 20, 20, 100};
  OverlapMetrics metrics, other;
  metrics.add(silent_lit);
  metrics.add(object);
  other.add(silent_dark);
  metrics.merge(other);
  const OverlapScores scores = metrics.scores();
  EXPECT_EQ(scores.frames, 3u);
  EXPECT_EQ(scores.frames_with_mask, 1u);
  EXPECT_NEAR(scores.mean_iou, 1.0 / 3, 1e-12);
  EXPECT_NEAR(scores.pooled_iou, 10.0 / 61, 1e-12);
  EXPECT_NEAR(scores.mean_predicted_share, 0.51 / 3, 1e-12);
  EXPECT_NEAR(scores.lit_frames_share, 2.0 / 3, 1e-12);
  EXPECT_EQ(OverlapMetrics().scores().pooled_iou, 0);
}

TEST(OverlapMetrics, RefusesOtherLimits) {
  EXPECT_THROW(OverlapMetrics(1.5), MetricsError);
  OverlapMetrics metrics(0.01);
  EXPECT_THROW(metrics.merge(OverlapMetrics(0.02)), MetricsError);
  EXPECT_THROW(count_overlap(nullptr, nullptr, 0), MetricsError);
}

}  // namespace
}  // namespace lightavseg
