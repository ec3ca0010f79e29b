// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/ablation_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "model/training/toml_section.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

// "AGVE + HAR" -> "agve-har".
std::string folder_name(const std::string& name) {
  std::string result;
  for (const unsigned char c : name) {
    if (std::isalnum(c))
      result += char(std::tolower(c));
    else if (!result.empty() && result.back() != '-')
      result += '-';
  }
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result;
}

AblationEvaluation read_evaluation(TomlSection s) {
  AblationEvaluation e;
  s.read_path("avsbench", "", e.avsbench);
  s.read("subset", e.subset);
  s.read("protocol", e.protocol);
  const bool on_avsbench = !e.avsbench.empty();
  if (on_avsbench) e.split = "test";
  s.read("split", e.split);
  s.read_at_least("clips", 1, e.clips);
  s.read("seed", e.seed);
  s.read("size", e.size);
  if (e.size != 0 && (e.size < 32 || e.size > 8192))
    s.wrong("size", fmt::format("{} is outside 32..8192", e.size));
  const std::set<std::string> subsets = {"s4", "ms3", "avss"};
  if (on_avsbench && !subsets.count(e.subset))
    s.wrong("subset", fmt::format("'{}' is not one of {}", e.subset, fmt::join(subsets, ", ")));
  if (!on_avsbench && !e.subset.empty()) s.wrong("subset", "needs evaluate.avsbench, the folder");
  if (e.protocol != "clean" && e.protocol != "avsbench")
    s.wrong("protocol", fmt::format("'{}' is neither clean nor avsbench", e.protocol));
  s.refuse_others();
  return e;
}

AblationRow read_row(TomlSection s, const std::vector<std::string>& columns) {
  AblationRow row;
  s.read("name", row.name);
  if (row.name.empty()) s.wrong("name", "is missing");
  row.folder = folder_name(row.name);
  if (row.folder.empty()) s.wrong("name", fmt::format("'{}' has no letter or digit", row.name));
  s.read_strings("set", row.changes);
  std::map<std::string, double> said;
  s.table("paper").numbers(said);
  for (const auto& column : columns)
    if (const auto it = said.find(column); it != said.end()) row.paper.push_back(*it);
  for (const auto& [name, value] : said)
    if (!std::count(columns.begin(), columns.end(), name))
      s.wrong("paper." + name, fmt::format("is no column of the paper; paper_columns has {}",
                                           fmt::join(columns, ", ")));
  s.refuse_others();
  return row;
}

// Of the run itself, not of a row: they would make rows overwrite or differ from each other.
void refuse_run_keys(const std::string& where, const std::vector<std::string>& changes) {
  for (const auto& change : changes)
    for (const char* key : {"run.out", "run.seed"})
      if (change.rfind(std::string(key) + "=", 0) == 0)
        throw TrainConfigError(
            fmt::format("{}: {} is set by the table, not by a change", where, key));
}

}  // namespace

AblationTable read_ablation_table(const fs::path& file) {
  const toml::table root = parse_toml_file(file);
  AblationTable table;
  TomlSection top(root, "");
  top.read("title", table.title);
  if (table.title.empty()) top.wrong("title", "is missing");
  top.read_path("recipe", file.parent_path(), table.recipe);
  if (table.recipe.empty()) top.wrong("recipe", "is missing: a training file");
  top.read_path("out", "", table.out);
  if (table.out.empty()) top.wrong("out", "is missing: the folder of the results");
  top.read_whole_numbers("seeds", table.seeds);
  if (table.seeds.empty()) top.wrong("seeds", "is missing: a list of whole numbers, [1, 2, 3]");
  if (std::set<std::uint64_t>(table.seeds.begin(), table.seeds.end()).size() != table.seeds.size())
    top.wrong("seeds", "has a number twice");
  top.read_strings("figures", table.figures);
  if (table.figures.empty())
    top.wrong("figures", "is missing: a list of figures of the evaluation");
  top.read_strings("paper_columns", table.paper_columns);
  auto compare = top.table("compare");
  compare.read("figure", table.compare_figure);
  compare.read("paper", table.compare_paper);
  if (table.compare_figure.empty() && !table.compare_paper.empty())
    compare.wrong("figure", "is missing");
  const auto& columns = table.paper_columns;
  if (!table.compare_paper.empty() &&
      !std::count(columns.begin(), columns.end(), table.compare_paper))
    compare.wrong("paper", fmt::format("'{}' is none of paper_columns: {}", table.compare_paper,
                                       fmt::join(columns, ", ")));
  compare.refuse_others();
  table.evaluation = read_evaluation(top.table("evaluate"));
  top.read_strings("set", table.changes);
  refuse_run_keys("set", table.changes);
  auto rows = top.tables("row");
  if (rows.empty()) throw TrainConfigError("row: the file has no [[row]]");
  for (size_t i = 0; i < rows.size(); ++i) {
    table.rows.push_back(read_row(rows[i], columns));
    const auto& row = table.rows.back();
    refuse_run_keys(fmt::format("row[{}].set", i), row.changes);
    for (size_t k = 0; k < i; ++k)
      if (table.rows[k].folder == row.folder)
        throw TrainConfigError(
            fmt::format("row[{}].name: '{}' is too much like '{}': both get the folder {}", i,
                        row.name, table.rows[k].name, row.folder));
  }
  top.refuse_others();
  return table;
}

TrainConfig row_config(const AblationTable& table, const AblationRow& row, std::uint64_t seed,
                       const std::vector<std::string>& changes) {
  auto all = table.changes;
  all.insert(all.end(), changes.begin(), changes.end());
  refuse_run_keys("--set", changes);
  all.insert(all.end(), row.changes.begin(), row.changes.end());
  all.push_back(fmt::format("run.seed={}", seed));
  try {
    auto config = read_train_config(table.recipe, all);
    // Not a change: where the results lie is no part of what the checkpoints must agree with.
    config.out = table.out / row.folder / fmt::format("seed-{}", seed);
    return config;
  } catch (const TrainConfigError& error) {
    throw TrainConfigError(
        fmt::format("{}, row '{}': {}", table.recipe.string(), row.name, error.what()));
  }
}

}  // namespace lightavseg
