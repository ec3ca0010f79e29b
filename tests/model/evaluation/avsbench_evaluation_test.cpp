// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/avsbench_evaluation.h"

#include <gtest/gtest.h>

#include "model/data/avsbench_classes.h"
#include "model/evaluation/scene_report.h"
#include "model/evaluation/scene_tensors.h"
#include "tests/model/data/avsbench_samples.h"
#include "tests/model/evaluation/small_model.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

AvsOptions size_64() {
  AvsOptions options;
  options.size = 64;
  return options;
}

// The network's logits of a frame, without anything of the evaluation.
torch::Tensor logits_of(LightAVSeg& network, const AvsFrame& frame) {
  torch::NoGradGuard no_grad;
  const dsp::LogMel front_end(network->config().front_end);
  dsp::LogMel::Workspace workspace(front_end);
  const auto log_mel = log_mel_tensor(front_end, frame.audio, workspace).unsqueeze(0);
  return network->forward(normalised_frame(frame.image).unsqueeze(0), log_mel).logits[0];
}

double figure(const std::vector<std::pair<std::string, double>>& figures, const std::string& name) {
  for (const auto& [key, value] : figures) {
    if (key == name) return value;
  }
  ADD_FAILURE() << "there is no figure " << name;
  return -1;
}

class AvsEvaluationTest : public ::testing::Test {
 protected:
  AvsBench write_s4(int clips, const std::string& split = "test") {
    std::vector<AvsClipContent> contents;
    for (int i = 0; i < clips; ++i) {
      contents.push_back(disc_clip("clip" + std::to_string(i), split, AvsSubset::kS4));
      // One frame in which nothing sounds.
      if (i == 1) contents.back().masks[2].setTo(0);
    }
    lightavseg::write_s4(folder_.path(), contents);
    return AvsBench::open_s4(folder_.path(), split, size_64());
  }
  AvsBench write_avss() {
    lightavseg::write_avss(folder_.path(), {disc_clip("a", "test", AvsSubset::kV1s, {64, 48}, 17),
                                            disc_clip("b", "test", AvsSubset::kV1m, {64, 48}, 12),
                                            disc_clip("c", "test", AvsSubset::kV2, {64, 48}, 17)});
    return AvsBench::open_avss(folder_.path(), "test", size_64());
  }

  TemporaryFolder folder_;
};

TEST_F(AvsEvaluationTest, S4EqualsWhatIsComputedDirectly) {
  const AvsBench set = write_s4(3);
  auto network = testing::small_model(Head::kMask);
  AvsEvaluationOptions options;
  options.batch_clips = 2;
  const auto evaluation = evaluate_avsbench(network, set, options);
  EXPECT_EQ(evaluation.frames, 15u);

  std::vector<double> ious, clips;
  BinaryMetrics metrics;
  for (int c = 0; c < 3; ++c) {
    double sum = 0;
    for (int i = 0; i < 5; ++i) {
      const AvsFrame frame = set.load(set.clips()[static_cast<std::size_t>(c)], i);
      const auto p = logits_of(network, frame)[0].sigmoid().contiguous();
      const auto marked = p.gt(0.5);
      const auto truth = byte_map(frame.mask).gt(0);
      const double both = marked.logical_and(truth).sum().item<double>();
      const double either = marked.logical_or(truth).sum().item<double>();
      ious.push_back(truth.any().item<bool>()
                         ? both / either
                         : 1 - marked.to(torch::kDouble).mean().item<double>());
      sum += ious.back();
      metrics.add_frame(p.data_ptr<float>(), frame.mask.data, 64 * 64);
    }
    clips.push_back(sum / 5);
    if (c == 1) metrics.end_batch();
  }
  double mean = 0, of_batches = 0;
  for (std::size_t i = 0; i < ious.size(); ++i) {
    mean += ious[i] / 15;
    of_batches += ious[i] / (i < 10 ? 20 : 10);
  }
  EXPECT_GT(mean, 0.01);
  EXPECT_LT(mean, 0.99);
  const auto clean = named_figures(evaluation, AvsSet::kS4, Protocol::kClean);
  const auto published = named_figures(evaluation, AvsSet::kS4, Protocol::kAvsBench);
  EXPECT_NEAR(figure(clean, "miou"), mean, 1e-6);
  EXPECT_NEAR(figure(published, "miou"), of_batches, 1e-6);
  EXPECT_DOUBLE_EQ(figure(clean, "f_score"), metrics.scores(Protocol::kClean).f_measure);
  EXPECT_DOUBLE_EQ(figure(published, "f_score"), metrics.scores(Protocol::kAvsBench).f_measure);
  for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(evaluation.clip_scores[c], clips[c], 1e-6);
}

TEST_F(AvsEvaluationTest, OnlyAnnotatedFramesCount) {
  const AvsBench set = write_s4(2, "train");
  auto network = testing::small_model(Head::kMask);
  EXPECT_EQ(evaluate_avsbench(network, set, {}).frames, 2u);
}

TEST_F(AvsEvaluationTest, FiguresDoNotDependOnThreads) {
  const AvsBench set = write_s4(4);
  auto network = testing::small_model(Head::kMask);
  AvsEvaluationOptions one, three;
  one.batch_clips = three.batch_clips = 1;
  three.threads = 3;
  for (const Protocol protocol : {Protocol::kClean, Protocol::kAvsBench}) {
    EXPECT_EQ(named_figures(evaluate_avsbench(network, set, one), AvsSet::kS4, protocol),
              named_figures(evaluate_avsbench(network, set, three), AvsSet::kS4, protocol));
  }
}

TEST_F(AvsEvaluationTest, AvssEqualsWhatIsComputedDirectly) {
  const AvsBench set = write_avss();
  auto network = testing::small_model(Head::kSemantic, set.class_names());
  const auto evaluation = evaluate_avsbench(network, set, {});
  EXPECT_EQ(evaluation.frames, 20u);
  SemanticMetrics metrics;
  for (const AvsClip& clip : set.clips()) {
    for (int i = 0; i < clip.slots(); ++i) {
      const AvsFrame frame = set.load(clip, i);
      if (frame.padding) {
        metrics.add_padding_frame();
        continue;
      }
      const auto classes = logits_of(network, frame).argmax(0).to(torch::kUInt8).contiguous();
      metrics.add_frame(classes.data_ptr<uint8_t>(), frame.mask.data, 64 * 64);
    }
  }
  for (const Protocol protocol : {Protocol::kClean, Protocol::kAvsBench}) {
    const auto expected = metrics.scores(protocol);
    const auto figures = named_figures(evaluation, AvsSet::kAvss, protocol);
    EXPECT_DOUBLE_EQ(figure(figures, "miou"), expected.miou);
    EXPECT_DOUBLE_EQ(figure(figures, "f_score"), expected.f_score);
    EXPECT_DOUBLE_EQ(figure(figures, "miou_without_background"), expected.miou_without_background);
    EXPECT_DOUBLE_EQ(figure(figures, "f_score_without_background"), expected.f_without_background);
    EXPECT_DOUBLE_EQ(figure(figures, "pooled_miou"), expected.pooled_miou);
    EXPECT_DOUBLE_EQ(figure(figures, "pixel_accuracy"), expected.pixel_accuracy);
  }
  EXPECT_EQ(evaluation.semantic.scores().padding_frames, 10u);
}

TEST_F(AvsEvaluationTest, ModelsWithMaskAndClassesAreTranslatedByName) {
  const AvsBench set = write_avss();
  auto network = testing::small_model(Head::kMaskAndClasses, {"background", "dog", "cat", "gong"});
  EXPECT_EQ(match_classes(network->config(), set.class_names()), (std::vector<int>{0, 17, 12, -1}));
  const auto evaluation = evaluate_avsbench(network, set, {});
  SemanticMetrics metrics;
  const std::vector<uint8_t> numbers = {17, 12, 0};
  for (const AvsClip& clip : set.clips()) {
    for (int i = 0; i < real_frame_count(clip.subset); ++i) {
      const AvsFrame frame = set.load(clip, i);
      const auto logits = logits_of(network, frame);
      std::vector<uint8_t> classes(64 * 64);
      for (int64_t k = 0; k < 64 * 64; ++k) {
        const auto pixel = logits.select(1, k / 64).select(1, k % 64);
        if (pixel[0].item<float>() <= 0) continue;
        classes[size_t(k)] = numbers[size_t(pixel.slice(0, 2).argmax().item<int64_t>())];
      }
      metrics.add_frame(classes.data(), frame.mask.data, classes.size());
    }
  }
  EXPECT_DOUBLE_EQ(figure(named_figures(evaluation, AvsSet::kAvss, Protocol::kClean), "miou"),
                   metrics.scores().miou);
}

TEST_F(AvsEvaluationTest, ModelsThatCannotBeMeasured) {
  const AvsBench set = write_avss();
  auto mask_only = testing::small_model(Head::kMask);
  EXPECT_NE(error_of<AvsEvaluationError>([&] {
              evaluate_avsbench(mask_only, set, {});
            }).find("knows no classes"),
            std::string::npos);
  auto other = testing::small_model(Head::kMaskAndClasses, {"background", "gong"});
  EXPECT_NE(error_of<AvsEvaluationError>([&] { evaluate_avsbench(other, set, {}); }).find("gong"),
            std::string::npos);
  AvsEvaluationOptions options;
  options.batch_clips = 0;
  EXPECT_THROW(evaluate_avsbench(mask_only, set, options), AvsEvaluationError);
}

TEST_F(AvsEvaluationTest, ThePageShowsClips) {
  const AvsBench set = write_s4(3);
  auto network = testing::small_model(Head::kMask);
  const auto evaluation = evaluate_avsbench(network, set, {});
  html::Page page("Evaluation");
  add_avs_clips(network, set, evaluation.clip_scores, &page);
  const std::string text = page.render();
  for (const char* words : {"best, clip", "median, clip", "worst, clip", "helicopter", "truth"}) {
    EXPECT_NE(text.find(words), std::string::npos) << words;
  }
}

}  // namespace
}  // namespace lightavseg
