// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/teacher_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "model/network/model_file.h"
#include "model/training/curves.h"
#include "model/training/objectives.h"
#include "model/training/trainer.h"
#include "tests/model/data/tiny_material.h"
#include "tests/model/files/temporary_folder.h"
#include "tests/model/network/golden_fill.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;
using testing::write_text;

constexpr const char* kRecipe = R"(
[run]
seed = 3
checkpoint_s = 1e6
log_steps = 1
evaluate_clips = 1
precision = "fp32"
[material]
taxonomy = "classes.json"
[model]
variant = "tiny"
[[stage]]
name = "audio"
kind = "audio"
steps = 10
batch = 4
learning_rate = 1e-3
[[stage]]
name = "joint"
steps = 40
batch = 4
size = 64
learning_rate = 2e-3
clip_norm = 1
# Nothing but the teacher to learn from.
[stage.loss]
bce = 0
dice = 0
align = 0
)";

class TeacherModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write_text(folder_ / "classes.json", testing::tiny_taxonomy_json());
    write_text(folder_ / "run.toml", kRecipe);
    material_.use_test_split_for_validation();
    ModelConfig model;
    model.variant = Variant::kSmall;
    save_teacher(model);
  }

  fs::path teacher() const { return folder_ / "teacher.safetensors"; }
  // Weights that give masks which differ from pixel to pixel, and clearly.
  static void fill(LightAVSeg& network) {
    testing::golden_fill(*network);
    torch::NoGradGuard no_grad;
    network->head_logits->weight.mul_(20);
    network->eval();
  }
  LightAVSeg save_teacher(const ModelConfig& model) {
    LightAVSeg network(model);
    fill(network);
    save_model(teacher(), network, Storage::kFloat32);
    return network;
  }
  TrainConfig config(const std::string& out, std::vector<std::string> changes = {}) {
    changes.push_back("material.dir=\"" + material_.dir().string() + "\"");
    changes.push_back("run.out=\"" + (folder_ / out).string() + "\"");
    return read_train_config(folder_ / "run.toml", changes);
  }
  TrainConfig taught(const std::string& out, std::vector<std::string> changes = {}) {
    changes.push_back("model.teacher=" + teacher().string());
    return config(out, changes);
  }
  static void run(const TrainConfig& c) {
    Communicator alone;
    TrainerOptions options;
    options.quiet = true;
    train(c, alone, options);
  }
  std::string error_of(const TrainConfig& c) {
    try {
      load_teacher_model(c, c.model);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "(none)";
  }

  testing::TinyMaterial material_;
  TemporaryFolder folder_;
};

TEST_F(TeacherModelTest, LossesOfAStudentThatIsTheTeacherAreAtTheirMinimum) {
  auto c = taught("a");
  auto network = save_teacher(c.model);
  const auto channels = teacher_model_channels(network->config());
  EXPECT_EQ(channels.at("(model)/audio"), 1024);
  EXPECT_EQ(channels.at("(model)/state.0"), 16);
  EXPECT_EQ(channels.at("(model)/state.2"), 64);
  Student student(c, c.model, channels, 8, 10);
  fill(student->network);
  ASSERT_EQ(student->teacher_states.size(), 3u);
  {
    torch::NoGradGuard no_grad;
    for (auto& state : student->teacher_states) {
      state->weight.copy_(torch::eye(state->weight.size(0)).reshape(state->weight.sizes()));
      state->bias.zero_();
    }
  }
  Batch batch;
  torch::manual_seed(5);
  batch.frames = torch::randn({2, 3, 64, 64});
  batch.log_mel = torch::randn({2, 1, 101, 64});
  const auto audio = student->network->audio_state(batch.log_mel);
  auto out =
      student->network->forward_with_audio(batch.frames, audio, nullptr, LogitSize::kFinestStage);
  out.logits.retain_grad();
  const auto losses = teacher_model_losses(*student, c.stages[1], batch,
                                           load_teacher_model(c, c.model), audio, out);
  ASSERT_EQ(losses.size(), 2u);
  EXPECT_EQ(losses[0].name, "teacher_mask");
  EXPECT_EQ(losses[0].weight, 1);
  EXPECT_EQ(losses[1].weight, 0.5);
  // The least cross-entropy against soft targets is their entropy, with no gradient.
  const auto p = out.logits.detach().to(torch::kFloat64).sigmoid().clamp(1e-12, 1 - 1e-12);
  const auto entropy = -(p * p.log() + (1 - p) * (1 - p).log()).mean();
  EXPECT_NEAR(losses[0].loss.item<double>(), entropy.item<double>(), 1e-5);
  losses[0].loss.backward({}, /*retain_graph=*/true);
  EXPECT_LT(out.logits.grad().abs().max().item<double>(), 1e-7);
  // Equal states have a cosine of one, up to the shortest length of the loss.
  EXPECT_LT(losses[1].loss.item<double>(), 1e-3);
}

TEST_F(TeacherModelTest, AStudentComesCloserToItsTeacher) {
  run(taught("taught"));
  const auto curves = read_curves(folder_ / "taught/curves.csv");
  const auto mask = curves.series("train/teacher_mask");
  const auto audio = curves.series("train/teacher_audio");
  ASSERT_EQ(mask.size(), 40u);
  ASSERT_EQ(audio.size(), 50u) << "in both stages";
  const auto mean = [](const auto& series, size_t first, size_t count) {
    double sum = 0;
    for (size_t i = first; i < first + count; ++i) sum += series[i].second / double(count);
    return sum;
  };
  EXPECT_LT(audio[9].second, 0.9 * audio[0].second) << "A_0 in the audio stage";
  EXPECT_LT(mean(audio, 45, 5), 0.8 * mean(audio, 10, 5)) << "states in the joint stage";
  EXPECT_LT(mean(mask, 35, 5), 0.9 * mean(mask, 0, 5));
}

TEST_F(TeacherModelTest, WeightsLeaveTermsOut) {
  run(taught("a", {"stage.audio.steps=0", "stage.joint.steps=1", "stage.joint.loss.teacher_audio=0",
                   "stage.joint.loss.bce=1"}));
  const auto curves = read_curves(folder_ / "a/curves.csv");
  EXPECT_FALSE(curves.series("train/teacher_mask").empty());
  EXPECT_EQ(std::count(curves.columns.begin(), curves.columns.end(), "train/teacher_audio"), 0);
}

TEST_F(TeacherModelTest, TheToolTakesATeacherFromTheWorkingFolder) {
  const char* tool = std::getenv("LIGHTAVSEG_TOOL");
  ASSERT_NE(tool, nullptr) << "the test runner sets it to the built tool";
  const auto command =
      "cd '" + folder_.path().string() + "' && " + tool +
      " train run.toml --teacher teacher.safetensors --quiet --set run.out=cli " +
      "--set stage.audio.steps=0 --set stage.joint.steps=2 --set 'material.dir=\"" +
      material_.dir().string() + "\"' > /dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  EXPECT_EQ(read_curves(folder_ / "cli/curves.csv").series("train/teacher_mask").size(), 2u);
}

TEST_F(TeacherModelTest, TeachersThatCannotTeachAreRefusedByName) {
  ModelConfig model;
  model.variant = Variant::kTiny;
  model.front_end = dsp::FrontEnd::kPanns16k;
  save_teacher(model);
  auto text = error_of(taught("a"));
  for (const char* says : {"model.teacher", "teacher.safetensors", "front end"})
    EXPECT_NE(text.find(says), std::string::npos) << text;

  model = ModelConfig();
  model.variant = Variant::kTiny;
  model.har = model.agve = model.cmfd = false;
  save_teacher(model);
  text = error_of(taught("a"));
  EXPECT_NE(text.find("set stage.joint.loss.teacher_audio to 0"), std::string::npos) << text;
  EXPECT_EQ(error_of(taught("a", {"stage.joint.loss.teacher_audio=0"})), "(none)");

  model = ModelConfig();
  model.variant = Variant::kTiny;
  model.head = Head::kSemantic;
  model.class_names = {"background", "dog"};
  save_teacher(model);
  text = error_of(taught("a"));
  EXPECT_NE(text.find("has the head semantic"), std::string::npos) << text;

  fs::remove(teacher());
  text = error_of(taught("a"));
  EXPECT_NE(text.find("teacher.safetensors"), std::string::npos) << text;
  try {
    config("a", {"stage.joint.loss.teacher_mask=-1"});
    FAIL();
  } catch (const TrainConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("stage[1].loss.teacher_mask"), std::string::npos);
  }
}

}  // namespace
}  // namespace lightavseg
