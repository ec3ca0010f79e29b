// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg eval: how well a model marks what sounds.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "model/data/evaluation_scenes.h"
#include "model/evaluation/material_evaluation.h"
#include "model/files/atomic_file.h"
#include "model/inference/model_path.h"
#include "model/network/model_file.h"
#include "model/training/runtime.h"
#include "pipelines/tool/command.h"

namespace lightavseg::tool {
namespace {

struct Options {
  std::string model, material, taxonomy, json;
  std::string split = "val";
  MaterialEvaluationOptions evaluation;
  int size = 0;
};

void run(Options& o) {
  if (o.model.empty()) o.model = shipped_model().string();
  if (o.taxonomy.empty())
    o.taxonomy = shipped_data_file("taxonomy.json", "Give one with --taxonomy").string();
  keep_freed_memory();
  use_single_threaded_operators();
  auto network = load_model(o.model);
  const auto taxonomy = Taxonomy::load(o.taxonomy);
  MaterialOptions options;
  options.split = o.split;
  const auto material = Material::load(o.material, taxonomy, options);
  EvaluationOptions scenes;
  scenes.size = o.size > 0 ? o.size : network->config().train_height;
  scenes.seed = o.evaluation.seed;
  const EvaluationScenes evaluation(material, scenes);
  const auto figures = evaluate_material(network, evaluation, o.evaluation);
  fmt::print("{} on {} ({}), {} clips, seed {}, {} pixels\n", o.model, o.material, o.split,
             o.evaluation.clips, o.evaluation.seed, scenes.size);
  nlohmann::json out = {{"model", o.model},          {"material", o.material},
                        {"split", o.split},          {"clips", o.evaluation.clips},
                        {"seed", o.evaluation.seed}, {"size", scenes.size}};
  for (const auto& [name, value] : named_figures(figures)) {
    fmt::print("  {:<20}{:>8.4f}\n", name, value);
    out[name] = value;
  }
  if (!o.json.empty()) write_atomically(o.json, out.dump(2) + "\n");
}

}  // namespace

void add_eval(CLI::App& app) {
  auto* command = app.add_subcommand("eval", "Measure a model on test scenes of a material");
  auto o = std::make_shared<Options>();
  command->add_option("--model", o->model, "Model file (safetensors); default: the one that ships");
  command->add_option("--material", o->material, "Folder of the material")->required();
  command->add_option("--taxonomy", o->taxonomy, "Class list (JSON); default: the one that ships");
  command->add_option("--split", o->split, "Split of the material")->capture_default_str();
  command->add_option("--clips", o->evaluation.clips, "Scenes of every kind")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--seed", o->evaluation.seed, "Which scenes")->capture_default_str();
  command->add_option("--threads", o->evaluation.threads, "Scenes evaluated side by side")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--size", o->size, "Side of the pictures; default: as trained")
      ->check(CLI::Range(32, 2048));
  command->add_option("--json", o->json, "Also write the figures to this file");
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
