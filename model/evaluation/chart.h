// SPDX-License-Identifier: LGPL-2.1-or-later
// Line charts as SVG for the pages of html.h: colours and fonts come from the page's style sheet,
// so a chart follows light and dark by itself.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace lightavseg::html {

struct ChartSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;  // x must not fall; values may be inf or nan
  // 0..<1: weight of the past in the exponential mean drawn over the raw line, which stays faintly
  // visible behind it. 0 draws the values themselves.
  double smoothing = 0;
};

struct ChartOptions {
  std::string title;
  std::string x_label = {};
  bool log_scale = false;  // of y; values that are not positive are left out
  int width = 400;         // of the drawing in its own units; the page scales it
  int height = 250;
};

// Exponential mean without the pull towards zero at the start; values that are inf or nan are
// passed over. weight: as ChartSeries::smoothing. Throws HtmlError outside [0, 1).
std::vector<std::pair<double, double>> smooth(const std::vector<std::pair<double, double>>& points,
                                              double weight);

// Between two and about `wanted` round numbers that cover [low, high]. Decades and their 2 and 5
// in a logarithmic scale.
std::vector<double> axis_ticks(double low, double high, int wanted, bool log_scale);

// An <svg> element. Gaps (inf, nan) interrupt a line; a chart without a value says so. At most
// about two points per unit of width are drawn, keeping the extremes of what they stand for.
// Throws HtmlError for a size below 100 x 80 or a smoothing outside [0, 1).
std::string line_chart(const std::vector<ChartSeries>& series, const ChartOptions& options);

}  // namespace lightavseg::html
