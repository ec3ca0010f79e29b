// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/ablation.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "model/data/evaluation_scenes.h"
#include "model/evaluation/avsbench_evaluation.h"
#include "model/evaluation/material_evaluation.h"
#include "model/files/atomic_file.h"
#include "model/network/cost.h"
#include "model/network/model_file.h"
#include "model/training/ablation_summary.h"
#include "model/training/trainer.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;
using Figures = std::vector<std::pair<std::string, double>>;

constexpr const char* kSettings = "settings.toml";
constexpr const char* kResult = "result.json";

// What the paper counts operations for.
constexpr int kCostSize = 224, kCostAudioFrames = 96;

std::string read_text(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

// Everything that a result depends on, as text.
std::string key_of(const TrainConfig& config, const AblationEvaluation& e) {
  return fmt::format(
      "{}\n# evaluated on: split {}, clips {}, seed {}, size {}, avsbench {} {} {}\n",
      config.fingerprint, e.split, e.clips, e.seed, e.size, e.avsbench.string(), e.subset,
      e.protocol);
}

// The first line in which two settings differ.
std::string difference(const std::string& a, const std::string& b) {
  std::istringstream of_a(a), of_b(b);
  for (;;) {
    std::string line_a, line_b;
    const bool more_a = bool(std::getline(of_a, line_a)), more_b = bool(std::getline(of_b, line_b));
    if (line_a != line_b) return fmt::format("'{}' there, '{}' now", line_a, line_b);
    if (!more_a && !more_b) return "nothing that can be shown";
  }
}

Figures evaluate(LightAVSeg& network, const TrainConfig& config, const AblationEvaluation& e,
                 int threads) {
  const int size = e.size > 0 ? e.size : network->config().train_height;
  if (e.avsbench.empty()) {
    const auto taxonomy = Taxonomy::load(config.taxonomy);
    MaterialOptions options;
    options.split = e.split;
    options.licence_free_only = config.licence_free_only;
    const auto material = Material::load(config.material, taxonomy, options);
    EvaluationOptions scenes;
    scenes.size = size;
    scenes.seed = e.seed;
    MaterialEvaluationOptions how;
    how.clips = e.clips;
    how.threads = threads;
    how.class_names = taxonomy.class_names();
    return named_figures(evaluate_material(network, EvaluationScenes(material, scenes), how));
  }
  AvsOptions options;
  options.size = size;
  const auto set = e.subset == "s4"    ? AvsBench::open_s4(e.avsbench, e.split, options)
                   : e.subset == "ms3" ? AvsBench::open_ms3(e.avsbench, e.split, options)
                                       : AvsBench::open_avss(e.avsbench, e.split, options);
  AvsEvaluationOptions how;
  how.threads = threads;
  return named_figures(evaluate_avsbench(network, set, how), set.set(),
                       e.protocol == "avsbench" ? Protocol::kAvsBench : Protocol::kClean);
}

void write_result(const fs::path& folder, const std::string& key, const AblationResult& result) {
  const nlohmann::json out = {{"settings", key},
                              {"figures", result.figures},
                              {"parameters", result.parameters},
                              {"macs", result.macs}};
  write_atomically(folder / kResult, out.dump(2) + "\n");
}

struct Cell {
  size_t row;
  std::uint64_t seed;
  TrainConfig config;
  std::string key;
};

class Ablation {
 public:
  Ablation(const AblationTable& table, const AblationOptions& options);
  AblationState run();

 private:
  bool asked_for(const Cell& cell) const;
  TrainResult train_cell(const Cell& cell);
  void measure(const Cell& cell);
  void write_summary() const;
  void say(const Cell& cell, const std::string& what) const;
  double seconds_spent() const;
  bool out_of_time() const;

  const AblationTable& table_;
  const AblationOptions& options_;
  std::vector<Cell> cells_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

Ablation::Ablation(const AblationTable& table, const AblationOptions& options)
    : table_(table), options_(options) {
  for (const auto& name : options.rows) {
    std::vector<std::string> names;
    for (const auto& row : table.rows) names.push_back(row.name);
    if (!std::count(names.begin(), names.end(), name))
      throw AblationError(
          fmt::format("there is no row '{}'; the table has {}", name, fmt::join(names, ", ")));
  }
  for (const auto seed : options.seeds)
    if (!std::count(table.seeds.begin(), table.seeds.end(), seed))
      throw AblationError(
          fmt::format("there is no seed {}; the table has {}", seed, fmt::join(table.seeds, ", ")));
  // Seed by seed, so that a table that was stopped early has all rows.
  for (const auto seed : table.seeds)
    for (size_t r = 0; r < table.rows.size(); ++r) {
      auto config = row_config(table, table.rows[r], seed, options.changes);
      const auto key = key_of(config, table.evaluation);
      cells_.push_back({r, seed, std::move(config), key});
    }
  // Before hours are spent on the first of them.
  for (const auto& cell : cells_) {
    const auto file = cell.config.out / kSettings;
    if (!asked_for(cell) || !fs::exists(file)) continue;
    const auto there = read_text(file);
    if (there != cell.config.fingerprint)
      throw AblationError(fmt::format(
          "{} holds a run with other settings: {}. Give the same, or another folder with --out",
          cell.config.out.string(), difference(there, cell.config.fingerprint)));
  }
}

bool Ablation::asked_for(const Cell& cell) const {
  const auto& o = options_;
  const auto& name = table_.rows[cell.row].name;
  return (o.rows.empty() || std::count(o.rows.begin(), o.rows.end(), name)) &&
         (o.seeds.empty() || std::count(o.seeds.begin(), o.seeds.end(), cell.seed));
}

double Ablation::seconds_spent() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
}

bool Ablation::out_of_time() const {
  const double seconds = seconds_spent();
  return (options_.stop && *options_.stop) ||
         (options_.max_seconds > 0 && seconds > options_.max_seconds);
}

void Ablation::say(const Cell& cell, const std::string& what) const {
  if (options_.quiet) return;
  fmt::print("{}, seed {}: {}\n", table_.rows[cell.row].name, cell.seed, what);
  std::fflush(stdout);
}

TrainResult Ablation::train_cell(const Cell& cell) {
  fs::create_directories(cell.config.out);
  write_atomically(cell.config.out / kSettings, cell.config.fingerprint);
  TrainerOptions how;
  how.resume = true;
  how.quiet = options_.quiet;
  how.stop = options_.stop;
  if (options_.max_seconds > 0)
    how.max_seconds = std::max(1.0, options_.max_seconds - seconds_spent());
  how.max_steps = options_.max_steps;
  Communicator alone;
  return train(cell.config, alone, how);
}

void Ablation::measure(const Cell& cell) {
  auto network = load_model(cell.config.out / "model.safetensors");
  AblationResult result;
  for (const auto& [name, value] :
       evaluate(network, cell.config, table_.evaluation, options_.threads))
    result.figures[name] = value;
  const auto cost = measure_cost(network, kCostSize, kCostSize, kCostAudioFrames);
  result.parameters = cost.parameters;
  result.macs = cost.macs;
  write_result(cell.config.out, cell.key, result);
}

void Ablation::write_summary() const {
  std::vector<std::vector<AblationResult>> results(table_.rows.size());
  for (const auto& cell : cells_)
    if (auto result = read_result(cell.config.out, cell.key))
      results[cell.row].push_back(std::move(*result));
  const AblationSummary summary(table_, results);
  write_atomically(table_.out / "summary.md", summary.markdown());
  write_atomically(table_.out / "summary.csv", summary.csv());
  write_atomically(table_.out / "summary.json", summary.json());
}

AblationState Ablation::run() {
  for (const auto& cell : cells_) {
    if (!asked_for(cell)) continue;
    if (read_result(cell.config.out, cell.key)) {
      say(cell, "done before");
      continue;
    }
    if (out_of_time()) return AblationState::kStopped;
    say(cell, "training in " + cell.config.out.string());
    if (train_cell(cell) == TrainResult::kStopped) return AblationState::kStopped;
    measure(cell);
    write_summary();
  }
  fs::create_directories(table_.out);
  write_summary();
  return AblationState::kFinished;
}

}  // namespace

std::optional<AblationResult> read_result(const fs::path& folder, const std::string& key) {
  const auto file = folder / kResult;
  if (!fs::exists(file)) return std::nullopt;
  const auto in = nlohmann::json::parse(read_text(file), nullptr, /*allow_exceptions=*/false);
  try {
    if (in.is_discarded() || in.at("settings").get<std::string>() != key) return std::nullopt;
    AblationResult result;
    result.figures = in.at("figures").get<std::map<std::string, double>>();
    result.parameters = in.at("parameters").get<std::int64_t>();
    result.macs = in.at("macs").get<std::int64_t>();
    return result;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

AblationState run_ablation(const AblationTable& table, const AblationOptions& options) {
  return Ablation(table, options).run();
}

}  // namespace lightavseg
