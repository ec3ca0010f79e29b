// SPDX-License-Identifier: LGPL-2.1-or-later
// A table of two rows and two seeds on a tiny material: done once, stopped, killed, damaged.
#include "model/training/ablation.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "model/training/checkpoint.h"
#include "tests/model/data/tiny_material.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;
using testing::write_text;

constexpr const char* kRecipe = R"(
[run]
precision = "fp32"
checkpoint_s = 1
log_steps = 1
evaluate_clips = 1
[material]
dir = "material"
taxonomy = "classes.json"
[model]
variant = "tiny"
[[stage]]
name = "joint"
steps = 3
batch = 2
size = 64
learning_rate = 1e-3
)";

constexpr const char* kTable = R"(
title = "Two rows"
recipe = "run.toml"
out = "table"
seeds = [1, 2]
figures = ["miou", "swap"]
paper_columns = ["mIoU"]
[compare]
figure = "miou"
paper = "mIoU"
[evaluate]
clips = 2
[[row]]
name = "all"
paper = { mIoU = 50.4 }
[[row]]
name = "no HAR"
set = ["model.har=false"]
paper = { mIoU = 48.3 }
)";

class AblationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write_text(folder_ / "classes.json", testing::tiny_taxonomy_json());
    write_text(folder_ / "run.toml", kRecipe);
    write_text(folder_ / "table.toml", kTable);
    material_.use_test_split_for_validation();
    options_.quiet = true;
    options_.changes = {"material.dir=\"" + material_.dir().string() + "\""};
  }

  AblationTable table(const std::string& out) const {
    auto t = read_ablation_table(folder_ / "table.toml");
    t.out = folder_ / out;
    return t;
  }
  AblationState run(const std::string& out) { return run_ablation(table(out), options_); }
  std::string error_of(const std::string& out) {
    try {
      run(out);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "(none)";
  }
  nlohmann::json summary(const std::string& out) const {
    return nlohmann::json::parse(read_plainly(folder_ / out / "summary.json"));
  }
  void expect_equal_runs(const std::string& a, const std::string& b) const {
    for (const char* cell : {"all/seed-1", "all/seed-2", "no-har/seed-1", "no-har/seed-2"}) {
      ASSERT_EQ(fs::exists(folder_ / a / cell), fs::exists(folder_ / b / cell)) << cell;
      if (!fs::exists(folder_ / a / cell)) continue;
      const auto of_a = load_checkpoint(folder_ / a / cell, nullptr)->tensors;
      const auto of_b = load_checkpoint(folder_ / b / cell, nullptr)->tensors;
      ASSERT_EQ(of_a.size(), of_b.size());
      for (const auto& [name, tensor] : of_a)
        EXPECT_TRUE(torch::equal(tensor, of_b.at(name))) << cell << " " << name;
      EXPECT_EQ(read_plainly(folder_ / a / cell / "result.json"),
                read_plainly(folder_ / b / cell / "result.json"));
    }
    EXPECT_EQ(read_plainly(folder_ / a / "summary.md"), read_plainly(folder_ / b / "summary.md"));
  }

  testing::TinyMaterial material_;
  TemporaryFolder folder_;
  AblationOptions options_;
};

TEST_F(AblationTest, TrainsEveryRowAndSeedOnce) {
  EXPECT_EQ(run("a"), AblationState::kFinished);
  const auto json = summary("a");
  ASSERT_EQ(json.at("rows").size(), 2u);
  for (const auto& row : json.at("rows")) {
    EXPECT_EQ(row.at("runs").size(), 2u);
    for (const auto& figures : row.at("runs"))
      EXPECT_TRUE(figures.contains("silence_false")) << "all figures are kept";
  }
  EXPECT_EQ(json.at("orderings").size(), 1u);
  // Without HAR every state is made of A_0, which is wider than what a stage hands on.
  EXPECT_LT(json["rows"][0]["parameters"], json["rows"][1]["parameters"]);
  EXPECT_NE(read_plainly(folder_ / "a/all/seed-1/result.json"),
            read_plainly(folder_ / "a/all/seed-2/result.json"));
  EXPECT_NE(read_plainly(folder_ / "a/summary.md").find("| no HAR | 2 of 2 |"), std::string::npos);
  EXPECT_NE(read_plainly(folder_ / "a/summary.csv").find("no HAR,2,"), std::string::npos);

  // The next call has nothing to do: the models stay the files that they were.
  const auto model = folder_ / "a/no-har/seed-2/model.safetensors";
  const auto time = fs::last_write_time(model);
  EXPECT_EQ(run("a"), AblationState::kFinished);
  EXPECT_EQ(fs::last_write_time(model), time);
  EXPECT_EQ(summary("a"), json);
}

TEST_F(AblationTest, StoppedAndContinuedIsTheSame) {
  run("whole");
  options_.max_steps = 2;
  EXPECT_EQ(run("parts"), AblationState::kStopped);
  EXPECT_TRUE(fs::exists(folder_ / "parts/all/seed-1/settings.toml"));
  EXPECT_FALSE(fs::exists(folder_ / "parts/all/seed-1/result.json"));
  int calls = 1;
  while (run("parts") == AblationState::kStopped) ASSERT_LT(++calls, 10);
  EXPECT_EQ(calls, 4);
  expect_equal_runs("whole", "parts");
}

TEST_F(AblationTest, KilledAndContinuedIsTheSame) {
  const char* tool = std::getenv("LIGHTAVSEG_TOOL");
  ASSERT_NE(tool, nullptr) << "the test runner sets it to the built tool";
  // Long enough to be killed in its middle; one seed is enough.
  options_.changes.push_back("stage.joint.steps=40");
  write_text(folder_ / "table.toml",
             std::string(kTable).replace(std::string(kTable).find("[1, 2]"), 6, "[1]"));
  run("whole");
  std::vector<std::string> arguments = {
      tool, "ablate", (folder_ / "table.toml").string(), "--out", folder_ / "killed", "--quiet"};
  for (const auto& change : options_.changes) {
    arguments.push_back("--set");
    arguments.push_back(change);
  }
  std::vector<char*> argv;
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!std::freopen("/dev/null", "w", stdout)) _exit(126);
    execv(tool, argv.data());
    _exit(127);
  }
  const auto checkpoint = folder_ / "killed/no-har/seed-1/checkpoint.safetensors";
  int status = 0;
  while (!fs::exists(checkpoint)) {
    ASSERT_EQ(waitpid(child, &status, WNOHANG), 0) << "ended before it could be killed";
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(fs::exists(folder_ / "killed/all/seed-1/result.json"));
  EXPECT_EQ(run("killed"), AblationState::kFinished);
  expect_equal_runs("whole", "killed");
}

TEST_F(AblationTest, OnlyTheRowsAndSeedsThatWereAskedFor) {
  options_.rows = {"no HAR"};
  options_.seeds = {2};
  EXPECT_EQ(run("a"), AblationState::kFinished);
  EXPECT_TRUE(fs::exists(folder_ / "a/no-har/seed-2/result.json"));
  EXPECT_FALSE(fs::exists(folder_ / "a/no-har/seed-1"));
  EXPECT_FALSE(fs::exists(folder_ / "a/all"));
  EXPECT_NE(read_plainly(folder_ / "a/summary.md").find("| all | 0 of 2 |"), std::string::npos);
  options_.rows = {"nobody"};
  EXPECT_NE(error_of("a").find("there is no row 'nobody'; the table has all, no HAR"),
            std::string::npos);
  options_.rows.clear();
  options_.seeds = {3};
  EXPECT_NE(error_of("a").find("there is no seed 3; the table has 1, 2"), std::string::npos);
}

TEST_F(AblationTest, ADamagedResultIsMeasuredAgain) {
  options_.rows = {"all"};
  options_.seeds = {1};
  run("a");
  const auto file = folder_ / "a/all/seed-1/result.json";
  const auto before = read_plainly(file);
  write_text(file, before.substr(0, before.size() / 2));
  EXPECT_EQ(run("a"), AblationState::kFinished);
  EXPECT_EQ(read_plainly(file), before);
}

TEST_F(AblationTest, AnotherEvaluationMeasuresWithoutTraining) {
  options_.rows = {"all"};
  options_.seeds = {1};
  run("a");
  const auto model = folder_ / "a/all/seed-1/model.safetensors";
  const auto time = fs::last_write_time(model);
  auto other = table("a");
  other.evaluation.clips = 3;
  EXPECT_EQ(run_ablation(other, options_), AblationState::kFinished);
  EXPECT_EQ(fs::last_write_time(model), time);
  EXPECT_NE(read_plainly(folder_ / "a/all/seed-1/result.json").find("clips 3"), std::string::npos);
}

TEST_F(AblationTest, OtherSettingsAreRefusedByName) {
  options_.rows = {"all"};
  options_.seeds = {1};
  run("a");
  options_.changes.push_back("stage.joint.learning_rate=2e-3");
  const auto text = error_of("a");
  for (const char* says :
       {"a/all/seed-1", "learning_rate = 0.001", "learning_rate = 0.002", "--out"})
    EXPECT_NE(text.find(says), std::string::npos) << text;
}

TEST_F(AblationTest, AWrongRowIsToldBeforeTheFirstRunStarts) {
  write_text(folder_ / "table.toml",
             std::string(kTable).replace(std::string(kTable).find("har=false"), 9, "hra=false"));
  const auto text = error_of("a");
  EXPECT_NE(text.find("row 'no HAR': model.hra: unknown key"), std::string::npos) << text;
  EXPECT_FALSE(fs::exists(folder_ / "a"));
}

}  // namespace
}  // namespace lightavseg
