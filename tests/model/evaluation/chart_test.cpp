// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/chart.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "model/evaluation/html.h"

namespace lightavseg::html {
namespace {

using Points = std::vector<std::pair<double, double>>;

std::size_t count(const std::string& text, char what) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), what));
}

// The path data of the n-th <path>.
std::string path_of(const std::string& svg, int n = 0) {
  std::size_t at = 0;
  for (int i = 0; i <= n; ++i) at = svg.find(" d=\"", at) + 4;
  return svg.substr(at, svg.find('"', at) - at);
}

TEST(Smooth, KeepsAConstantAndStartsAtTheFirstValue) {
  for (const auto& [x, y] : smooth({{0, 3}, {1, 3}, {2, 3}}, 0.9)) EXPECT_DOUBLE_EQ(y, 3);
  const Points smoothed = smooth({{0, 1}, {1, 2}}, 0.5);
  EXPECT_DOUBLE_EQ(smoothed[0].second, 1);
  EXPECT_DOUBLE_EQ(smoothed[1].second, (0.25 * 1 + 0.5 * 2) / 0.75);
}

TEST(Smooth, PassesOverValuesThatAreNoNumbers) {
  const Points smoothed = smooth({{0, 1}, {1, NAN}, {2, 1}}, 0.5);
  EXPECT_TRUE(std::isnan(smoothed[1].second));
  EXPECT_DOUBLE_EQ(smoothed[2].second, 1);
  EXPECT_THROW(smooth({}, 1), HtmlError);
  EXPECT_THROW(smooth({}, -0.1), HtmlError);
}

TEST(AxisTicks, AreRoundAndInside) {
  EXPECT_EQ(axis_ticks(0, 100, 5, false), (std::vector<double>{0, 20, 40, 60, 80, 100}));
  const auto ticks = axis_ticks(0.13, 0.87, 5, false);
  EXPECT_GE(ticks.size(), 3u);
  for (double tick : ticks) {
    EXPECT_GE(tick, 0.13);
    EXPECT_LE(tick, 0.87);
    EXPECT_NEAR(tick * 20, std::round(tick * 20), 1e-9);
  }
  EXPECT_EQ(axis_ticks(0.0009, 1.1, 5, true), (std::vector<double>{0.001, 0.01, 0.1, 1}));
  EXPECT_EQ(axis_ticks(0.9, 6, 5, true), (std::vector<double>{1, 2, 5}));
  // A range without a decade mark falls back to even steps.
  EXPECT_GE(axis_ticks(2.1, 2.9, 5, true).size(), 2u);
}

TEST(LineChart, DrawsOneLinePerSeriesWithALegend) {
  const std::string svg = line_chart(
      {{"train", {{0, 1}, {1, 0.5}}}, {"val<1>", {{0, 0.9}, {1, 0.6}}}}, {"loss", "step"});
  EXPECT_NE(svg.find("class=\"title\""), std::string::npos);
  EXPECT_NE(svg.find("val&lt;1&gt;"), std::string::npos);
  EXPECT_NE(svg.find("--series1"), std::string::npos);
  EXPECT_EQ(svg.find("class=\"raw\""), std::string::npos);
  EXPECT_EQ(count(path_of(svg), 'M'), 1u);
  EXPECT_EQ(count(path_of(svg), 'L'), 1u);
}

TEST(LineChart, HigherValuesLieHigher) {
  const std::string path = path_of(line_chart({{"a", {{0, 1}, {1, 2}}}}, {"a"}));
  const double first = std::stod(path.substr(path.find(' ') + 1));
  const double second = std::stod(path.substr(path.rfind(' ') + 1));
  EXPECT_GT(first, second);
}

TEST(LineChart, SmoothingKeepsTheRawLineFaint) {
  const std::string svg = line_chart({{"a", {{0, 1}, {1, 2}, {2, 1}}, 0.5}}, {"loss"});
  EXPECT_NE(svg.find("class=\"raw\""), std::string::npos);
  EXPECT_NE(path_of(svg, 0), path_of(svg, 1));
}

TEST(LineChart, GapsInterruptTheLine) {
  EXPECT_EQ(count(path_of(line_chart({{"a", {{0, 1}, {1, NAN}, {2, 1.5}}}}, {"a"})), 'M'), 2u);
  ChartOptions log{"a"};
  log.log_scale = true;
  EXPECT_EQ(count(path_of(line_chart({{"a", {{0, 1}, {1, 0}, {2, 10}}}}, log)), 'M'), 2u);
}

TEST(LineChart, SaysThatThereIsNothing) {
  EXPECT_NE(line_chart({}, {"a"}).find("no values yet"), std::string::npos);
  EXPECT_NE(line_chart({{"a", {{0, NAN}}}}, {"a"}).find("no values yet"), std::string::npos);
}

TEST(LineChart, DrawsASinglePointAndAConstant) {
  for (const Points& points : {Points{{5, 0}}, Points{{5, 2}}, Points{{0, 3}, {1, 3}}}) {
    const std::string svg = line_chart({{"a", points}}, {"a"});
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
    EXPECT_EQ(count(path_of(svg), 'M'), 1u);
  }
}

TEST(LineChart, ThinsOutLongCurvesButKeepsPeaks) {
  Points points;
  for (int i = 0; i < 100000; ++i) points.emplace_back(i, i == 54321 ? 100 : 1);
  const std::string path = path_of(line_chart({{"a", points}}, {"a"}));
  EXPECT_LT(count(path, 'L'), 1000u);
  // The peak touches the top of the drawing; everything else lies at its bottom.
  double top = 1e9;
  for (std::size_t at = path.find(' '); at != std::string::npos; at = path.find(' ', at + 1)) {
    top = std::min(top, std::stod(path.substr(at + 1)));
  }
  EXPECT_LT(top, 50);
}

TEST(LineChart, RefusesASizeWithoutRoom) {
  ChartOptions tiny{"a"};
  tiny.width = 50;
  EXPECT_THROW(line_chart({}, tiny), HtmlError);
  EXPECT_THROW(line_chart({{"a", {{0, 1}}, 1}}, {"a"}), HtmlError);
}

}  // namespace
}  // namespace lightavseg::html
