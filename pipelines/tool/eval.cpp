// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg eval: how well a model marks what sounds.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "model/data/avsbench.h"
#include "model/data/evaluation_scenes.h"
#include "model/evaluation/avsbench_evaluation.h"
#include "model/evaluation/html.h"
#include "model/evaluation/material_evaluation.h"
#include "model/evaluation/scene_report.h"
#include "model/files/atomic_file.h"
#include "model/inference/model_path.h"
#include "model/network/config_file.h"
#include "model/network/model_file.h"
#include "model/training/runtime.h"
#include "pipelines/tool/command.h"

namespace lightavseg::tool {
namespace {

using Figures = std::vector<std::pair<std::string, double>>;

struct Options {
  std::string model, material, taxonomy, json, html;
  std::string avsbench, subset, protocol = "clean";
  std::string split;
  std::string engine = "reference", precision = "fp32";
  MaterialEvaluationOptions evaluation;
  int batch_clips = 2;
  bool lenient = false;
  int size = 0;
};

void print_and_write(const Options& o, const std::string& title, const Figures& figures,
                     nlohmann::json out) {
  fmt::print("{}\n", title);
  for (const auto& [name, value] : figures) {
    fmt::print("  {:<28}{:>8.4f}\n", name, value);
    out[name] = value;
  }
  if (!o.json.empty()) write_atomically(o.json, out.dump(2) + "\n");
}

html::Page page_of(const std::string& title, const Figures& figures) {
  html::Page page("Evaluation", title);
  html::Table table{{"figure", "value"}, {}};
  for (const auto& [name, value] : figures)
    table.rows.push_back({name, fmt::format("{:.4f}", value)});
  page.add_table(table);
  return page;
}

void run_on_material(const Options& o, const ScenePredictor& predictor) {
  const auto taxonomy = Taxonomy::load(o.taxonomy);
  MaterialOptions options;
  options.split = o.split;
  const auto material = Material::load(o.material, taxonomy, options);
  EvaluationOptions scenes;
  scenes.size = o.size > 0 ? o.size : predictor.config().train_height;
  scenes.seed = o.evaluation.seed;
  const EvaluationScenes evaluation(material, scenes);
  auto how = o.evaluation;
  how.class_names = taxonomy.class_names();
  std::vector<SceneScore> scores;
  const auto figures = named_figures(evaluate_material(predictor, evaluation, how, &scores));
  const auto title = fmt::format("{} on {} ({}), {} clips, seed {}, {} pixels", o.model, o.material,
                                 o.split, how.clips, how.seed, scenes.size);
  print_and_write(o, title, figures,
                  {{"model", o.model},
                   {"material", o.material},
                   {"split", o.split},
                   {"engine", o.engine},
                   {"precision", o.precision},
                   {"clips", how.clips},
                   {"seed", how.seed},
                   {"size", scenes.size}});
  if (o.html.empty()) return;
  auto page = page_of(title, figures);
  add_scenes(predictor, evaluation, scores, taxonomy.class_names(), &page);
  page.write(o.html);
}

AvsBench open_set(const Options& o, int size) {
  AvsOptions options;
  options.size = size;
  options.lenient = o.lenient;
  try {
    if (o.subset == "s4") return AvsBench::open_s4(o.avsbench, o.split, options);
    if (o.subset == "ms3") return AvsBench::open_ms3(o.avsbench, o.split, options);
    return AvsBench::open_avss(o.avsbench, o.split, options);
  } catch (const AvsBenchError& error) {
    // The text of the error ends after fifty lines.
    for (const auto& problem : error.problems()) fmt::print(stderr, "{}\n", problem);
    throw std::runtime_error(
        fmt::format("the data set in {} (split {}) has {} problems; see above. Repair it, or give "
                    "--lenient to leave out the clips concerned",
                    o.avsbench, o.split, error.problems().size()));
  }
}

void run_on_avsbench(const Options& o, const ScenePredictor& predictor) {
  const int size = o.size > 0 ? o.size : predictor.config().train_height;
  const auto set = open_set(o, size);
  for (const auto& problem : set.problems()) fmt::print(stderr, "left out: {}\n", problem);
  AvsEvaluationOptions how;
  how.threads = o.evaluation.threads;
  how.batch_clips = o.batch_clips;
  const auto evaluation = evaluate_avsbench(predictor, set, how);
  const auto protocol = o.protocol == "avsbench" ? Protocol::kAvsBench : Protocol::kClean;
  const auto figures = named_figures(evaluation, set.set(), protocol);
  const auto title = fmt::format("{} on {} {} ({}), {} clips, {} frames, protocol {}, {} pixels",
                                 o.model, to_string(set.set()), o.avsbench, o.split,
                                 set.clips().size(), evaluation.frames, o.protocol, size);
  nlohmann::json out = {{"model", o.model},
                        {"avsbench", o.avsbench},
                        {"subset", o.subset},
                        {"split", o.split},
                        {"engine", o.engine},
                        {"precision", o.precision},
                        {"protocol", o.protocol},
                        {"clips", set.clips().size()},
                        {"frames", evaluation.frames},
                        {"left_out", set.problems()},
                        {"size", size}};
  if (protocol == Protocol::kAvsBench) out["batch_clips"] = o.batch_clips;
  html::Table classes{{"class", "IoU", "F", "frames"}, {}};
  if (set.set() == AvsSet::kAvss) {
    const auto scores = evaluation.semantic.scores(protocol);
    for (size_t i = 0; i < scores.class_iou.size(); ++i) {
      if (scores.class_frames[i] == 0) continue;
      const auto& name = set.class_names()[i];
      out["class_iou"][name] = scores.class_iou[i];
      classes.rows.push_back({name, fmt::format("{:.4f}", scores.class_iou[i]),
                              fmt::format("{:.4f}", scores.class_f[i]),
                              std::to_string(scores.class_frames[i])});
    }
    const auto matched = match_classes(predictor.config(), set.class_names());
    std::vector<std::string> unknown;
    for (size_t i = 0; i < matched.size(); ++i)
      if (matched[i] < 0) unknown.push_back(predictor.config().class_names[i]);
    out["classes_of_the_model_not_in_the_set"] = unknown;
  }
  print_and_write(o, title, figures, out);
  if (o.html.empty()) return;
  auto page = page_of(title, figures);
  if (!classes.rows.empty()) {
    page.add_heading("Classes");
    page.add_table(classes);
  }
  add_avs_clips(predictor, set, evaluation.clip_scores, &page);
  page.write(o.html);
}

void run_with(const Options& o, const ScenePredictor& predictor) {
  if (o.avsbench.empty())
    run_on_material(o, predictor);
  else
    run_on_avsbench(o, predictor);
}

void run(Options& o) {
  if (o.material.empty() == o.avsbench.empty())
    throw UsageError("eval: give either --material FOLDER or --avsbench FOLDER --subset NAME");
  if (!o.avsbench.empty() && o.subset.empty())
    throw UsageError("eval: --avsbench needs --subset s4, ms3 or avss");
  if (o.engine == "reference" && o.precision != "fp32")
    throw UsageError("eval: --precision " + o.precision + " needs --engine planned");
  if (o.split.empty()) o.split = o.material.empty() ? "test" : "val";
  if (!o.avsbench.empty() && !is_avs_split(o.split))
    throw UsageError(fmt::format(
        "eval: sets in the layout of AVSBench have the splits train, val and test, not '{}'",
        o.split));
  if (o.model.empty()) o.model = shipped_model().string();
  if (o.taxonomy.empty() && !o.material.empty())
    o.taxonomy = shipped_data_file("taxonomy.json", "Give one with --taxonomy").string();
  keep_freed_memory();
  use_single_threaded_operators();
  if (o.engine == "reference") {
    auto network = load_model(o.model);
    run_with(o, network);
    return;
  }
  EngineOptions options;
  const auto file = SafetensorsFile::open(o.model);
  options.height = options.width = o.size > 0 ? o.size : read_model_config(file).train_height;
  if (o.precision == "bf16") options.arithmetic = Arithmetic::kBFloat16;
  if (o.precision == "int8") options.arithmetic = Arithmetic::kInt8;
  run_with(o, ScenePredictor(Engine::open(file, options)));
}

}  // namespace

void add_eval(CLI::App& app) {
  auto* command = app.add_subcommand("eval", "Measure a model on a material or on AVSBench");
  auto o = std::make_shared<Options>();
  command->add_option("--model", o->model, "Model file (safetensors); default: the one that ships");
  command->add_option("--split", o->split, "Split; default: val of a material, test of AVSBench");
  command->add_option("--threads", o->evaluation.threads, "Scenes or batches side by side")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--size", o->size, "Side of the pictures; default: as trained")
      ->check(CLI::Range(32, 2048));
  command->add_option("--engine", o->engine, "reference (LibTorch) or planned")
      ->check(CLI::IsMember({"reference", "planned"}))
      ->capture_default_str();
  command->add_option("--precision", o->precision, "fp32, or with --engine planned bf16 or int8")
      ->check(CLI::IsMember({"fp32", "bf16", "int8"}))
      ->capture_default_str();
  command->add_option("--json", o->json, "Also write the figures to this file");
  command->add_option("--html", o->html,
                      "Also write a page with pictures of the best, the median and the worst");
  const char* material = "Material";
  command->add_option("--material", o->material, "Folder of the material")->group(material);
  command->add_option("--taxonomy", o->taxonomy, "Class list (JSON); default: the one that ships")
      ->group(material);
  command->add_option("--clips", o->evaluation.clips, "Scenes of every kind")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str()
      ->group(material);
  command->add_option("--seed", o->evaluation.seed, "Which scenes")
      ->capture_default_str()
      ->group(material);
  const char* avsbench = "AVSBench";
  command->add_option("--avsbench", o->avsbench, "Folder that holds the set's CSV file")
      ->group(avsbench);
  command->add_option("--subset", o->subset, "Which set it is")
      ->check(CLI::IsMember({"s4", "ms3", "avss"}))
      ->group(avsbench);
  command
      ->add_option("--protocol", o->protocol,
                   "clean, or avsbench: as the set's own code computes, quirks included")
      ->check(CLI::IsMember({"clean", "avsbench"}))
      ->capture_default_str()
      ->group(avsbench);
  command
      ->add_option("--batch-clips", o->batch_clips,
                   "Clips of a batch, on which the protocol avsbench depends")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str()
      ->group(avsbench);
  command->add_flag("--lenient", o->lenient, "Leave out clips with something wrong")
      ->group(avsbench);
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
