// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/ablation_summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "model/data/csv.h"

namespace lightavseg {
namespace {

const double* find(const AblationRow& row, const std::string& column) {
  for (const auto& [name, value] : row.paper)
    if (name == column) return &value;
  return nullptr;
}

}  // namespace

Spread spread_of(const std::vector<double>& values) {
  Spread s;
  s.count = int(values.size());
  if (values.empty()) return s;
  for (const double v : values) s.mean += v / s.count;
  if (s.count < 2) return s;
  for (const double v : values) s.deviation += (v - s.mean) * (v - s.mean) / (s.count - 1);
  s.deviation = std::sqrt(s.deviation);
  return s;
}

AblationSummary::AblationSummary(const AblationTable& table,
                                 const std::vector<std::vector<AblationResult>>& results)
    : table_(table), results_(results) {
  auto wanted = table.figures;
  if (!table.compare_figure.empty()) wanted.push_back(table.compare_figure);
  for (const auto& runs : results)
    for (const auto& run : runs)
      for (const auto& name : wanted)
        if (!run.figures.count(name)) {
          std::vector<std::string> known;
          for (const auto& [n, v] : run.figures) known.push_back(n);
          throw AblationError(fmt::format("figures: '{}' is none of what was measured: {}", name,
                                          fmt::join(known, ", ")));
        }
}

Spread AblationSummary::figure(size_t row, const std::string& name) const {
  std::vector<double> values;
  for (const auto& run : results_[row]) values.push_back(run.figures.at(name));
  return spread_of(values);
}

std::vector<Ordering> AblationSummary::orderings() const {
  std::vector<Ordering> result;
  if (table_.compare_figure.empty()) return result;
  for (size_t a = 0; a < table_.rows.size(); ++a) {
    for (size_t b = a + 1; b < table_.rows.size(); ++b) {
      if (results_[a].empty() || results_[b].empty()) continue;
      size_t better = b;
      double paper_difference = 0;
      if (!table_.compare_paper.empty()) {
        const auto* of_a = find(table_.rows[a], table_.compare_paper);
        const auto* of_b = find(table_.rows[b], table_.compare_paper);
        if (!of_a || !of_b || *of_a == *of_b) continue;
        if (*of_a > *of_b) better = a;
        paper_difference = std::abs(*of_a - *of_b);
      }
      const size_t worse = better == a ? b : a;
      const auto high = figure(better, table_.compare_figure);
      const auto low = figure(worse, table_.compare_figure);
      Ordering o;
      o.better = table_.rows[better].name;
      o.worse = table_.rows[worse].name;
      o.paper_difference = paper_difference;
      o.difference = high.mean - low.mean;
      o.error = std::sqrt(high.deviation * high.deviation / high.count +
                          low.deviation * low.deviation / low.count);
      result.push_back(o);
    }
  }
  return result;
}

std::string AblationSummary::markdown() const {
  std::string text = "# " + table_.title + "\n\n| row | runs | parameters | FLOPs |";
  std::string line = "| --- | ---: | ---: | ---: |";
  for (const auto& name : table_.figures) {
    text += " " + name + " |";
    line += " ---: |";
  }
  for (const auto& name : table_.paper_columns) {
    text += " paper: " + name + " |";
    line += " ---: |";
  }
  text += "\n" + line + "\n";
  for (size_t r = 0; r < table_.rows.size(); ++r) {
    const auto& row = table_.rows[r];
    const auto& runs = results_[r];
    text += fmt::format("| {} | {} of {} |", row.name, runs.size(), table_.seeds.size());
    if (runs.empty())
      text += " | |";
    else
      text += fmt::format(" {:.2f} M | {:.2f} G |", 1e-6 * double(runs[0].parameters),
                          2e-9 * double(runs[0].macs));
    for (const auto& name : table_.figures) {
      const auto s = figure(r, name);
      if (s.count == 0)
        text += " |";
      else if (s.count == 1)
        text += fmt::format(" {:.1f} |", 100 * s.mean);
      else
        text += fmt::format(" {:.1f} ± {:.1f} |", 100 * s.mean, 100 * s.deviation);
    }
    for (const auto& name : table_.paper_columns) {
      const auto* value = find(row, name);
      text += value ? fmt::format(" {} |", *value) : " |";
    }
    text += "\n";
  }
  text +=
      "\nFigures in percent: mean and standard deviation over the seeds. FLOPs (2 x MACs) are "
      "those of a frame of 224 x 224.\n";
  const auto pairs = orderings();
  if (pairs.empty()) return text;
  int holding = 0;
  for (const auto& o : pairs) holding += o.holds();
  const bool of_paper = !table_.compare_paper.empty();
  if (of_paper)
    text += fmt::format("\n{} of the paper's {} orderings by {} hold for {}.", holding,
                        pairs.size(), table_.compare_paper, table_.compare_figure);
  else
    text += fmt::format("\nIn {} of {} pairs the later row has the higher {}.", holding,
                        pairs.size(), table_.compare_figure);
  text += fmt::format(
      " \"Certain\" is a difference of more than two standard errors.\n\n"
      "| {} | {} | here | holds |\n| --- | --- | {}---: | --- |\n",
      of_paper ? "better in the paper" : "later row",
      of_paper ? "worse | paper's difference" : "earlier row", of_paper ? "---: | " : "");
  for (const auto& o : pairs)
    text += fmt::format("| {} | {} | {}{:+.1f} ± {:.1f} | {}{} |\n", o.better, o.worse,
                        of_paper ? fmt::format("{:.1f} | ", o.paper_difference) : "",
                        100 * o.difference, 100 * o.error, o.holds() ? "yes" : "no",
                        o.certain() ? ", certain" : "");
  return text;
}

std::string AblationSummary::csv() const {
  std::string text = "row,runs,parameters,macs";
  for (const auto& name : table_.figures) text += fmt::format(",{0}_mean,{0}_deviation", name);
  for (const auto& name : table_.paper_columns) text += "," + csv_field("paper " + name);
  text += "\n";
  for (size_t r = 0; r < table_.rows.size(); ++r) {
    const auto& runs = results_[r];
    text += fmt::format("{},{}", csv_field(table_.rows[r].name), runs.size());
    text += runs.empty() ? ",," : fmt::format(",{},{}", runs[0].parameters, runs[0].macs);
    for (const auto& name : table_.figures) {
      const auto s = figure(r, name);
      text += s.count == 0 ? ",," : fmt::format(",{},{}", s.mean, s.deviation);
    }
    for (const auto& name : table_.paper_columns) {
      const auto* value = find(table_.rows[r], name);
      text += value ? fmt::format(",{}", *value) : ",";
    }
    text += "\n";
  }
  return text;
}

std::string AblationSummary::json() const {
  using nlohmann::json;
  json rows = json::array();
  for (size_t r = 0; r < table_.rows.size(); ++r) {
    json row = {{"name", table_.rows[r].name}, {"set", table_.rows[r].changes}};
    row["runs"] = json::array();
    for (const auto& run : results_[r]) row["runs"].push_back(run.figures);
    if (!results_[r].empty()) {
      row["parameters"] = results_[r][0].parameters;
      row["macs"] = results_[r][0].macs;
      for (const auto& name : table_.figures) {
        const auto s = figure(r, name);
        row["figures"][name] = {{"mean", s.mean}, {"deviation", s.deviation}};
      }
    }
    for (const auto& [name, value] : table_.rows[r].paper) row["paper"][name] = value;
    rows.push_back(row);
  }
  json pairs = json::array();
  for (const auto& o : orderings())
    pairs.push_back({{"better", o.better},
                     {"worse", o.worse},
                     {"paper_difference", o.paper_difference},
                     {"difference", o.difference},
                     {"standard_error", o.error},
                     {"holds", o.holds()},
                     {"certain", o.certain()}});
  const json out = {
      {"title", table_.title},
      {"compared", {{"figure", table_.compare_figure}, {"paper", table_.compare_paper}}},
      {"rows", rows},
      {"orderings", pairs}};
  return out.dump(2) + "\n";
}

}  // namespace lightavseg
