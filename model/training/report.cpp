// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "model/evaluation/chart.h"

namespace lightavseg {
namespace {

// Few points are measurements worth seeing one by one; only long noisy curves gain from a mean.
constexpr std::size_t kSmoothFrom = 50;

struct Panel {
  std::string metric;
  std::vector<html::ChartSeries> series;
};

// "val" for "val/miou"; the name itself where there is no group.
std::string group_name(const std::string& column) {
  const std::size_t slash = column.rfind('/');
  return slash == std::string::npos ? column : column.substr(0, slash);
}

// A setting is exact, so a mean would only blur it, and no value of it is the best one.
bool is_setting(const std::string& metric) {
  return default_log_scale(metric);
}

std::vector<Panel> make_panels(const Curves& curves, double smoothing) {
  std::vector<Panel> panels;
  for (const std::string& column : curves.columns) {
    const std::string metric = metric_name(column);
    auto panel = std::find_if(panels.begin(), panels.end(),
                              [&](const Panel& one) { return one.metric == metric; });
    if (panel == panels.end()) panel = panels.insert(panels.end(), Panel{metric, {}});
    html::ChartSeries series{group_name(column), {}, 0};
    for (const auto& [step, value] : curves.series(column)) {
      series.points.emplace_back(static_cast<double>(step), value);
    }
    if (series.points.size() >= kSmoothFrom && !is_setting(metric)) series.smoothing = smoothing;
    panel->series.push_back(std::move(series));
  }
  return panels;
}

std::string draw(const Panel& panel, bool log_scale) {
  html::ChartOptions chart;
  chart.title = panel.metric;
  // A panel of one curve has no legend, so its title says which group it is.
  if (panel.series.size() == 1 && panel.series[0].name != panel.metric) {
    chart.title += " (" + panel.series[0].name + ")";
  }
  chart.x_label = "step";
  chart.log_scale = log_scale;
  return html::line_chart(panel.series, chart);
}

std::string number(double value) {
  return fmt::format("{:.4g}", value);
}

html::Table value_table(const Curves& curves,
                        const std::function<bool(const std::string&)>& lower_is_better) {
  html::Table table;
  table.header = {"curve", "last", "at step", "best", "at step"};
  for (const std::string& column : curves.columns) {
    const auto points = curves.series(column);
    if (points.empty()) continue;
    const bool lower = lower_is_better(metric_name(column));
    // The first of several equal values is the best one, as in the choice of checkpoints.
    const std::pair<std::int64_t, double>* best = nullptr;
    const bool setting = is_setting(metric_name(column));
    for (const auto& point : points) {
      if (setting) break;
      if (!std::isfinite(point.second)) continue;
      if (best == nullptr || (lower ? point.second < best->second : point.second > best->second)) {
        best = &point;
      }
    }
    table.rows.push_back({column, number(points.back().second),
                          fmt::format("{}", points.back().first),
                          best == nullptr ? "" : number(best->second),
                          best == nullptr ? "" : fmt::format("{}", best->first)});
  }
  return table;
}

bool contains_any(const std::string& text, std::initializer_list<std::string_view> words) {
  std::string lower_case = text;
  std::transform(lower_case.begin(), lower_case.end(), lower_case.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return lower_case.find(word) != std::string::npos;
  });
}

}  // namespace

std::string metric_name(const std::string& column) {
  const std::size_t slash = column.rfind('/');
  return slash == std::string::npos ? column : column.substr(slash + 1);
}

bool default_log_scale(const std::string& metric) {
  return metric == "lr" || contains_any(metric, {"learning_rate", "learning rate"});
}

bool default_lower_is_better(const std::string& metric) {
  return contains_any(metric, {"loss", "error", "false", "dice", "bce", "alignment", "silence"});
}

html::Page training_report(const Curves& curves, const ReportOptions& options) {
  const auto log_scale = options.log_scale ? options.log_scale : default_log_scale;
  const auto lower_is_better =
      options.lower_is_better ? options.lower_is_better : default_lower_is_better;
  html::Page page(options.title, options.subtitle);
  page.add_facts(options.facts);

  page.add_heading("Curves");
  std::vector<std::string> charts;
  for (const Panel& panel : make_panels(curves, options.smoothing)) {
    charts.push_back(draw(panel, log_scale(panel.metric)));
  }
  if (charts.empty()) page.add_paragraph("No curves yet.");
  page.add_cards(charts);

  const html::Table table = value_table(curves, lower_is_better);
  if (!table.rows.empty()) {
    page.add_heading("Last and best values");
    page.add_table(table);
  }
  if (!options.samples.empty()) {
    page.add_heading("Samples");
    page.add_pictures(options.samples);
  }
  return page;
}

void write_training_report(const std::filesystem::path& curve_file,
                           const std::filesystem::path& page_file, const ReportOptions& options) {
  training_report(read_curves(curve_file), options).write(page_file);
}

}  // namespace lightavseg
