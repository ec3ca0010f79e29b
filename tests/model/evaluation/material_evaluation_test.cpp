// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/material_evaluation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <set>

#include "model/evaluation/scene_predictor.h"
#include "model/evaluation/scene_report.h"
#include "model/evaluation/scene_tensors.h"
#include "model/network/model_file.h"
#include "tests/model/data/tiny_material.h"
#include "tests/model/evaluation/small_model.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

constexpr int kClips = 4;

std::vector<std::string> visible_names(const Taxonomy& taxonomy) {
  const auto& names = taxonomy.class_names();
  return {names.begin(), names.begin() + taxonomy.visible_count() + 1};
}

class MaterialEvaluationTest : public ::testing::Test {
 protected:
  MaterialEvaluationTest()
      : taxonomy_(testing::tiny_taxonomy()),
        material_(Material::load(files_.dir(), taxonomy_)),
        scenes_(material_, size_64()) {
    options_.clips = kClips;
  }
  static EvaluationOptions size_64() {
    EvaluationOptions options;
    options.size = 64;
    return options;
  }
  static std::set<std::string> names(const MaterialFigures& figures) {
    std::set<std::string> out;
    for (const auto& [name, value] : named_figures(figures)) out.insert(name);
    return out;
  }
  static double iou(const torch::Tensor& mask, const cv::Mat& target) {
    const auto t = byte_map(target);
    const auto known = t.ne(128);
    const auto p = mask.logical_and(known), g = t.eq(255);
    const double either = p.logical_or(g).sum().item<double>();
    return either > 0 ? p.logical_and(g).sum().item<double>() / either : 1;
  }

  testing::TinyMaterial files_;
  Taxonomy taxonomy_;
  Material material_;
  EvaluationScenes scenes_;
  MaterialEvaluationOptions options_;
};

TEST_F(MaterialEvaluationTest, FiguresAndScoresEqualWhatIsComputedDirectly) {
  auto network = testing::small_model(Head::kMaskAndClasses, visible_names(taxonomy_));
  options_.class_names = taxonomy_.class_names();
  std::vector<SceneScore> scores;
  const auto figures = evaluate_material(network, scenes_, options_, &scores);
  const ScenePredictor predictor(network);
  double heard = 0, seen = 0, told = 0, all = 0, found = 0, named = 0;
  double by_count[2] = {0, 0};
  for (int i = 0; i < kClips; ++i) {
    const Scene scene = scenes_.scene(EvaluationKind::kMulti, i);
    const auto p = predictor.predict(scene.image, predictor.audio_state(scene.audio));
    auto oracle = torch::zeros({64, 64}, torch::kBool);
    for (const int cls : scene.sounding) oracle.logical_or_(p.seen_class.eq(cls));
    heard += iou(p.mask, scene.mask) / kClips;
    seen += iou(p.vision, scene.mask) / kClips;
    told += iou(oracle, scene.mask) / kClips;
    by_count[i % 2] += iou(p.vision, scene.mask) / (kClips / 2);
    const cv::Mat objects = scene.labels > 0;
    all += iou(byte_map(objects).eq(255), scene.mask) / kClips;
    found += iou(p.seen_class.gt(0), objects) / kClips;
    const auto labels = byte_map(scene.labels);
    const auto within = labels.gt(0);
    named += within.logical_and(p.seen_class.eq(labels)).sum().item<double>() /
             within.sum().item<double>() / kClips;
  }
  EXPECT_NEAR(figures.miou_multi, heard, 1e-12);
  EXPECT_NEAR(figures.miou_multi_vision, seen, 1e-12);
  EXPECT_NEAR(figures.miou_multi_oracle, told, 1e-12);
  EXPECT_NEAR(figures.miou_multi_vision_one, by_count[0], 1e-12);
  EXPECT_NEAR(figures.miou_multi_vision_two, by_count[1], 1e-12);
  EXPECT_NEAR(figures.miou_multi_objects, all, 1e-12);
  EXPECT_LT(figures.miou_multi_objects, 1);
  EXPECT_NEAR(figures.objects_found, found, 1e-12);
  EXPECT_NEAR(figures.objects_named, named, 1e-12);

  ASSERT_EQ(scores.size(), 5u * kClips);
  double single = 0, silence = 0;
  for (const SceneScore& s : scores) {
    if (s.kind == EvaluationKind::kSingle) single += s.score / kClips;
    if (s.kind == EvaluationKind::kSilence) silence -= s.score / kClips;
  }
  EXPECT_NEAR(single, figures.miou, 1e-12);
  EXPECT_NEAR(silence, figures.silence_area, 1e-12);
}

TEST_F(MaterialEvaluationTest, ThePredictorRepeatsTheNetwork) {
  torch::NoGradGuard no_grad;
  auto network = testing::small_model(Head::kMaskAndClasses, visible_names(taxonomy_));
  const ScenePredictor predictor(network);
  const Scene scene = scenes_.scene(EvaluationKind::kMulti, 1);
  const auto p = predictor.predict(scene.image, predictor.audio_state(scene.audio));
  const dsp::LogMel front_end(network->config().front_end);
  dsp::LogMel::Workspace workspace(front_end);
  const auto logits = network
                          ->forward(normalised_frame(scene.image).unsqueeze(0),
                                    log_mel_tensor(front_end, scene.audio, workspace).unsqueeze(0))
                          .logits[0];
  EXPECT_TRUE(torch::equal(p.mask, logits[0].gt(0)));
  EXPECT_TRUE(torch::allclose(p.probability, logits[0].sigmoid()));
  EXPECT_TRUE(torch::equal(p.seen_class, logits.slice(0, 1).argmax(0)));
  EXPECT_TRUE(torch::equal(p.vision, logits.slice(0, 1).softmax(0)[0].lt(0.5)));
  // A class wherever something sounds, and nowhere else.
  EXPECT_TRUE(torch::equal(p.sounding_class.ne(0), p.mask));
}

TEST_F(MaterialEvaluationTest, TheEngineHasTheFiguresOfTheNetwork) {
  auto network = testing::small_model(Head::kMaskAndClasses, visible_names(taxonomy_));
  const TemporaryFolder folder;
  save_model(folder / "model.safetensors", network, Storage::kFloat32);
  EngineOptions size;
  size.height = size.width = 64;
  const ScenePredictor planned(Engine::open(folder / "model.safetensors", size));
  EXPECT_EQ(planned.config().class_names, network->config().class_names);
  options_.class_names = taxonomy_.class_names();
  const auto wanted = named_figures(evaluate_material(network, scenes_, options_));
  const auto found = named_figures(evaluate_material(planned, scenes_, options_));
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i].second, wanted[i].second, 2e-3) << found[i].first;
  EXPECT_THROW(planned.predict(cv::Mat(32, 64, CV_8UC3), torch::zeros({1, 512, 1, 1})),
               std::runtime_error);
}

TEST_F(MaterialEvaluationTest, NamesOfTheModelDecideWhatTheOracleMarks) {
  auto names = visible_names(taxonomy_);
  auto network = testing::small_model(Head::kMaskAndClasses, names);
  options_.class_names = taxonomy_.class_names();
  const auto by_name = evaluate_material(network, scenes_, options_);
  options_.class_names.clear();
  EXPECT_EQ(evaluate_material(network, scenes_, options_).miou_oracle, by_name.miou_oracle);
  // The same weights under names that the scenes do not have.
  for (std::size_t i = 1; i < names.size(); ++i) names[i] = "x" + std::to_string(i);
  auto renamed = testing::small_model(Head::kMaskAndClasses, names);
  options_.class_names = taxonomy_.class_names();
  const auto of_others = evaluate_material(renamed, scenes_, options_);
  EXPECT_EQ(of_others.miou_oracle, 0);
  EXPECT_EQ(of_others.objects_named, 0);
}

TEST_F(MaterialEvaluationTest, OnlyModelsWithClassesHaveAnOracle) {
  auto mask = testing::small_model(Head::kMask);
  const auto figures = evaluate_material(mask, scenes_, options_);
  EXPECT_FALSE(figures.has_oracle);
  EXPECT_EQ(names(figures).count("miou_multi_oracle"), 0u);
  EXPECT_EQ(names(figures).count("objects_named"), 0u);
  EXPECT_EQ(names(figures).count("miou_multi_vision"), 1u);
  EXPECT_EQ(names(figures).count("miou_multi_objects"), 1u);
  auto classes = testing::small_model(Head::kMaskAndClasses, visible_names(taxonomy_));
  EXPECT_EQ(names(evaluate_material(classes, scenes_, options_)).count("miou_multi_oracle"), 1u);
}

TEST_F(MaterialEvaluationTest, FiguresDoNotDependOnThreads) {
  auto network = testing::small_model(Head::kMaskAndClasses, visible_names(taxonomy_));
  const auto one = named_figures(evaluate_material(network, scenes_, options_));
  options_.threads = 3;
  EXPECT_EQ(named_figures(evaluate_material(network, scenes_, options_)), one);
}

TEST_F(MaterialEvaluationTest, ThePageShowsEveryKind) {
  auto network = testing::small_model(Head::kMaskAndClasses, visible_names(taxonomy_));
  std::vector<SceneScore> scores;
  evaluate_material(network, scenes_, options_, &scores);
  html::Page page("Evaluation");
  add_scenes(network, scenes_, scores, taxonomy_.class_names(), &page);
  const std::string text = page.render();
  const auto count = [&](const std::string& words) {
    int n = 0;
    for (std::size_t at = 0; (at = text.find(words, at)) != std::string::npos; ++at) ++n;
    return n;
  };
  EXPECT_EQ(count("<h2>"), 5);
  // Three scenes of five kinds, and the second of every pair.
  EXPECT_EQ(count("<figure class=\"sample\">"), 18);
  EXPECT_EQ(count("data:image/png"), 18 * 4);
  EXPECT_NE(text.find("sounds nothing"), std::string::npos);
}

TEST(SceneReportTest, BestMedianAndWorst) {
  const auto chosen = best_median_worst({0.5, 0.1, 0.9, 0.4, 0.6});
  ASSERT_EQ(chosen.size(), 3u);
  EXPECT_EQ(chosen[0].position, 2u);
  EXPECT_EQ(chosen[1].position, 0u);
  EXPECT_EQ(chosen[2].position, 1u);
  EXPECT_EQ(best_median_worst({1}).size(), 1u);
  EXPECT_EQ(best_median_worst({1, 2}).size(), 2u);
  EXPECT_TRUE(best_median_worst({}).empty());
}

TEST(SceneReportTest, MaskedPicturesTintAndDarken) {
  const cv::Mat rgb(2, 3, CV_8UC3, cv::Scalar(100, 100, 100));
  cv::Mat mask = cv::Mat::zeros(2, 3, CV_8U);
  mask.at<std::uint8_t>(0, 0) = 255;
  mask.at<std::uint8_t>(0, 1) = 128;
  const cv::Mat out = cv::imdecode(masked_png(rgb, mask), cv::IMREAD_COLOR);
  const auto marked = out.at<cv::Vec3b>(0, 0), open = out.at<cv::Vec3b>(0, 1),
             rest = out.at<cv::Vec3b>(1, 2);
  EXPECT_GT(marked[2], 170);  // red; OpenCV reads blue first
  EXPECT_LT(marked[0], 100);
  EXPECT_EQ(open[0], open[2]);
  EXPECT_EQ(rest, cv::Vec3b(45, 45, 45));
}

}  // namespace
}  // namespace lightavseg
