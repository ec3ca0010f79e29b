// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg calibrate: what the engine needs to run a model in int8.
#include <fmt/format.h>

#include <memory>

#include "model/data/evaluation_scenes.h"
#include "model/engine/int8_ranges.h"
#include "model/evaluation/int8_calibration.h"
#include "model/files/safetensors_writer.h"
#include "model/inference/model_description.h"
#include "model/inference/model_path.h"
#include "model/network/config_file.h"
#include "model/training/runtime.h"
#include "pipelines/tool/command.h"

namespace lightavseg::tool {
namespace {

struct Options {
  std::string model, material, taxonomy, split = "train", output, as_good;
  int clips = 64, size = 0;
  std::uint64_t seed = 1;
};

// The tensors of the file, with other metadata.
void copy_with(const SafetensorsFile& file, const std::map<std::string, std::string>& metadata,
               const std::string& path) {
  std::vector<TensorSource> tensors;
  for (const auto& tensor : file.tensors())
    tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data, tensor.bytes});
  write_safetensors(path, tensors, metadata);
}

void run(Options& o) {
  if (o.model.empty()) o.model = shipped_model().string();
  if (o.taxonomy.empty())
    o.taxonomy = shipped_data_file("taxonomy.json", "Give one with --taxonomy").string();
  use_single_threaded_operators();
  const auto file = SafetensorsFile::open(o.model);
  ModelConfig config = read_model_config(file);
  if (o.size > 0) config.train_height = config.train_width = o.size;
  EngineOptions options;
  options.height = config.train_height;
  options.width = config.train_width;
  const auto engine = Engine::open(file, options);
  if (engine->height() != engine->width())
    throw std::runtime_error(fmt::format("{}: is for pictures of {}x{}; the scenes are square",
                                         o.model, engine->width(), engine->height()));
  MaterialOptions material_options;
  material_options.split = o.split;
  const auto material = Material::load(o.material, Taxonomy::load(o.taxonomy), material_options);
  EvaluationOptions scenes;
  scenes.size = engine->height();
  scenes.seed = o.seed;
  const auto ranges = measure_int8_ranges(engine, EvaluationScenes(material, scenes), o.clips);
  auto metadata = file.metadata();
  metadata[kConfigKey] = config.to_json();
  metadata[kInt8RangesKey] = to_json(ranges);
  if (!o.as_good.empty()) metadata[kPrecisionsKey] = o.as_good;
  copy_with(file, metadata, o.output);
  fmt::print("ranges of {} steps in {}\n", ranges.size(), o.output);
}

}  // namespace

void add_calibrate(CLI::App& app) {
  auto* command = app.add_subcommand("calibrate", "Make a model fit to be run in int8");
  auto o = std::make_shared<Options>();
  command->add_option("--model", o->model, "Model file (safetensors); default: the one that ships");
  command->add_option("--material", o->material, "Folder of the material")->required();
  command->add_option("--taxonomy", o->taxonomy, "Class list (JSON); default: the one that ships");
  command->add_option("--split", o->split, "Split of the material")->capture_default_str();
  command->add_option("--clips", o->clips, "Scenes of each of three kinds")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--seed", o->seed, "Which scenes")->capture_default_str();
  command
      ->add_option("--size", o->size,
                   "Side of the pictures that the model is to be given; default: as before")
      ->check(CLI::Range(32, 2048));
  command
      ->add_option("--as-good", o->as_good,
                   "Also write down that masks in these precisions are as good as in fp32, as "
                   "eval showed: bf16, or bf16,int8")
      ->check(CLI::IsMember({"bf16", "int8", "bf16,int8"}));
  command->add_option("--output", o->output, "Model file to write")->required();
  command->footer(
      "Runs the model on scenes and writes it again with the ranges of its values, which "
      "precision=int8 needs.");
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
