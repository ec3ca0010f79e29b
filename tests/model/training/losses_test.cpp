// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/losses.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/model/training/loss_toys.h"

namespace lightavseg {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Frame 0 has a mask, frame 1 has none.
torch::Tensor toy_probabilities() {
  return doubles({.9, .8, .2, .7, .4, .1, .6, .3, .05, .1, .2, .3, .4, .45, .2, .1, .1, .6},
                 {2, 1, 3, 3});
}
torch::Tensor toy_logits() {
  return torch::logit(toy_probabilities());
}
torch::Tensor toy_mask() {
  return doubles({1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {2, 1, 3, 3});
}
torch::Tensor first_frame_only() {
  return torch::tensor({1, 0});
}

AlignedPair toy_pair() {
  return {hash_tensor("v", {2, 3, 2, 2}), hash_tensor("a", {2, 3, 1, 1})};
}
torch::Tensor small_mask() {
  return doubles({1, 0, 0, 1, 0, 0, 1, 0}, {2, 1, 2, 2});
}
torch::Tensor large_mask() {
  return hash_tensor("mask", {2, 1, 4, 4}).gt(0.4).to(torch::kDouble);
}
torch::Tensor map_logits() {
  return hash_tensor("logits", {2, 1, 4, 4}) * 3;
}

// ---- binary masks ------------------------------------------------------------------------------

TEST(DiceLoss, HasTheGoldenValues) {
  EXPECT_NEAR(dice_loss(toy_logits(), {toy_mask()}).item<double>(), 0.576046635, 1e-9);
  EXPECT_NEAR(dice_loss(toy_logits(), {toy_mask(), first_frame_only()}).item<double>(), 0.152093270,
              1e-9);
}

TEST(DiceLoss, AnEmptyMaskIsOneWithoutGradientUnlessLeftOut) {
  torch::Tensor logits = toy_logits().slice(0, 1).clone().set_requires_grad(true);
  const torch::Tensor loss = dice_loss(logits, {toy_mask().slice(0, 1)});
  EXPECT_NEAR(loss.item<double>(), 1, 1e-12);
  loss.backward();
  EXPECT_EQ(logits.grad().abs().max().item<double>(), 0);
  DiceOptions options;
  options.only_non_empty = true;
  EXPECT_EQ(dice_loss(logits, {toy_mask().slice(0, 1)}, options).item<double>(), 0);
  EXPECT_NEAR(dice_loss(toy_logits(), {toy_mask()}, options).item<double>(), 0.152093270, 1e-9);
}

TEST(BceLoss, HasTheGoldenValues) {
  EXPECT_NEAR(bce_loss(toy_logits(), {toy_mask()}).item<double>(), 0.355457207, 1e-9);
  EXPECT_NEAR(bce_loss(toy_logits(), {toy_mask(), first_frame_only()}).item<double>(), 0.361581420,
              1e-9);
}

TEST(SegmentationLoss, AddsItsParts) {
  SegmentationLossOptions options;
  EXPECT_NEAR(segmentation_loss(toy_logits(), {toy_mask()}).total.item<double>(),
              0.576046635 + 0.355457207, 1e-9);
  options.dice_weight = 2;
  options.bce_weight = 3;
  options.dice.only_non_empty = true;
  const SegmentationLoss loss = segmentation_loss(toy_logits(), {toy_mask()}, options);
  EXPECT_NEAR(loss.total.item<double>(), 2 * 0.152093270 + 3 * 0.355457207, 1e-8);
}

TEST(SegmentationLoss, IgnoredPixelsEqualPixelsThatAreNotThere) {
  // The last column is ignored; what it says must not matter, not even a nan.
  torch::Tensor valid = torch::ones({2, 1, 3, 3});
  valid.slice(3, 2).zero_();
  torch::Tensor logits = toy_logits();
  logits.slice(3, 2).fill_(kNan);
  logits.set_requires_grad(true);
  const SegmentationLoss loss = segmentation_loss(logits, {toy_mask(), valid});
  const SegmentationLoss cut =
      segmentation_loss(toy_logits().slice(3, 0, 2), {toy_mask().slice(3, 0, 2)});
  EXPECT_NEAR(loss.dice.item<double>(), cut.dice.item<double>(), 1e-12);
  EXPECT_NEAR(loss.pixel.item<double>(), cut.pixel.item<double>(), 1e-12);
  loss.total.backward();
  EXPECT_TRUE(torch::isfinite(logits.grad()).all().item<bool>());
  EXPECT_EQ(logits.grad().slice(3, 2).abs().max().item<double>(), 0);
}

TEST(SegmentationLoss, ABatchWithoutAnnotationCostsNothing) {
  torch::Tensor logits = toy_logits().set_requires_grad(true);
  const SegmentationLoss loss = segmentation_loss(logits, {toy_mask(), torch::zeros({2})});
  EXPECT_EQ(loss.total.item<double>(), 0);
  loss.total.backward();
  EXPECT_EQ(logits.grad().abs().max().item<double>(), 0);
}

TEST(SegmentationLoss, GradientsMatchFiniteDifferences) {
  torch::Tensor valid = torch::ones({2, 1, 3, 3});
  valid[0][0][1][1] = 0;
  SegmentationLossOptions options;
  options.dice.only_non_empty = true;
  for (const torch::Tensor& validity : {torch::Tensor(), valid, first_frame_only()}) {
    expect_gradient(
        [&](const torch::Tensor& x) {
          return segmentation_loss(x, {toy_mask(), validity}, options).total;
        },
        toy_logits());
  }
}

TEST(SegmentationLoss, StaysFiniteForHugeLogitsAndHalfPrecision) {
  const torch::Tensor huge = (toy_mask() * 2 - 1) * 1e4;
  for (auto type : {torch::kFloat, torch::kBFloat16}) {
    torch::Tensor logits = (-huge).to(type).set_requires_grad(true);
    const SegmentationLoss loss = segmentation_loss(logits, {toy_mask()});
    EXPECT_EQ(loss.total.scalar_type(), torch::kFloat);
    EXPECT_TRUE(std::isfinite(loss.total.item<double>()));
    loss.total.backward();
    EXPECT_TRUE(torch::isfinite(logits.grad()).all().item<bool>());
  }
}

TEST(SegmentationLoss, TakesSeveralChannelsAndMasksOfBytes) {
  const torch::Tensor logits = hash_tensor("channels", {2, 3, 4, 4});
  const torch::Tensor mask = hash_tensor("channel masks", {2, 3, 4, 4}).gt(0).to(torch::kByte);
  const torch::Tensor expected =
      torch::binary_cross_entropy_with_logits(logits, mask.to(torch::kDouble));
  EXPECT_NEAR(bce_loss(logits, {mask}).item<double>(), expected.item<double>(), 1e-12);
  EXPECT_NEAR(bce_loss(logits, {mask, torch::ones({2, 1, 1, 1})}).item<double>(),
              expected.item<double>(), 1e-12);
}

TEST(SegmentationLoss, NamesShapesThatDoNotFit) {
  EXPECT_NE(loss_error([] { bce_loss(toy_logits(), {small_mask()}); }).find("[2, 1, 2, 2]"),
            std::string::npos);
  EXPECT_NE(loss_error([] { dice_loss(toy_logits()[0], {toy_mask()}); }).find("logits"),
            std::string::npos);
  EXPECT_NE(loss_error([] { dice_loss(toy_logits(), {torch::Tensor()}); }).find("undefined"),
            std::string::npos);
  EXPECT_NE(loss_error([] {
              bce_loss(toy_logits(), {toy_mask(), torch::ones({3})});
            }).find("valid"),
            std::string::npos);
}

// ---- one class per pixel -----------------------------------------------------------------------

torch::Tensor semantic_logits() {
  return hash_tensor("semantic", {2, 4, 3, 3}) * 2;
}
torch::Tensor semantic_labels() {
  return torch::tensor({0, 0, 1, 0, 2, 3, 0, 0, 0, 3, 3, 0, 0, 0, 0, 1, 255, 0}, torch::kLong)
      .view({2, 3, 3});
}

TEST(SemanticLoss, HasTheGoldenValues) {
  const SegmentationLoss loss = semantic_loss(semantic_logits(), semantic_labels());
  EXPECT_NEAR(loss.pixel.item<double>(), 1.746583372, 1e-9);
  EXPECT_NEAR(loss.dice.item<double>(), 0.445539149, 1e-9);
  EXPECT_NEAR(loss.total.item<double>(), 1.746583372 + 0.445539149, 1e-8);
}

TEST(SemanticLoss, ForegroundIsWhatIsNotBackground) {
  const torch::Tensor expected = 1 - semantic_logits().softmax(1).slice(1, 0, 1);
  EXPECT_TRUE(torch::allclose(foreground_logits(semantic_logits()).sigmoid(), expected));
}

TEST(SemanticLoss, PaddingFramesCostNothing) {
  const SegmentationLoss both =
      semantic_loss(semantic_logits(), semantic_labels(), {}, first_frame_only());
  const SegmentationLoss first =
      semantic_loss(semantic_logits().slice(0, 0, 1), semantic_labels().slice(0, 0, 1));
  EXPECT_NEAR(both.total.item<double>(), first.total.item<double>(), 1e-12);
}

TEST(SemanticLoss, GradientsMatchFiniteDifferences) {
  expect_gradient([](const torch::Tensor& x) { return semantic_loss(x, semantic_labels()).total; },
                  semantic_logits());
}

TEST(SemanticLoss, RefusesWhatIsNoClass) {
  const torch::Tensor labels = semantic_labels().masked_fill(semantic_labels().eq(2), 7);
  EXPECT_NE(loss_error([&] { semantic_loss(semantic_logits(), labels); }).find("label is 7"),
            std::string::npos);
  EXPECT_NE(loss_error([&] {
              semantic_loss(semantic_logits(), semantic_labels().to(torch::kFloat));
            }).find("integers"),
            std::string::npos);
  EXPECT_NE(loss_error([] { foreground_logits(toy_logits()); }).find("2 classes"),
            std::string::npos);
}

TEST(ClassLoss, ReadsLabelsAtTheCentresOfCells) {
  // Two cells of three pixels each way: the centres are the pixels 1 and 4.
  torch::Tensor labels = torch::full({1, 6, 6}, 255, torch::kByte);
  labels[0][1][1] = 1;
  labels[0][1][4] = 2;
  labels[0][4][1] = 0;
  torch::Tensor logits = hash_tensor("classes", {1, 3, 2, 2}).set_requires_grad(true);
  const torch::Tensor p = logits.log_softmax(1)[0];
  const double expected = -(p[1][0][0] + p[2][0][1] + p[0][1][0]).item<double>() / 3;
  const torch::Tensor loss = class_loss(logits, labels);
  EXPECT_NEAR(loss.item<double>(), expected, 1e-12);
  loss.backward();
  EXPECT_EQ(logits.grad()[0].select(1, 1).select(1, 1).abs().max().item<double>(), 0);
  EXPECT_EQ(class_loss(logits, torch::full({1, 6, 6}, 255, torch::kByte)).item<double>(), 0);
}

TEST(ClassLoss, BalanceLetsASmallObjectCountForMore) {
  torch::Tensor labels = torch::zeros({1, 4, 4}, torch::kByte);
  labels[0][2][1] = 1;
  const torch::Tensor logits = hash_tensor("balance", {1, 2, 4, 4});
  const torch::Tensor p = -logits.log_softmax(1)[0];
  const double object = p[1][2][1].item<double>();
  const double rest = p[0].sum().item<double>() - p[0][2][1].item<double>();
  EXPECT_NEAR(class_loss(logits, labels).item<double>(), (object + rest) / 16, 1e-12);
  EXPECT_NEAR(class_loss(logits, labels, 1).item<double>(), (object + rest / 15) / 2, 1e-12);
  const double root = std::sqrt(15.0);
  EXPECT_NEAR(class_loss(logits, labels, 0.5).item<double>(), (object + rest / root) / (1 + root),
              1e-12);
}

TEST(ClassLoss, NamesShapesThatDoNotFit) {
  EXPECT_NE(loss_error([] {
              class_loss(torch::ones({2, 3}), torch::ones({1, 2, 2}));
            }).find("logits"),
            std::string::npos);
  EXPECT_NE(loss_error([] {
              class_loss(torch::ones({1, 2, 3, 3}), torch::ones({2, 2}));
            }).find("labels"),
            std::string::npos);
}

// ---- alignment ---------------------------------------------------------------------------------

TEST(AlignmentLoss, HasTheGoldenCosinesAndLoss) {
  const std::vector<double> cosines = {0.206067, -0.572926, 0.532154, -0.568515,
                                       0.719460, -0.881807, 0.330721, -0.743452};
  const torch::Tensor map = alignment_map(toy_pair());
  const torch::Tensor measured = torch::logit(map) * 0.1;
  EXPECT_TRUE(torch::allclose(measured, doubles(cosines, {2, 1, 2, 2}), 0, 1e-6));
  EXPECT_NEAR(alignment_loss({toy_pair()}, {small_mask()}).item<double>(), 2.296267829, 1e-8);
}

TEST(AlignmentLoss, ResizesTheProbabilityToTheMask) {
  EXPECT_NEAR(alignment_loss({toy_pair()}, {large_mask()}).item<double>(), 1.885385627, 1e-8);
}

TEST(AlignmentLoss, IsTheMeanOverThePairs) {
  const AlignedPair other = {hash_tensor("v2", {2, 5, 3, 3}), hash_tensor("a2", {2, 5, 1, 1})};
  const double first = alignment_loss({toy_pair()}, {large_mask()}).item<double>();
  const double second = alignment_loss({other}, {large_mask()}).item<double>();
  EXPECT_NEAR(alignment_loss({toy_pair(), other}, {large_mask()}).item<double>(),
              (first + second) / 2, 1e-12);
  EXPECT_EQ(alignment_loss({}, {large_mask()}).item<double>(), 0);
}

TEST(AlignmentLoss, LeavesOutFramesWithoutAnnotation) {
  const AlignedPair first = {toy_pair().visual.slice(0, 0, 1), toy_pair().audio.slice(0, 0, 1)};
  EXPECT_NEAR(alignment_loss({toy_pair()}, {large_mask(), first_frame_only()}).item<double>(),
              alignment_loss({first}, {large_mask().slice(0, 0, 1)}).item<double>(), 1e-12);
  EXPECT_EQ(alignment_loss({toy_pair()}, {large_mask(), torch::zeros({2})}).item<double>(), 0);
}

TEST(AlignmentLoss, OneAudioStateServesEveryFrame) {
  const torch::Tensor one = toy_pair().audio.slice(0, 0, 1);
  const AlignedPair shared = {toy_pair().visual, one};
  const AlignedPair repeated = {toy_pair().visual, one.expand({2, 3, 1, 1})};
  EXPECT_NEAR(alignment_loss({shared}, {large_mask()}).item<double>(),
              alignment_loss({repeated}, {large_mask()}).item<double>(), 1e-12);
}

TEST(AlignmentLoss, GradientsMatchFiniteDifferences) {
  const AlignedPair pair = toy_pair();
  for (const torch::Tensor& mask : {small_mask(), large_mask()}) {
    expect_gradient(
        [&](const torch::Tensor& v) {
          return alignment_loss({{v, pair.audio}}, {mask});
        },
        pair.visual);
    expect_gradient(
        [&](const torch::Tensor& a) {
          return alignment_loss({{pair.visual, a}}, {mask});
        },
        pair.audio);
  }
}

TEST(AlignmentLoss, VectorsWithoutDirectionAreNeutral) {
  torch::Tensor visual = toy_pair().visual.to(torch::kFloat).set_requires_grad(true);
  torch::Tensor audio = torch::zeros({2, 3, 1, 1}).set_requires_grad(true);
  const torch::Tensor loss = alignment_loss({{visual, audio}}, {small_mask()});
  EXPECT_NEAR(loss.item<double>(), std::log(2.0), 1e-6);  // probability 0.5 everywhere
  loss.backward();
  EXPECT_EQ(audio.grad().abs().max().item<double>(), 0);
  EXPECT_EQ(visual.grad().abs().max().item<double>(), 0);
}

TEST(AlignmentLoss, AutocastDoesNotLowerThePrecision) {
  const AlignedPair half = {toy_pair().visual.to(torch::kBFloat16),
                            toy_pair().audio.to(torch::kBFloat16)};
  const AlignedPair same = {half.visual.to(torch::kFloat), half.audio.to(torch::kFloat)};
  const double expected = alignment_loss({same}, {large_mask()}).item<double>();
  const AutocastOn autocast;
  const torch::Tensor loss = alignment_loss({half}, {large_mask()});
  EXPECT_EQ(loss.scalar_type(), torch::kFloat);
  EXPECT_NEAR(loss.item<double>(), expected, 1e-6);
}

TEST(AlignmentLoss, NamesShapesThatDoNotFit) {
  const AlignedPair wrong = {toy_pair().visual, hash_tensor("a", {2, 4, 1, 1})};
  EXPECT_NE(loss_error([&] { alignment_loss({wrong}, {small_mask()}); }).find("[2, 4, 1, 1]"),
            std::string::npos);
  EXPECT_NE(loss_error([&] {
              alignment_loss({toy_pair()}, {torch::ones({2, 3, 4, 4})});
            }).find("one mask"),
            std::string::npos);
  EXPECT_NE(loss_error([&] {
              alignment_loss({toy_pair()}, {torch::ones({3, 1, 4, 4})});
            }).find("2 frames"),
            std::string::npos);
  AlignmentOptions cold;
  cold.temperature = 0;
  EXPECT_NE(loss_error([&] { alignment_map(toy_pair(), cold); }).find("temperature"),
            std::string::npos);
}

// ---- the whole network -------------------------------------------------------------------------

TEST(Losses, HaveTheGoldenValuesOnTheNetwork) {
  const torch::NoGradGuard no_gradient;
  ModelConfig config;
  config.variant = Variant::kTiny;
  LightAVSeg network(config);
  testing::golden_fill(*network);
  network->to(torch::kFloat64);
  network->eval();
  const NetworkOutput output = network->forward(hash_tensor("frames", {1, 3, 224, 224}),
                                                2 * hash_tensor("logmel", {1, 1, 96, 64}));
  const MaskTarget target = {hash_tensor("mask", {1, 1, 224, 224}).gt(0.4)};
  EXPECT_NEAR(alignment_loss(output.pairs, target).item<double>(), 0.867631, 1e-6);
  const SegmentationLoss loss = segmentation_loss(output.logits, target);
  EXPECT_NEAR(loss.dice.item<double>(), 0.459606, 1e-6);
  EXPECT_NEAR(loss.pixel.item<double>(), 0.764750, 1e-6);
}

// ---- the rivals --------------------------------------------------------------------------------

TEST(KlAlignmentLoss, HasTheGoldenValues) {
  KlAlignmentOptions options;
  EXPECT_NEAR(kl_alignment_loss({toy_pair()}, map_logits()).item<double>(), 0.754597556, 1e-8);
  EXPECT_NEAR(
      kl_alignment_loss({toy_pair()}, map_logits(), options, first_frame_only()).item<double>(),
      0.550897748, 1e-8);
  options.normalise = false;
  EXPECT_NEAR(kl_alignment_loss({toy_pair()}, map_logits(), options).item<double>(), 0.201459711,
              1e-8);
  options.sum_over_frames = false;
  EXPECT_NEAR(kl_alignment_loss({toy_pair()}, map_logits(), options).item<double>(),
              0.201459711 / 2, 1e-8);
  EXPECT_EQ(kl_alignment_loss({}, map_logits()).item<double>(), 0);
}

TEST(KlAlignmentLoss, GradientsMatchFiniteDifferences) {
  const AlignedPair pair = toy_pair();
  expect_gradient(
      [&](const torch::Tensor& v) {
        return kl_alignment_loss({{v, pair.audio}}, map_logits());
      },
      pair.visual);
  expect_gradient([&](const torch::Tensor& x) { return kl_alignment_loss({pair}, x); },
                  map_logits());
}

TEST(KlAlignmentLoss, NamesShapesThatDoNotFit) {
  EXPECT_NE(
      loss_error([] { kl_alignment_loss({toy_pair()}, semantic_logits()); }).find("foreground"),
      std::string::npos);
  EXPECT_NE(loss_error([] {
              kl_alignment_loss({toy_pair()}, map_logits().slice(0, 0, 1));
            }).find("2 frames"),
            std::string::npos);
}

TEST(MixLoss, HasTheGoldenValueAndGradient) {
  EXPECT_NEAR(mix_loss(toy_pair().visual, {large_mask()}).item<double>(), 0.493617138, 1e-8);
  expect_gradient([](const torch::Tensor& x) { return mix_loss(x, {large_mask()}); },
                  toy_pair().visual);
  EXPECT_NE(loss_error([] { mix_loss(torch::ones({3}), {large_mask()}); }).find("features"),
            std::string::npos);
}

}  // namespace
}  // namespace lightavseg
