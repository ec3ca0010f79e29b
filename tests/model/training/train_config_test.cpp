// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/train_config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMinimal = R"(
[run]
seed = 5
replicas = 2
[material]
dir = "data"
taxonomy = "classes.json"
[model]
variant = "tiny"
head = "mask+classes"
[[teacher]]
name = "ears"
file = "teacher/ears.ts"
input = "waveform"
[[stage]]
name = "audio"
kind = "audio"
steps = 10
[[stage.distill]]
teacher = "ears"
output = "embedding"
student = "audio"
loss = "mse"
[[stage]]
name = "joint"
steps = 20
batch = 6
size = 96
learning_rate = 1e-3
schedule = "cosine"
train = ["network.head"]
[stage.loss]
bce = 2
[stage.rate_of]
"network.visual" = 0.1
[stage.scenes]
pairs = true
absent = 0.3
)";

class TrainConfigTest : public ::testing::Test {
 protected:
  TrainConfig read(const std::string& text, const std::vector<std::string>& changes = {}) {
    std::ofstream(file_) << text;
    return read_train_config(file_, changes);
  }
  std::string error_of(const std::string& text, const std::vector<std::string>& changes = {}) {
    try {
      read(text, changes);
    } catch (const TrainConfigError& error) {
      return error.what();
    }
    return "(none)";
  }
  // kMinimal with one piece of text replaced.
  static std::string with(const std::string& from, const std::string& to) {
    std::string text = kMinimal;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }

  TemporaryFolder folder_;
  const fs::path file_ = folder_ / "run.toml";
};

TEST_F(TrainConfigTest, ReadsWhatItSays) {
  const auto c = read(kMinimal);
  EXPECT_EQ(c.seed, 5u);
  EXPECT_EQ(c.replicas, 2);
  EXPECT_EQ(c.material, "data");
  EXPECT_EQ(c.taxonomy, file_.parent_path() / "classes.json");
  EXPECT_EQ(c.teachers.at(0).file, fs::path("data") / "teacher/ears.ts");
  EXPECT_EQ(c.model.variant, Variant::kTiny);
  ASSERT_EQ(c.stages.size(), 2u);
  EXPECT_EQ(c.stages[0].kind, StageKind::kAudio);
  EXPECT_EQ(c.stages[0].distill.at(0).output, "embedding");
  const auto& joint = c.stages[1];
  EXPECT_EQ(joint.kind, StageKind::kJoint);
  EXPECT_EQ(joint.scenes.size, 96);
  EXPECT_TRUE(joint.scenes.pairs);
  EXPECT_EQ(joint.scenes.absent, 0.3);
  EXPECT_EQ(joint.loss.bce, 2);
  EXPECT_EQ(joint.loss.dice, 1);
  EXPECT_EQ(joint.rate_of.at("network.visual"), 0.1);
  EXPECT_EQ(joint.train, std::vector<std::string>{"network.head"});
  EXPECT_NE(joint.data_seed, c.stages[0].data_seed);
}

TEST_F(TrainConfigTest, TheRecipeThatShipsIsValid) {
  const auto c = read_train_config(fs::path(LIGHTAVSEG_RECIPES) / "lightavseg-base.toml", {});
  EXPECT_TRUE(c.model.class_gate);
  ASSERT_GE(c.stages.size(), 3u);
  EXPECT_EQ(c.stages.front().kind, StageKind::kAudio);
  EXPECT_EQ(c.stages.back().kind, StageKind::kJoint);
  const auto stage = [&](const std::string& name) -> const StageConfig& {
    for (const auto& candidate : c.stages)
      if (candidate.name == name) return candidate;
    throw TrainConfigError("no stage " + name);
  };
  const auto& small = stage("joint-192-long");
  EXPECT_EQ(small.scenes.pool, 0.08);
  EXPECT_EQ(small.scenes.object_scale, 1.25);
  EXPECT_EQ(small.scenes.crop.min_area, 0.25);
  EXPECT_EQ(small.loss.class_balance, 0.35);
  const auto& large = stage("joint-384");
  EXPECT_EQ(large.scenes.size, 384);
  EXPECT_EQ(large.scenes.two_visible, 0.2);
  EXPECT_EQ(large.loss.class_balance, 0.5);
  EXPECT_FALSE(large.distill.empty());
  EXPECT_EQ(stage("audio-mixtures").scenes.two_sounds, 0.7);
  const auto& fine = stage("joint-384-fine");
  EXPECT_EQ(fine.steps, 1100);
  EXPECT_EQ(fine.scenes.image.strength, 0.35);
  EXPECT_EQ(fine.distill.at(1).weight, 2);
  const auto& last = stage("joint-384-last");
  EXPECT_EQ(last.scenes.size, 384);
  EXPECT_EQ(last.scenes.image.strength, 0.5);
  EXPECT_EQ(last.scenes.two_visible, 0.26);
  EXPECT_EQ(last.loss.dice, 1.5);
  EXPECT_EQ(last.loss.class_balance, 0.5);
  ASSERT_EQ(last.distill.size(), 3u);
  for (const auto& distill : last.distill) EXPECT_EQ(distill.teacher, "imagenet-large");
  EXPECT_EQ(c.teachers.back().name, "imagenet-large");
  EXPECT_EQ(c.teachers.back().input_scale, 2);
  EXPECT_EQ(stage("audio-last").scenes.two_sounds, 0.6);
  const auto& listen = c.stages.back();
  EXPECT_EQ(listen.name, "listen-384");
  EXPECT_EQ(listen.scenes.size, 384);
  EXPECT_TRUE(listen.scenes.pairs);
  EXPECT_EQ(listen.scenes.image.strength, 0.8);
  EXPECT_EQ(listen.scenes.two_visible, 0.26);
  EXPECT_EQ(listen.loss.dice, 1.5);
  EXPECT_EQ(listen.loss.side_classes, 0);
  EXPECT_TRUE(listen.distill.empty());
  // The eyes stay.
  EXPECT_EQ(listen.train,
            (std::vector<std::string>{"network.har", "network.cmfd", "network.head"}));
  EXPECT_TRUE(fs::exists(c.taxonomy)) << c.taxonomy;
}

TEST_F(TrainConfigTest, AStageLikeAnotherHasItsKeys) {
  const std::string text = std::string(kMinimal) + R"(
[[stage]]
name = "larger"
like = "joint"
size = 128
[stage.loss]
dice = 3
[stage.scenes]
absent = 0.4
image.blur = 0.5
[[stage]]
name = "largest"
like = "larger"
size = 160
train = []
[[stage]]
name = "ears"
like = "audio"
distill = []
)";
  const auto c = read(text, {"stage.larger.batch=8"});
  ASSERT_EQ(c.stages.size(), 5u);
  const auto& larger = c.stages[2];
  EXPECT_EQ(larger.name, "larger");
  EXPECT_EQ(larger.steps, 20);
  EXPECT_EQ(larger.size, 128);
  EXPECT_EQ(larger.scenes.size, 128);
  EXPECT_EQ(larger.schedule, ScheduleKind::kCosine);
  EXPECT_EQ(larger.train, std::vector<std::string>{"network.head"});
  EXPECT_EQ(larger.rate_of.at("network.visual"), 0.1);
  EXPECT_EQ(larger.loss.bce, 2);
  EXPECT_EQ(larger.loss.dice, 3);
  EXPECT_TRUE(larger.scenes.pairs);
  EXPECT_EQ(larger.scenes.absent, 0.4);
  EXPECT_EQ(larger.scenes.image.blur, 0.5);
  // Its scenes are others, and what the command line changes is changed in that stage only.
  EXPECT_NE(larger.data_seed, c.stages[1].data_seed);
  EXPECT_EQ(larger.batch, 8);
  EXPECT_EQ(c.stages[1].batch, 6);

  const auto& largest = c.stages[3];
  EXPECT_EQ(largest.size, 160);
  EXPECT_EQ(largest.batch, 6);
  EXPECT_EQ(largest.loss.dice, 3);
  EXPECT_EQ(largest.scenes.absent, 0.4);
  EXPECT_TRUE(largest.train.empty());

  EXPECT_EQ(c.stages[4].kind, StageKind::kAudio);
  EXPECT_TRUE(c.stages[4].distill.empty());
  EXPECT_EQ(c.stages[0].distill.size(), 1u);
}

TEST_F(TrainConfigTest, ChangesReachTablesAndStagesByName) {
  const auto c = read(kMinimal, {"run.seed=9", "stage.joint.steps=3", "run.out=some/where",
                                 "stage.audio.loss.sound_classes=2.5", "model.har=false"});
  EXPECT_EQ(c.seed, 9u);
  EXPECT_EQ(c.stages[1].steps, 3);
  EXPECT_EQ(c.out, "some/where");
  EXPECT_EQ(c.stages[0].loss.sound_classes, 2.5);
  EXPECT_FALSE(c.model.har);
  EXPECT_NE(c.fingerprint, read(kMinimal).fingerprint);
}

TEST_F(TrainConfigTest, EveryMistakeIsNamed) {
  const std::vector<std::array<std::string, 3>> cases = {
      {"seed = 5", "sed = 5", "run.sed"},
      {"seed = 5", "seed = \"five\"", "run.seed"},
      {"seed = 5", "seed = -1", "run.seed"},
      {"replicas = 2", "replicas = 0", "run.replicas"},
      {"replicas = 2", "replicas = 4", "stage[1].batch"},
      {"dir = \"data\"", "", "material.dir"},
      {"taxonomy = \"classes.json\"", "", "material.taxonomy"},
      {"variant = \"tiny\"", "variant = \"huge\"", "model.variant"},
      {"file = \"teacher/ears.ts\"", "", "teacher[0].file"},
      {"file = \"teacher/ears.ts\"", "file = \"a.ts\"\ninput_scale = 0", "teacher[0].input_scale"},
      {"teacher = \"ears\"", "teacher = \"eyes\"", "stage[0].distill[0].teacher"},
      {"student = \"audio\"", "student = \"visual.6\"", "stage[0].distill[0].student"},
      {"loss = \"mse\"", "loss = \"magic\"", "stage[0].distill[0].loss"},
      {"kind = \"audio\"", "kind = \"smell\"", "stage[0].kind"},
      {"name = \"joint\"", "name = \"audio\"", "stage[1].name"},
      {"learning_rate = 1e-3", "learning_rate = -1", "stage[1].learning_rate"},
      {"learning_rate = 1e-3", "learning_rate = 9007199254740993", "stage[1].learning_rate"},
      {"steps = 20", "steps = 20\nwarmup_steps = 30", "stage[1].warmup_steps"},
      {"absent = 0.3", "absent = 3", "stage[1].scenes.absent"},
      {"absent = 0.3", "image.strength = 2", "stage[1].scenes.image.strength"},
      {"absent = 0.3", "image.sharp = 1", "stage[1].scenes.image.sharp"},
      {"bce = 2", "bse = 2", "stage[1].loss.bse"},
      {"size = 96", "size = 8", "stage[1].size"},
      {"size = 96", "like = \"audoi\"", "stage[1].like: 'audoi'"},
      {"size = 96", "like = \"joint\"", "stage[1].like: 'joint'"},
      {"size = 96", "like = 1", "stage[1].like: must be a string"},
      {"[run]", "[run", "toml"},
  };
  for (const auto& [from, to, field] : cases) {
    const auto text = error_of(with(from, to));
    EXPECT_NE(text.find(field), std::string::npos) << from << " -> " << to << ": " << text;
  }
  EXPECT_NE(error_of(kMinimal, {"stage.jiont.steps=3"}).find("jiont"), std::string::npos);
  EXPECT_NE(error_of(kMinimal, {"steps"}).find("key=value"), std::string::npos);
  EXPECT_NE(error_of("").find("material"), std::string::npos);
}

}  // namespace
}  // namespace lightavseg
