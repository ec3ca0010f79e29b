// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/ablation_table.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <set>

#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTable = R"(
title = "Modules"
recipe = "run.toml"
out = "runs/modules"
seeds = [1, 7]
figures = ["miou", "swap"]
paper_columns = ["mIoU", "F"]
set = ["model.refine=1"]
[compare]
figure = "miou"
paper = "mIoU"
[evaluate]
clips = 3
seed = 2
[[row]]
name = "AGVE + CMFD"
set = ["model.har=false", "model.refine=2"]
paper = { F = 59.1, mIoU = 48.3 }
[[row]]
name = "all"
paper = { mIoU = 50.4 }
)";

constexpr const char* kRecipe = R"(
[material]
dir = "data"
taxonomy = "classes.json"
[model]
variant = "tiny"
[[stage]]
name = "joint"
steps = 4
)";

class AblationTableTest : public ::testing::Test {
 protected:
  void SetUp() override { std::ofstream(folder_ / "run.toml") << kRecipe; }

  AblationTable read(const std::string& text) {
    std::ofstream(folder_ / "table.toml") << text;
    return read_ablation_table(folder_ / "table.toml");
  }
  // kTable with one piece of text replaced.
  static std::string with(const std::string& from, const std::string& to) {
    std::string text = kTable;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }

  TemporaryFolder folder_;
};

TEST_F(AblationTableTest, ReadsWhatItSays) {
  const auto t = read(kTable);
  EXPECT_EQ(t.title, "Modules");
  EXPECT_EQ(t.recipe, folder_ / "run.toml");
  EXPECT_EQ(t.out, "runs/modules");
  EXPECT_EQ(t.seeds, (std::vector<std::uint64_t>{1, 7}));
  EXPECT_EQ(t.figures, (std::vector<std::string>{"miou", "swap"}));
  EXPECT_EQ(t.compare_figure, "miou");
  EXPECT_EQ(t.evaluation.clips, 3);
  EXPECT_EQ(t.evaluation.seed, 2u);
  EXPECT_EQ(t.evaluation.split, "val");
  ASSERT_EQ(t.rows.size(), 2u);
  EXPECT_EQ(t.rows[0].folder, "agve-cmfd");
  // In the order of the columns, not of the row.
  ASSERT_EQ(t.rows[0].paper.size(), 2u);
  EXPECT_EQ(t.rows[0].paper[0].first, "mIoU");
  EXPECT_EQ(t.rows[0].paper[1].second, 59.1);
  EXPECT_EQ(t.rows[1].paper.size(), 1u);
}

TEST_F(AblationTableTest, ARowWinsOverTheTableAndTheCommandLine) {
  const auto t = read(kTable);
  const auto first = row_config(t, t.rows[0], 7, {"stage.joint.steps=9", "model.refine=0"});
  EXPECT_FALSE(first.model.har);
  EXPECT_EQ(first.model.refine, 2);
  EXPECT_EQ(first.seed, 7u);
  EXPECT_EQ(first.stages[0].steps, 9);
  EXPECT_EQ(first.out, fs::path("runs/modules/agve-cmfd/seed-7"));
  const auto second = row_config(t, t.rows[1], 1);
  EXPECT_TRUE(second.model.har);
  EXPECT_EQ(second.model.refine, 1);
  // The folder is no part of what a checkpoint must agree with.
  auto moved = t;
  moved.out = "elsewhere";
  EXPECT_EQ(row_config(moved, t.rows[1], 1).fingerprint, second.fingerprint);
}

TEST_F(AblationTableTest, SetsOfAvsBenchAreMeasuredOnTheirTestSplit) {
  const auto t = read(with("clips = 3", "avsbench = \"data/Multi-sources\"\nsubset = \"ms3\""));
  EXPECT_EQ(t.evaluation.avsbench, "data/Multi-sources");
  EXPECT_EQ(t.evaluation.split, "test");
}

TEST_F(AblationTableTest, EveryMistakeIsNamed) {
  const std::vector<std::array<std::string, 3>> cases = {
      {"title = \"Modules\"", "", "title: is missing"},
      {"recipe = \"run.toml\"", "", "recipe: is missing"},
      {"out = \"runs/modules\"", "", "out: is missing"},
      {"seeds = [1, 7]", "", "seeds: is missing"},
      {"seeds = [1, 7]", "seeds = [1, -7]", "seeds: -7"},
      {"seeds = [1, 7]", "seeds = [1, 1]", "seeds: has a number twice"},
      {"seeds = [1, 7]", "seeds = [1, \"7\"]", "seeds: must be a list of whole numbers"},
      {"figures = [\"miou\", \"swap\"]", "figures = [1]", "figures: must be a list of strings"},
      {"figures = [\"miou\", \"swap\"]", "", "figures: is missing"},
      {"figures = [\"miou\", \"swap\"]", "figurs = [\"miou\"]", "figures"},
      {"figure = \"miou\"", "", "compare.figure: is missing"},
      {"paper = \"mIoU\"", "paper = \"IoU\"", "compare.paper: 'IoU' is none of"},
      {"clips = 3", "clips = 0", "evaluate.clips"},
      {"clips = 3", "size = 16", "evaluate.size"},
      {"clips = 3", "avsbench = \"a\"\nsubset = \"s5\"", "evaluate.subset: 's5'"},
      {"clips = 3", "subset = \"s4\"", "evaluate.subset: needs evaluate.avsbench"},
      {"clips = 3", "protocol = \"mine\"", "evaluate.protocol: 'mine'"},
      {"clips = 3", "clisp = 3", "evaluate.clisp: unknown key"},
      {"name = \"all\"", "", "row[1].name: is missing"},
      {"name = \"all\"", "name = \"+\"", "row[1].name: '+' has no letter"},
      {"name = \"all\"", "name = \"agve / cmfd\"", "row[1].name: 'agve / cmfd' is too much like"},
      {"name = \"all\"", "name = \"all\"\nsets = []", "row[1].sets: unknown key"},
      {"paper = { mIoU = 50.4 }", "paper = { IoU = 50.4 }", "row[1].paper.IoU: is no column"},
      {"paper = { mIoU = 50.4 }", "paper = { mIoU = \"50\" }", "row[1].paper.mIoU"},
      {"\"model.refine=2\"", "\"run.seed=2\"", "row[0].set: run.seed is set by the table"},
      {"title = ", "title ", "table.toml"},
  };
  for (const auto& [from, to, says] : cases) {
    try {
      read(with(from, to));
      ADD_FAILURE() << from << " -> " << to;
    } catch (const TrainConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(read("title = \"a\"\nrecipe = \"b\"\nout = \"c\"\nseeds = [1]\nfigures = [\"d\"]"),
               TrainConfigError);
}

TEST_F(AblationTableTest, AWrongKeyOfARowIsNamedWithTheRow) {
  const auto t = read(with("model.har=false", "model.hra=false"));
  try {
    row_config(t, t.rows[0], 1);
    FAIL();
  } catch (const TrainConfigError& error) {
    const std::string text = error.what();
    for (const char* says : {"run.toml", "AGVE + CMFD", "model.hra"})
      EXPECT_NE(text.find(says), std::string::npos) << text;
  }
  EXPECT_THROW(row_config(t, t.rows[1], 1, {"run.out=here"}), TrainConfigError);
}

// The tables that ship, with the recipes that ship.
class ShippedTables : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(ShippedTables, HaveRowsThatCanBeBuilt) {
  const auto folder = fs::path(LIGHTAVSEG_RECIPES) / "tables";
  auto table = read_ablation_table(folder / (std::string(std::get<0>(GetParam())) + ".toml"));
  table.recipe = folder / (std::string(std::get<1>(GetParam())) + ".toml");
  EXPECT_GE(table.seeds.size(), 3u);
  EXPECT_GE(table.rows.size(), 2u);
  std::set<std::string> fingerprints;
  for (const auto& row : table.rows) {
    const auto config = row_config(table, row, 1);
    EXPECT_NO_THROW(config.model.validate()) << row.name;
    EXPECT_TRUE(fs::exists(config.taxonomy)) << config.taxonomy;
    EXPECT_EQ(row.paper.empty(), table.paper_columns.empty()) << row.name;
    EXPECT_TRUE(fingerprints.insert(config.fingerprint).second)
        << row.name << " trains what another row trains";
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, ShippedTables,
                         ::testing::Combine(::testing::Values("3", "4", "5", "6", "pooling",
                                                              "distillation"),
                                            ::testing::Values("common", "small")));

TEST(TablesThatShip, TurnTheSwitchesThatTheirRowsName) {
  const auto folder = fs::path(LIGHTAVSEG_RECIPES) / "tables";
  const auto config = [&](const char* file, size_t row) {
    const auto table = read_ablation_table(folder / file);
    return row_config(table, table.rows.at(row), 1);
  };
  EXPECT_EQ(config("3.toml", 0).model.variant, Variant::kTiny);
  EXPECT_EQ(config("3.toml", 3).model.visual_net, VisualNet::kResNet50);
  EXPECT_EQ(config("4.toml", 0).model.audio_net, AudioNet::kVggish);
  EXPECT_EQ(config("4.toml", 0).model.front_end, dsp::FrontEnd::kVggish);
  EXPECT_TRUE(config("4.toml", 2).audio_init.empty());
  EXPECT_FALSE(config("5.toml", 2).audio_init.empty());
  const auto kl = config("5.toml", 1).stages.back().loss;
  EXPECT_EQ(kl.align, 0);
  EXPECT_EQ(kl.kl_align, 0.5);
  EXPECT_EQ(config("5.toml", 2).stages.back().loss.mix, 0.1);
  EXPECT_EQ(config("5.toml", 3).stages.back().loss.align, 0.5);
  const auto none = config("6.toml", 0).model;
  EXPECT_FALSE(none.har || none.agve || none.cmfd);
  const auto agve_cmfd = config("6.toml", 2).model;
  EXPECT_FALSE(agve_cmfd.har);
  EXPECT_TRUE(agve_cmfd.agve && agve_cmfd.cmfd);
  EXPECT_EQ(config("6.toml", 3).stages.back().loss.align, 0);
  EXPECT_EQ(config("6.toml", 4).stages.back().loss.align, 0.5);
  EXPECT_TRUE(config("distillation.toml", 0).teacher_model.empty());
  EXPECT_TRUE(fs::exists(config("distillation.toml", 1).teacher_model));
  EXPECT_EQ(config("pooling.toml", 1).model.pooling, Pooling::kAverage);
}

}  // namespace
}  // namespace lightavseg
