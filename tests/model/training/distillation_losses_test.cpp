// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/distillation_losses.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/model/training/loss_toys.h"

namespace lightavseg {
namespace {

torch::Tensor student() {
  return hash_tensor("student", {2, 3, 4, 4});
}
torch::Tensor teacher() {
  return hash_tensor("teacher", {2, 3, 2, 2});
}
torch::Tensor class_logits() {
  return hash_tensor("kd", {2, 5}) * 3;
}
torch::Tensor class_probabilities() {
  return (hash_tensor("kt", {2, 5}) * 2).softmax(1);
}
torch::Tensor scores() {
  return (hash_tensor("scores", {2, 5}) + 1) / 2;
}

constexpr FeatureDistance kDistances[] = {FeatureDistance::kMse, FeatureDistance::kCosine,
                                          FeatureDistance::kSmoothL1};

TEST(FeatureDistillation, HasTheGoldenValues) {
  FeatureDistillationOptions options;
  options.distance = FeatureDistance::kMse;
  EXPECT_NEAR(feature_distillation_loss(student(), teacher(), options).item<double>(), 0.250541798,
              1e-8);
  options.distance = FeatureDistance::kSmoothL1;
  options.smooth_l1_beta = 0.5;
  EXPECT_NEAR(feature_distillation_loss(student(), teacher(), options).item<double>(), 0.208619013,
              1e-8);
  options.distance = FeatureDistance::kCosine;
  EXPECT_NEAR(feature_distillation_loss(student(), teacher(), options).item<double>(), 0.633159706,
              1e-4);
  // The coarser student is interpolated.
  options.distance = FeatureDistance::kMse;
  EXPECT_NEAR(feature_distillation_loss(teacher(), student(), options).item<double>(), 0.431937858,
              1e-8);
}

TEST(FeatureDistillation, IsZeroForTheTeacherItself) {
  for (FeatureDistance distance : kDistances) {
    EXPECT_NEAR(feature_distillation_loss(teacher(), teacher(), {distance}).item<double>(), 0,
                1e-5);
  }
}

TEST(FeatureDistillation, GradientsMatchFiniteDifferences) {
  torch::Tensor valid = torch::ones({2, 1, 2, 2});
  valid[0][0][1][0] = 0;
  for (FeatureDistance distance : kDistances) {
    expect_gradient(
        [&](const torch::Tensor& x) {
          return feature_distillation_loss(x, teacher(), {distance}, valid);
        },
        student());
  }
}

TEST(FeatureDistillation, TheTeacherGetsNoGradient) {
  torch::Tensor source = teacher().set_requires_grad(true);
  torch::Tensor pupil = student().set_requires_grad(true);
  feature_distillation_loss(pupil, source).backward();
  EXPECT_FALSE(source.grad().defined());
  EXPECT_TRUE(pupil.grad().defined());
}

TEST(FeatureDistillation, LeavesOutFramesAndPositions) {
  FeatureDistillationOptions options{FeatureDistance::kMse};
  const double first =
      feature_distillation_loss(student().slice(0, 0, 1), teacher().slice(0, 0, 1), options)
          .item<double>();
  EXPECT_NEAR(feature_distillation_loss(student(), teacher(), options, torch::tensor({1, 0}))
                  .item<double>(),
              first, 1e-12);
  EXPECT_EQ(
      feature_distillation_loss(student(), teacher(), options, torch::zeros({2})).item<double>(),
      0);
}

TEST(FeatureDistillation, StaysFiniteForAStudentOfZerosInHalfPrecision) {
  for (FeatureDistance distance : kDistances) {
    torch::Tensor zeros = torch::zeros({2, 3, 4, 4}, torch::kBFloat16).set_requires_grad(true);
    const AutocastOn autocast;
    const torch::Tensor loss = feature_distillation_loss(zeros, teacher(), {distance});
    EXPECT_EQ(loss.scalar_type(), torch::kFloat);
    loss.backward();
    EXPECT_TRUE(torch::isfinite(zeros.grad()).all().item<bool>());
  }
}

TEST(FeatureDistillation, NamesWhatDoesNotFit) {
  EXPECT_NE(loss_error([] {
              feature_distillation_loss(torch::ones({2, 4, 2, 2}), teacher());
            }).find("project"),
            std::string::npos);
  EXPECT_NE(
      loss_error([] { feature_distillation_loss(torch::ones({2}), teacher()); }).find("student"),
      std::string::npos);
  EXPECT_NE(loss_error([] {
              feature_distillation_loss(student(), teacher(), {FeatureDistance::kSmoothL1, 0});
            }).find("smooth_l1_beta"),
            std::string::npos);
  EXPECT_NE(loss_error([] {
              feature_distillation_loss(student(), teacher(), {}, torch::ones({2, 1, 4, 4}));
            }).find("valid"),
            std::string::npos);
}

TEST(MatchGrid, AveragesWhenShrinkingAndInterpolatesWhenGrowing) {
  const torch::Tensor line = doubles({0, 1, 2, 3}, {1, 1, 1, 4});
  EXPECT_TRUE(torch::allclose(match_grid(line, 1, 2), doubles({0.5, 2.5}, {1, 1, 1, 2})));
  EXPECT_TRUE(torch::allclose(
      match_grid(line, 1, 7),
      doubles({0, 0.357143, 0.928571, 1.5, 2.071429, 2.642857, 3}, {1, 1, 1, 7}), 0, 1e-6));
  EXPECT_TRUE(torch::equal(match_grid(line, 1, 4), line));
}

TEST(ChannelStatistics, EqualThoseOfTheWholeSet) {
  const torch::Tensor all = hash_tensor("statistics", {4, 3, 5, 5}) * 7 + 3;
  ChannelStatistics statistics;
  statistics.add(all.slice(0, 0, 1));
  statistics.add(all.slice(0, 1));
  const torch::Tensor flat = all.transpose(0, 1).flatten(1);
  EXPECT_TRUE(torch::allclose(statistics.mean(), flat.mean(1).to(torch::kFloat)));
  EXPECT_TRUE(torch::allclose(statistics.deviation(), flat.std(1, false).to(torch::kFloat)));
  const torch::Tensor standard = standardise(all, statistics.mean(), statistics.deviation());
  const torch::Tensor flat_standard = standard.transpose(0, 1).flatten(1);
  EXPECT_LT(flat_standard.mean(1).abs().max().item<double>(), 1e-6);
  EXPECT_LT((flat_standard.std(1, false) - 1).abs().max().item<double>(), 1e-6);
}

TEST(ChannelStatistics, AConstantChannelBecomesZero) {
  const torch::Tensor constant = torch::full({1, 1, 2, 2}, 5.0);
  ChannelStatistics statistics;
  statistics.add(constant);
  EXPECT_EQ(
      standardise(constant, statistics.mean(), statistics.deviation()).abs().max().item<double>(),
      0);
}

TEST(ChannelStatistics, RefuseWhatTheyCannotKnow) {
  ChannelStatistics statistics;
  EXPECT_THROW(statistics.mean(), LossError);
  EXPECT_THROW(statistics.deviation(), LossError);
  statistics.add(teacher());
  EXPECT_THROW(statistics.add(torch::ones({1, 2, 2, 2})), LossError);
  EXPECT_NE(loss_error([&] {
              standardise(teacher(), torch::ones({2}), torch::ones({3}));
            }).find("mean has 2 values for 3 channels"),
            std::string::npos);
}

TEST(ProbabilityDistillation, HasTheGoldenValues) {
  EXPECT_NEAR(probability_distillation_loss(class_logits(), class_probabilities()).item<double>(),
              1.814615012, 1e-8);
  EXPECT_NEAR(
      probability_distillation_loss(class_logits(), class_probabilities(), 2).item<double>(),
      2.385336595, 1e-8);
}

TEST(ProbabilityDistillation, IsZeroForTheTeacherItself) {
  const torch::Tensor logits = class_probabilities().log();
  for (double temperature : {0.5, 1.0, 4.0}) {
    EXPECT_NEAR(
        probability_distillation_loss(logits, class_probabilities(), temperature).item<double>(), 0,
        1e-12);
  }
}

TEST(ProbabilityDistillation, WorksOnMapsOfAnotherSize) {
  const torch::Tensor logits = hash_tensor("map", {2, 5, 4, 4});
  const torch::Tensor probabilities = hash_tensor("map teacher", {2, 5, 2, 2}).softmax(1);
  const torch::Tensor small = torch::adaptive_avg_pool2d(logits, {2, 2});
  const torch::Tensor expected =
      (probabilities * (probabilities.log() - small.log_softmax(1))).sum(1).mean();
  EXPECT_NEAR(probability_distillation_loss(logits, probabilities).item<double>(),
              expected.item<double>(), 1e-9);
  expect_gradient(
      [&](const torch::Tensor& x) { return probability_distillation_loss(x, probabilities, 2); },
      logits);
}

TEST(ProbabilityDistillation, ACertainTeacherStaysFinite) {
  torch::Tensor certain = torch::zeros({2, 5});
  certain.select(1, 0).fill_(1);
  torch::Tensor logits = class_logits().to(torch::kBFloat16).set_requires_grad(true);
  const torch::Tensor loss = probability_distillation_loss(logits, certain, 2);
  EXPECT_TRUE(std::isfinite(loss.item<double>()));
  loss.backward();
  EXPECT_TRUE(torch::isfinite(logits.grad()).all().item<bool>());
}

TEST(ProbabilityDistillation, LeavesOutFrames) {
  const double first = probability_distillation_loss(class_logits().slice(0, 0, 1),
                                                     class_probabilities().slice(0, 0, 1))
                           .item<double>();
  EXPECT_NEAR(
      probability_distillation_loss(class_logits(), class_probabilities(), 1, torch::tensor({1, 0}))
          .item<double>(),
      first, 1e-12);
}

TEST(ProbabilityDistillation, NamesWhatDoesNotFit) {
  EXPECT_NE(loss_error([] {
              probability_distillation_loss(class_logits(), class_probabilities(), 0);
            }).find("temperature"),
            std::string::npos);
  EXPECT_NE(loss_error([] {
              probability_distillation_loss(student(), class_probabilities());
            }).find("student"),
            std::string::npos);
  EXPECT_NE(loss_error([] {
              probability_distillation_loss(class_logits(), torch::ones({5}));
            }).find("teacher"),
            std::string::npos);
}

TEST(ScoreDistillation, HasTheGoldenValueAndGradient) {
  EXPECT_NEAR(score_distillation_loss(class_logits(), scores()).item<double>(), 0.763547176, 1e-8);
  const torch::Tensor weights = doubles({1, 0, 2, 0.5, 1}, {5});
  expect_gradient(
      [&](const torch::Tensor& x) { return score_distillation_loss(x, scores(), weights); },
      class_logits());
}

TEST(ScoreDistillation, WeighsClassesAndLeavesOutFrames) {
  const torch::Tensor last = doubles({0, 0, 0, 0, 2}, {5});
  EXPECT_NEAR(
      score_distillation_loss(class_logits(), scores(), last).item<double>(),
      score_distillation_loss(class_logits().slice(1, 4), scores().slice(1, 4)).item<double>(),
      1e-12);
  EXPECT_NEAR(
      score_distillation_loss(class_logits(), scores(), {}, torch::tensor({0, 1})).item<double>(),
      score_distillation_loss(class_logits().slice(0, 1), scores().slice(0, 1)).item<double>(),
      1e-12);
  EXPECT_EQ(
      score_distillation_loss(class_logits(), scores(), last, torch::zeros({2})).item<double>(), 0);
}

TEST(ScoreDistillation, NamesWhatDoesNotFit) {
  EXPECT_NE(loss_error([] {
              score_distillation_loss(class_logits(), scores(), torch::ones({3}));
            }).find("class_weights has 3 values"),
            std::string::npos);
  EXPECT_NE(loss_error([] { score_distillation_loss(student(), scores()); }).find("student"),
            std::string::npos);
}

}  // namespace
}  // namespace lightavseg
