// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/evaluation/html.h"

namespace lightavseg::html {
namespace {

using Points = std::vector<std::pair<double, double>>;

constexpr int kSeriesColours = 6;  // of the page's style sheet
constexpr int kLeftMargin = 52;
constexpr int kRightMargin = 12;
constexpr int kTopMargin = 30;
constexpr int kLegendHeight = 18;
constexpr int kBottomMargin = 34;

// Maps data to the drawing.
struct Scale {
  double x_low = 0, x_high = 1, y_low = 0, y_high = 1;
  double left = 0, right = 1, top = 0, bottom = 1;
  bool log_scale = false;

  bool drawable(double y) const { return std::isfinite(y) && (!log_scale || y > 0); }
  double vertical(double y) const { return log_scale ? std::log10(y) : y; }
  double x(double value) const {
    return left + (value - x_low) / (x_high - x_low) * (right - left);
  }
  double y(double value) const {
    return bottom - (vertical(value) - vertical(y_low)) / (vertical(y_high) - vertical(y_low)) *
                        (bottom - top);
  }
};

void check(const ChartOptions& options) {
  if (options.width < 100 || options.height < 80) {
    throw HtmlError(
        fmt::format("a chart of {} x {} has no room for its axes; give 100 x 80 or more",
                    options.width, options.height));
  }
}

// Keeps the lowest and the highest value of each of `buckets` groups of neighbours.
Points thin_out(const Points& points, std::size_t buckets) {
  if (points.size() <= 2 * buckets) return points;
  Points kept;
  for (std::size_t b = 0; b < buckets; ++b) {
    const std::size_t begin = b * points.size() / buckets;
    const std::size_t end = (b + 1) * points.size() / buckets;
    std::size_t low = begin, high = begin;
    bool gap = false;
    for (std::size_t i = begin; i < end; ++i) {
      if (!std::isfinite(points[i].second)) {
        gap = true;
        continue;
      }
      if (!(points[i].second >= points[low].second)) low = i;
      if (!(points[i].second <= points[high].second)) high = i;
    }
    kept.push_back(points[std::min(low, high)]);
    if (low != high) kept.push_back(points[std::max(low, high)]);
    if (gap) kept.emplace_back(points[end - 1].first, std::numeric_limits<double>::quiet_NaN());
  }
  return kept;
}

std::string path_data(const Points& points, const Scale& scale) {
  std::string data;
  bool pen_down = false;
  for (const auto& [x, y] : points) {
    if (!scale.drawable(y)) {
      pen_down = false;
      continue;
    }
    data += fmt::format("{}{:.1f} {:.1f}", pen_down ? 'L' : 'M', scale.x(x), scale.y(y));
    // A point between two gaps would be invisible as a line without length.
    if (!pen_down) data += "h.1";
    pen_down = true;
  }
  return data;
}

std::string tick_label(double value) {
  const double size = std::fabs(value);
  if (size >= 1e6) return fmt::format("{:g}M", value / 1e6);
  if (size >= 1e4) return fmt::format("{:g}k", value / 1e3);
  return fmt::format("{:.4g}", value);
}

Scale make_scale(const std::vector<ChartSeries>& series, const ChartOptions& options, double top) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Scale scale;
  scale.log_scale = options.log_scale;
  scale.left = kLeftMargin;
  scale.right = options.width - kRightMargin;
  scale.top = top;
  scale.bottom = options.height - kBottomMargin;
  scale.x_low = scale.y_low = kInfinity;
  scale.x_high = scale.y_high = -kInfinity;
  for (const ChartSeries& one : series) {
    for (const auto& [x, y] : one.points) {
      if (!scale.drawable(y)) continue;
      scale.x_low = std::min(scale.x_low, x);
      scale.x_high = std::max(scale.x_high, x);
      scale.y_low = std::min(scale.y_low, y);
      scale.y_high = std::max(scale.y_high, y);
    }
  }
  if (scale.x_low > scale.x_high) return scale;  // nothing to draw
  if (scale.x_low == scale.x_high) {
    scale.x_low -= 0.5;
    scale.x_high += 0.5;
  }
  if (scale.y_low == scale.y_high) {
    const double margin = scale.y_low == 0 ? 0.5 : std::fabs(scale.y_low) * 0.1;
    scale.y_low -= margin;
    scale.y_high += margin;
  } else if (options.log_scale) {
    const double margin = std::pow(scale.y_high / scale.y_low, 0.04);
    scale.y_low /= margin;
    scale.y_high *= margin;
  } else {
    const double margin = (scale.y_high - scale.y_low) * 0.04;
    // Shares and losses do not fall below zero; an axis that does would look wrong.
    scale.y_low = scale.y_low >= 0 ? std::max(0.0, scale.y_low - margin) : scale.y_low - margin;
    scale.y_high += margin;
  }
  return scale;
}

std::string axes(const Scale& scale, const ChartOptions& options) {
  std::string markup;
  for (const double tick : axis_ticks(scale.y_low, scale.y_high, 5, options.log_scale)) {
    const double y = scale.y(tick);
    markup += fmt::format(
        "<line class=\"grid\" x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\"/>"
        "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
        kLeftMargin, options.width - kRightMargin, y, kLeftMargin - 6, y + 4, tick_label(tick));
  }
  for (const double tick : axis_ticks(scale.x_low, scale.x_high, 5, false)) {
    markup += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                          scale.x(tick), options.height - kBottomMargin + 16, tick_label(tick));
  }
  if (!options.x_label.empty()) {
    markup +=
        fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
                    options.width - kRightMargin, options.height - 4, escape(options.x_label));
  }
  return markup;
}

std::string legend(const std::vector<ChartSeries>& series) {
  std::string markup;
  double x = kLeftMargin;
  for (std::size_t i = 0; i < series.size(); ++i) {
    markup += fmt::format(
        "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"36\" y2=\"36\" stroke=\"var(--series{})\" "
        "stroke-width=\"3\"/><text x=\"{:.1f}\" y=\"40\">{}</text>\n",
        x, x + 14, i % kSeriesColours, x + 19, escape(series[i].name));
    x += 34 + 6.2 * static_cast<double>(series[i].name.size());
  }
  return markup;
}

}  // namespace

Points smooth(const Points& points, double weight) {
  if (!(weight >= 0 && weight < 1)) {
    throw HtmlError(fmt::format("smoothing is {}; give a weight in [0, 1)", weight));
  }
  Points smoothed;
  double mean = 0;
  double weights = 0;
  for (const auto& [x, y] : points) {
    if (!std::isfinite(y)) {
      smoothed.emplace_back(x, y);
      continue;
    }
    mean = weight * mean + (1 - weight) * y;
    weights = weight * weights + (1 - weight);
    smoothed.emplace_back(x, mean / weights);
  }
  return smoothed;
}

std::vector<double> axis_ticks(double low, double high, int wanted, bool log_scale) {
  std::vector<double> ticks;
  if (log_scale) {
    const int first = static_cast<int>(std::floor(std::log10(low)));
    const int last = static_cast<int>(std::ceil(std::log10(high)));
    // Over many decades the 2 and the 5, then whole decades, would crowd the axis.
    const int decade_step = std::max(1, (last - first) / std::max(1, wanted));
    for (int decade = first; decade <= last; decade += decade_step) {
      for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor > 1 && last - first > 2) break;
        const double tick = factor * std::pow(10.0, decade);
        if (tick >= low && tick <= high) ticks.push_back(tick);
      }
    }
    if (ticks.size() >= 2) return ticks;
    ticks.clear();
  }
  const double rough = (high - low) / std::max(1, wanted);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * power >= rough * 0.999) {
      step = factor * power;
      break;
    }
  }
  const auto first = static_cast<long long>(std::ceil(low / step - 1e-9));
  const auto last = static_cast<long long>(std::floor(high / step + 1e-9));
  for (long long i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::string line_chart(const std::vector<ChartSeries>& series, const ChartOptions& options) {
  check(options);
  const bool with_legend = series.size() > 1;
  const Scale scale = make_scale(series, options, kTopMargin + (with_legend ? kLegendHeight : 0));
  const std::string title = escape(options.title);
  std::string markup = fmt::format(
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n"
      "<text class=\"title\" x=\"4\" y=\"17\">{}</text>\n",
      options.width, options.height, title, title);
  if (scale.x_low > scale.x_high) {
    return markup + fmt::format(
                        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">no values yet"
                        "</text>\n</svg>\n",
                        options.width / 2, options.height / 2);
  }
  markup += axes(scale, options);
  if (with_legend) markup += legend(series);
  const auto buckets = static_cast<std::size_t>(options.width);
  for (std::size_t i = 0; i < series.size(); ++i) {
    const ChartSeries& one = series[i];
    const Points smoothed = smooth(one.points, one.smoothing);
    const std::size_t colour = i % kSeriesColours;
    if (one.smoothing > 0) {
      markup += fmt::format("<path class=\"raw\" stroke=\"var(--series{})\" d=\"{}\"/>\n", colour,
                            path_data(thin_out(one.points, buckets), scale));
    }
    markup += fmt::format(
        "<path class=\"smooth\" stroke=\"var(--series{})\" d=\"{}\"><title>{}"
        "</title></path>\n",
        colour, path_data(thin_out(smoothed, buckets), scale), escape(one.name));
  }
  return markup + "</svg>\n";
}

}  // namespace lightavseg::html
