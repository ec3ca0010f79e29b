// SPDX-License-Identifier: LGPL-2.1-or-later
// Whole runs on a tiny material: what is promised of them as a whole.
#include "model/training/trainer.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "model/data/scene_composer.h"
#include "model/evaluation/scene_tensors.h"
#include "model/network/model_file.h"
#include "model/training/checkpoint.h"
#include "model/training/curves.h"
#include "model/training/gloo_communicator.h"
#include "tests/model/data/tiny_material.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecipe = R"(
[run]
seed = 3
replicas = 2
checkpoint_s = 1e6
log_steps = 1
evaluate_clips = 2
precision = "fp32"
[material]
taxonomy = "classes.json"
[model]
variant = "tiny"
head = "mask+classes"
head_similarity = true
[[stage]]
name = "audio"
kind = "audio"
steps = 2
batch = 4
[stage.loss]
sound_classes = 1
[[stage]]
name = "visual"
kind = "visual"
steps = 2
batch = 4
size = 64
[stage.loss]
side_classes = 1
image_classes = 1
[[stage]]
name = "joint"
steps = 4
batch = 4
size = 64
ema = 0.9
learning_rate = 1e-3
clip_norm = 1
schedule = "cosine"
[stage.scenes]
pairs = true
)";

class TrainerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ofstream(folder_ / "classes.json") << testing::tiny_taxonomy_json();
    std::ofstream(folder_ / "run.toml") << kRecipe;
    options_.quiet = true;
    material_.use_test_split_for_validation();
  }

  TrainConfig config(const std::string& out, std::vector<std::string> changes = {}) {
    changes.push_back("material.dir=\"" + material_.dir().string() + "\"");
    changes.push_back("run.out=\"" + (folder_ / out).string() + "\"");
    auto c = read_train_config(folder_ / "run.toml", changes);
    c.fingerprint = "same";  // paths of the runs differ, which does not matter here
    return c;
  }
  TrainResult run(const TrainConfig& c) {
    Communicator alone;
    return train(c, alone, options_);
  }
  std::map<std::string, torch::Tensor> weights(const std::string& out) {
    return load_checkpoint(folder_ / out, nullptr)->tensors;
  }
  // The uninterrupted run of the recipe that several tests compare with, made once.
  const std::map<std::string, torch::Tensor>& whole() {
    if (whole_.empty()) {
      const auto options = options_;
      options_ = TrainerOptions();
      options_.quiet = true;
      run(config("whole"));
      options_ = options;
      whole_ = weights("whole");
      whole_losses_ = read_curves(folder_ / "whole/curves.csv").series("train/loss");
    }
    return whole_;
  }
  static void expect_equal(const std::map<std::string, torch::Tensor>& a,
                           const std::map<std::string, torch::Tensor>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (const auto& [name, tensor] : a) EXPECT_TRUE(torch::equal(tensor, b.at(name))) << name;
  }

  using Series = std::vector<std::pair<std::int64_t, double>>;
  inline static std::map<std::string, torch::Tensor> whole_;
  inline static Series whole_losses_;

  testing::TinyMaterial material_;
  TemporaryFolder folder_;
  TrainerOptions options_;
};

TEST_F(TrainerTest, LeavesAModelCurvesAndAReport) {
  EXPECT_EQ(run(config("a")), TrainResult::kFinished);
  const auto network = load_model(folder_ / "a/model.safetensors");
  EXPECT_EQ(network->config().head, Head::kMaskAndClasses);
  EXPECT_EQ(network->config().class_names.at(0), "background");
  const auto curves = read_curves(folder_ / "a/curves.csv");
  EXPECT_EQ(curves.series("train/loss").size(), 8u);
  EXPECT_FALSE(curves.series("val/miou").empty());
  const auto page = read_plainly(folder_ / "a/report.html");
  for (const char* sample :
       {"single 0: sounds ", "multi 1: ", "swap 1: ", "silence 0: sounds nothing", "offscreen 1: "})
    EXPECT_NE(page.find(sample), std::string::npos) << sample;
  for (const char* stage : {"audio", "visual", "joint"})
    EXPECT_TRUE(fs::exists(folder_ / "a" / (std::string("stage-") + stage + ".safetensors")));
  // The next run must not overwrite this one.
  EXPECT_THROW(run(config("a")), TrainConfigError);
}

TEST_F(TrainerTest, LeavesAModelWithoutAJointStage) {
  auto c = config("a");
  c.stages.resize(1);
  EXPECT_EQ(run(c), TrainResult::kFinished);
  const auto last = named_state(*load_model(folder_ / "a/stage-audio.safetensors"));
  const auto model = named_state(*load_model(folder_ / "a/model.safetensors"));
  for (const auto& [name, tensor] : last)
    EXPECT_TRUE(torch::equal(tensor.to(torch::kHalf).to(torch::kFloat), model.at(name))) << name;
}

TEST_F(TrainerTest, SeedsGiveTheSameRunTwice) {
  run(config("b"));
  expect_equal(whole(), weights("b"));
  run(config("c", {"run.seed=4"}));
  EXPECT_FALSE(torch::equal(whole().at("student.network.head.3.weight"),
                            weights("c").at("student.network.head.3.weight")));
}

TEST_F(TrainerTest, AResumedRunEqualsAnUninterruptedOne) {
  // Stopped in every stage, in the middle and at its end.
  options_.resume = true;
  for (int steps : {1, 2, 2, 1}) {
    options_.max_steps = steps;
    EXPECT_EQ(run(config("parts")), TrainResult::kStopped);
  }
  options_.max_steps = -1;
  EXPECT_EQ(run(config("parts")), TrainResult::kFinished);
  expect_equal(whole(), weights("parts"));
  EXPECT_EQ(read_curves(folder_ / "parts/curves.csv").series("train/loss"), whole_losses_);
}

TEST_F(TrainerTest, ADamagedCheckpointIsReplacedByTheOneBefore) {
  options_.resume = true;
  options_.max_steps = 5;
  run(config("parts"));
  options_.max_steps = 1;
  run(config("parts"));
  fs::resize_file(folder_ / "parts/checkpoint.safetensors", 100000);
  options_.max_steps = -1;
  run(config("parts"));
  expect_equal(whole(), weights("parts"));
}

TEST_F(TrainerTest, TwoProcessesAreTwoReplicas) {
  if (!has_gloo()) GTEST_SKIP() << "this build has no gloo (Debian: libgloo-dev)";
  const char* tool = std::getenv("LIGHTAVSEG_TOOL");
  ASSERT_NE(tool, nullptr) << "the test runner sets it to the built tool";
  const auto command = std::string(tool) + " train '" + (folder_ / "run.toml").string() +
                       "' --quiet --nproc 2 --set run.replicas=1 --set 'run.out=\"" +
                       (folder_ / "ranks").string() + "\"' --set 'material.dir=\"" +
                       material_.dir().string() + "\"' > /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  expect_equal(whole(), weights("ranks"));
  const auto losses = read_curves(folder_ / "ranks/curves.csv").series("train/loss");
  ASSERT_EQ(losses.size(), whole_losses_.size());
  for (size_t i = 0; i < losses.size(); ++i)
    EXPECT_NEAR(losses[i].second, whole_losses_[i].second, 1e-5 * whole_losses_[i].second);
}

TEST_F(TrainerTest, LoadersChangeNothing) {
  run(config("b", {"run.loaders=2"}));
  expect_equal(whole(), weights("b"));
}

TEST_F(TrainerTest, FrozenPartsStayAsTheyAre) {
  options_.max_steps = 4;  // up to the end of the visual stage
  run(config("a"));
  const auto before = weights("a");
  options_.resume = true;
  options_.max_steps = -1;
  run(config("a"));
  const auto after = weights("a");
  for (const auto& [name, tensor] : before) {
    if (name.rfind("student.network.audio.", 0) != 0) continue;
    EXPECT_TRUE(torch::equal(tensor, after.at(name))) << name;
  }
  EXPECT_FALSE(torch::equal(before.at("student.network.visual.smb1.stem_block.0.c.weight"),
                            after.at("student.network.visual.smb1.stem_block.0.c.weight")));
}

TEST_F(TrainerTest, AnotherConfigurationIsNoResumption) {
  options_.max_steps = 3;
  run(config("a"));
  options_.resume = true;
  auto other = config("a");
  other.fingerprint = "different";
  EXPECT_THROW(run(other), TrainConfigError);
  options_.other_config = true;
  EXPECT_EQ(run(other), TrainResult::kStopped);
}

TEST_F(TrainerTest, ATeacherWithoutACacheLooksAtEveryScene) {
  torch::jit::Module eyes("eyes");
  eyes.define(R"(
def forward(self, x):
    assert bool((x >= 0).all()) and bool((x <= 1).all()), "pictures are RGB in 0..1"
    return {"cells": torch.adaptive_avg_pool2d(x, [7, 7])}
)");
  eyes.save((folder_ / "eyes.ts").string());
  const auto taught = [&](const std::string& name, const std::string& keys) {
    std::ofstream(folder_ / "run.toml")
        << kRecipe << "[[stage.distill]]\nteacher = \"eyes\"\n"
        << "output = \"cells\"\nstudent = \"visual.3\"\n"
        << "loss = \"mse\"\n"
        << "[[teacher]]\nname = \"eyes\"\ninput = \"image\"\nfile = \""
        << (folder_ / "eyes.ts").string() << "\"\n"
        << keys;
    // Composites only: no scene is one photograph.
    run(config(name, {"stage.joint.scenes.photograph=0", "stage.joint.scenes.side_by_side=0"}));
    double sum = 0;
    for (const auto& [step, loss] :
         read_curves(folder_ / name / "curves.csv").series("train/distill_cells_visual.3"))
      sum += loss;
    return sum;
  };
  EXPECT_EQ(taught("cached", ""), 0);
  EXPECT_TRUE(fs::exists(folder_ / "cached/teacher-eyes.safetensors"));
  EXPECT_GT(taught("live", "cache = false\n"), 0);
  EXPECT_FALSE(fs::exists(folder_ / "live/teacher-eyes.safetensors"));
}

TEST_F(TrainerTest, OverfitsEightScenes) {
  // Pairs of scenes share a picture, so the audio network must tell the sounds apart first.
  auto c =
      config("a", {"stage.audio.steps=200", "stage.audio.batch=16",
                   "stage.audio.learning_rate=2e-3", "stage.visual.steps=0",
                   "stage.joint.steps=300", "stage.joint.size=96", "stage.joint.batch=8",
                   "stage.joint.scene_limit=8", "run.replicas=1", "stage.joint.learning_rate=3e-3",
                   "stage.joint.ema=0.9", "stage.joint.warmup_steps=10"});
  for (auto& stage : c.stages) stage.scenes.silence = stage.scenes.other = 0;
  run(c);
  auto network = load_model(folder_ / "a/stage-joint.safetensors");
  const auto taxonomy = testing::tiny_taxonomy();
  MaterialOptions material_options;
  const auto material = Material::load(material_.dir(), taxonomy, material_options);
  const SceneComposer composer(material, c.stages[2].scenes);
  const dsp::LogMel log_mel(network->config().front_end);
  dsp::LogMel::Workspace workspace(log_mel);
  torch::NoGradGuard no_grad;
  double sum = 0;
  for (std::uint64_t i = 0; i < 8; ++i) {
    const auto scene = composer.compose(c.stages[2].data_seed, i);
    const auto logits = network
                            ->forward(normalised_frame(scene.image).unsqueeze(0),
                                      log_mel_tensor(log_mel, scene.audio, workspace).unsqueeze(0))
                            .logits[0][0];
    const auto truth = byte_map(scene.mask);
    const auto known = truth.ne(128);
    const auto guess = logits.gt(0).logical_and(known), target = truth.eq(255);
    const double both = guess.logical_and(target).sum().item<double>();
    const double either = guess.logical_or(target).sum().item<double>();
    const double iou = either > 0 ? both / either : 1;
    EXPECT_GT(iou, 0.8) << "scene " << i;
    sum += iou;
  }
  EXPECT_GT(sum / 8, 0.95);
}

}  // namespace
}  // namespace lightavseg
