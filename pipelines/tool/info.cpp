// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg info: what a model is and what it costs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "dsp/front_end.h"
#include "model/network/cost.h"
#include "model/network/model_file.h"
#include "pipelines/tool/command.h"

namespace lightavseg::tool {
namespace {

struct Options {
  std::string file;
  std::string variant, visual_net, audio_net, interaction;
  std::string size;
  int audio_frames = 0;
  bool json = false;
};

void print_json(const ModelConfig& config, const Metadata& metadata, const NetworkCost& cost,
                int height, int width, int audio_frames) {
  nlohmann::json modules = nlohmann::json::array();
  for (const auto& m : cost.modules)
    modules.push_back({{"name", m.name}, {"parameters", m.parameters}, {"macs", m.macs}});
  nlohmann::json out = {{"config", nlohmann::json::parse(config.to_json())},
                        {"metadata", metadata},
                        {"height", height},
                        {"width", width},
                        {"audio_frames", audio_frames},
                        {"parameters", cost.parameters},
                        {"macs", cost.macs},
                        {"flops", 2 * cost.macs},
                        {"modules", modules}};
  fmt::print("{}\n", out.dump(2));
}

void print_text(const ModelConfig& config, const Metadata& metadata, const NetworkCost& cost,
                int height, int width, int audio_frames) {
  const auto& front_end = dsp::spec(config.front_end);
  const bool seaformer = config.visual_net == VisualNet::kSeaFormer;
  fmt::print("LightAVSeg {}, {} stages {}, {} audio net\n",
             seaformer ? to_string(config.variant) : to_string(config.visual_net),
             seaformer ? "SeaFormer" : "ResNet", fmt::join(config.stages, " "),
             to_string(config.audio_net));
  fmt::print("  front end  {} ({} Hz)\n", dsp::to_string(config.front_end), front_end.sample_rate);
  if (config.interaction != Interaction::kLightAvSeg)
    fmt::print("  interaction {}\n", to_string(config.interaction));
  fmt::print(
      "  switches   HAR {}, AGVE {}, CMFD {}, pooling {}, similarity in head {}, class gate {}, "
      "class pyramid {}\n",
      config.har ? "on" : "off", config.agve ? "on" : "off", config.cmfd ? "on" : "off",
      to_string(config.pooling), config.head_similarity ? "on" : "off",
      config.class_gate ? "on" : "off", config.class_pyramid ? "on" : "off");
  fmt::print("  head       {} ({} channels)\n", to_string(config.head), config.logit_channels());
  if (!config.class_names.empty())
    fmt::print("  classes    {}\n", fmt::join(config.class_names, ", "));
  for (const auto& [key, value] : metadata)
    if (key != kConfigKey)
      fmt::print("  {:<10} {}\n", key, value.size() > 200 ? value.substr(0, 200) + "..." : value);
  fmt::print("\nfor one frame of {}x{} and a log-mel of {}x64:\n", height, width, audio_frames);
  fmt::print("  {:<20}{:>14}{:>16}{:>9}\n", "module", "parameters", "MACs", "share");
  for (const auto& m : cost.modules)
    fmt::print("  {:<20}{:>14}{:>16}{:>8.1f}%\n", m.name, with_commas(m.parameters),
               with_commas(m.macs), 100.0 * double(m.macs) / double(cost.macs));
  fmt::print("  {:<20}{:>14}{:>16}\n", "total", with_commas(cost.parameters),
             with_commas(cost.macs));
  fmt::print("  FLOPs (2 x MACs): {:.3f} G\n", 2e-9 * double(cost.macs));
}

// An untrained network of the options.
ModelConfig asked_for(const Options& o) {
  ModelConfig config;
  try {
    if (!o.variant.empty()) config.variant = variant_from_string(o.variant);
    if (!o.visual_net.empty()) config.visual_net = visual_net_from_string(o.visual_net);
    if (!o.interaction.empty()) config.interaction = interaction_from_string(o.interaction);
    if (config.visual_net == VisualNet::kResNet50 || config.interaction != Interaction::kLightAvSeg)
      config.stages = {1, 2, 3, 4};
    if (!o.audio_net.empty()) config.audio_net = audio_net_from_string(o.audio_net);
    config.front_end = usual_front_end(config.audio_net);
    config.validate();
  } catch (const ConfigError& error) {
    auto option = error.field();
    std::replace(option.begin(), option.end(), '_', '-');
    throw UsageError(fmt::format("info: --{}: {}", option, error.what()));
  }
  return config;
}

void run(const Options& o) {
  const bool untrained =
      !o.variant.empty() || !o.visual_net.empty() || !o.audio_net.empty() || !o.interaction.empty();
  if (o.file.empty() != untrained)
    throw UsageError(
        "info: give either a model FILE or --variant tiny|small|base|large, or other backbones "
        "with --visual-net and --audio-net");
  Metadata metadata;
  LightAVSeg network{nullptr};
  if (o.file.empty()) {
    network = LightAVSeg(asked_for(o));
  } else {
    network = load_model(o.file, &metadata);
  }
  const auto config = network->config();
  const auto [height, width] =
      o.size.empty() ? std::pair(config.train_height, config.train_width) : parse_size(o.size);
  const auto cost = measure_cost(network, height, width, o.audio_frames);
  (o.json ? print_json : print_text)(config, metadata, cost, height, width, o.audio_frames);
}

}  // namespace

void add_info(CLI::App& app) {
  auto* command = app.add_subcommand("info", "Parameters, operations, front end and classes");
  auto o = std::make_shared<Options>();
  o->audio_frames = 96;
  command->add_option("FILE", o->file, "Model file (safetensors)");
  command->add_option("--variant", o->variant, "An untrained tiny, small, base or large instead");
  command->add_option("--visual-net", o->visual_net,
                      "The same with another visual backbone: seaformer or resnet50");
  command->add_option("--audio-net", o->audio_net,
                      "The same with another audio backbone: mobilenetv2, vggish or yamnet");
  command->add_option("--interaction", o->interaction,
                      "The same with another interaction: lightavseg, tpavi or avsegformer");
  command->add_option("--size", o->size, "Frame size, N or HEIGHTxWIDTH (default: as trained)");
  command
      ->add_option(
          "--audio-frames", o->audio_frames,
          "Frames of the log-mel; 96 is the patch that the paper counts, one second is 101")
      ->check(CLI::Range(32, 10000))
      ->capture_default_str();
  command->add_flag("--json", o->json, "Print JSON");
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
