// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg export: a model in another format, for other engines.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "model/inference/model_path.h"
#include "model/network/model_file.h"
#include "model/onnx/export.h"
#include "pipelines/tool/command.h"

namespace lightavseg::tool {
namespace {

struct Options {
  std::string onnx, model, variant, size;
  int audio_frames = onnx::InputSizes().audio_frames;
};

LightAVSeg open(const Options& o, Metadata& metadata) {
  if (!o.model.empty() && !o.variant.empty())
    throw UsageError("export: give either --model or --variant, not both");
  if (o.variant.empty())
    return load_model(o.model.empty() ? shipped_model() : std::filesystem::path(o.model),
                      &metadata);
  ModelConfig config;
  try {
    config.variant = variant_from_string(o.variant);
  } catch (const ConfigError& error) {
    throw UsageError(std::string("export: --variant: ") + error.what());
  }
  LightAVSeg network(config);
  network->eval();
  return network;
}

void run(const Options& o) {
  Metadata metadata;
  const auto network = open(o, metadata);
  const auto& config = network->config();
  onnx::InputSizes sizes{config.train_height, config.train_width, o.audio_frames};
  if (!o.size.empty()) std::tie(sizes.height, sizes.width) = parse_size(o.size);
  onnx::export_onnx(o.onnx, network, sizes, metadata);
  fmt::print("frames [1, 3, {}, {}], log_mel [1, 1, {}, 64] -> logits [1, {}, {}, {}] in {}\n",
             sizes.height, sizes.width, sizes.audio_frames, config.logit_channels(), sizes.height,
             sizes.width, o.onnx);
}

}  // namespace

void add_export(CLI::App& app) {
  auto* command = app.add_subcommand("export", "Write a model for other engines (ONNX)");
  auto o = std::make_shared<Options>();
  command->add_option("--onnx", o->onnx, "ONNX file to write")->required();
  command->add_option("--model", o->model, "Model file (default: the one that ships)");
  command->add_option("--variant", o->variant, "An untrained tiny, small, base or large instead");
  command->add_option("--size", o->size, "Frame size, N or HEIGHTxWIDTH (default: as trained)");
  command->add_option("--audio-frames", o->audio_frames, "Frames of the log-mel; one second is 101")
      ->check(CLI::Range(32, 10000))
      ->capture_default_str();
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
