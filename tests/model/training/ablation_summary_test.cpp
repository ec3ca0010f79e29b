// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/ablation_summary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace lightavseg {
namespace {

class AblationSummaryTest : public ::testing::Test {
 protected:
  AblationSummaryTest() {
    table_.title = "Modules";
    table_.seeds = {1, 2, 3};
    table_.figures = {"miou", "swap"};
    table_.paper_columns = {"mIoU", "F"};
    table_.compare_figure = "miou";
    table_.compare_paper = "mIoU";
    for (const auto& [name, paper] :
         {std::pair("none", 44.4), {"AGVE, HAR", 49.3}, {"all", 50.4}}) {
      AblationRow row;
      row.name = name;
      row.paper = {{"mIoU", paper}};
      table_.rows.push_back(row);
    }
    results_ = {{run(0.30), run(0.32), run(0.34)}, {run(0.40), run(0.44)}, {run(0.31)}};
  }
  static AblationResult run(double miou) {
    AblationResult r;
    r.figures = {{"miou", miou}, {"swap", 0.5}, {"silence_false", 0}};
    r.parameters = 5836417;
    r.macs = 138650000;
    return r;
  }
  void expect_lines(const std::string& text, const std::vector<std::string>& lines) {
    for (const auto& line : lines)
      EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }

  AblationTable table_;
  std::vector<std::vector<AblationResult>> results_;
};

TEST_F(AblationSummaryTest, MeanAndSpreadOfSeeds) {
  const auto s = spread_of({0.30, 0.32, 0.34});
  EXPECT_NEAR(s.mean, 0.32, 1e-12);
  EXPECT_NEAR(s.deviation, 0.02, 1e-12);
  EXPECT_EQ(spread_of({0.5}).deviation, 0);
  EXPECT_EQ(spread_of({}).count, 0);
}

TEST_F(AblationSummaryTest, TheTableStandsBesideThePaper) {
  const auto text = AblationSummary(table_, results_).markdown();
  expect_lines(text, {"# Modules",
                      "| row | runs | parameters | FLOPs | miou | swap | paper: mIoU | paper: F |",
                      "| none | 3 of 3 | 5.84 M | 0.28 G | 32.0 ± 2.0 | 50.0 ± 0.0 | 44.4 | |",
                      "| all | 1 of 3 | 5.84 M | 0.28 G | 31.0 | 50.0 | 50.4 | |"});
}

TEST_F(AblationSummaryTest, OrderingsThatHoldAndThatDoNot) {
  const AblationSummary summary(table_, results_);
  const auto pairs = summary.orderings();
  ASSERT_EQ(pairs.size(), 3u);
  EXPECT_EQ(pairs[0].better, "AGVE, HAR");
  EXPECT_EQ(pairs[0].worse, "none");
  EXPECT_NEAR(pairs[0].difference, 0.10, 1e-12);
  // Standard errors 0.02 / sqrt(3) and 0.02828 / sqrt(2).
  EXPECT_NEAR(pairs[0].error, std::sqrt(0.0004 / 3 + 0.0008 / 2), 1e-12);
  EXPECT_TRUE(pairs[0].holds() && pairs[0].certain());
  // "all" against "none": one run less, a little lower.
  EXPECT_FALSE(pairs[1].holds());
  EXPECT_FALSE(pairs[1].certain());
  // "all" is the better one in the paper, far worse here.
  EXPECT_EQ(pairs[2].better, "all");
  EXPECT_FALSE(pairs[2].holds());
  EXPECT_TRUE(pairs[2].certain());
  expect_lines(summary.markdown(), {"1 of the paper's 3 orderings",
                                    "| AGVE, HAR | none | 4.9 | +10.0 ± 2.3 | yes, certain |",
                                    "| all | AGVE, HAR | 1.1 | -11.0 ± 2.0 | no, certain |"});
}

TEST_F(AblationSummaryTest, WithoutNumbersOfThePaperRowsAreOrderedAsTheyStand) {
  table_.compare_paper.clear();
  table_.paper_columns.clear();
  for (auto& row : table_.rows) row.paper.clear();
  const AblationSummary summary(table_, results_);
  const auto pairs = summary.orderings();
  ASSERT_EQ(pairs.size(), 3u);
  EXPECT_EQ(pairs[2].better, "all");
  EXPECT_EQ(pairs[2].worse, "AGVE, HAR");
  EXPECT_FALSE(pairs[2].holds());
  expect_lines(summary.markdown(),
               {"In 1 of 3 pairs the later row has the higher miou.",
                "| later row | earlier row | here | holds |\n| --- | --- | ---: | --- |",
                "| all | AGVE, HAR | -11.0 ± 2.0 | no, certain |"});
}

TEST_F(AblationSummaryTest, RowsThatAreEqualOrMissingAreNotOrdered) {
  table_.rows[2].paper = {{"mIoU", 49.3}};
  results_[0].clear();
  const AblationSummary summary(table_, results_);
  EXPECT_TRUE(summary.orderings().empty());
  expect_lines(summary.markdown(), {"| none | 0 of 3 | | | | | 44.4 | |"});
  EXPECT_EQ(summary.markdown().find("orderings"), std::string::npos);
}

TEST_F(AblationSummaryTest, FilesForOtherPrograms) {
  const AblationSummary summary(table_, results_);
  expect_lines(summary.csv(), {"row,runs,parameters,macs,miou_mean,miou_deviation,swap_mean,"
                               "swap_deviation,paper mIoU,paper F\n",
                               "\"AGVE, HAR\",2,5836417,138650000,0.42"});
  const auto json = nlohmann::json::parse(summary.json());
  EXPECT_EQ(json.at("rows").at(0).at("runs").size(), 3u);
  EXPECT_NEAR(json.at("rows").at(0).at("figures").at("miou").at("mean").get<double>(), 0.32, 1e-12);
  EXPECT_EQ(json.at("rows").at(1).at("paper").at("mIoU"), 49.3);
  EXPECT_EQ(json.at("orderings").size(), 3u);
  EXPECT_EQ(json.at("orderings").at(0).at("holds"), true);
}

TEST_F(AblationSummaryTest, AFigureThatWasNotMeasuredIsNamed) {
  table_.figures.push_back("f_score");
  try {
    AblationSummary(table_, results_).markdown();
    FAIL();
  } catch (const AblationError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("'f_score'"), std::string::npos) << text;
    EXPECT_NE(text.find("silence_false"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace lightavseg
