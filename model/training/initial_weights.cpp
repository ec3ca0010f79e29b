// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/initial_weights.h"

#include <fmt/format.h>

#include "model/network/model_file.h"

namespace lightavseg {
namespace {

// Everything that decides which weights a backbone has.
std::string visual_name(const ModelConfig& c) {
  if (c.visual_net != VisualNet::kSeaFormer) return to_string(c.visual_net);
  return to_string(c.visual_net) + " " + to_string(c.variant);
}

std::string audio_name(const ModelConfig& c) {
  return fmt::format("{} with {} and the front end {}", to_string(c.audio_net),
                     to_string(c.audio_state), dsp::to_string(c.front_end));
}

void take_over(const std::filesystem::path& file, const char* field, const std::string& prefix,
               std::string (*name_of)(const ModelConfig&), LightAVSeg& network) {
  const auto other = load_model(file);
  const auto wanted = name_of(network->config()), found = name_of(other->config());
  if (wanted != found)
    throw TrainConfigError(fmt::format("model.{}: {} has {}, this network has {}", field,
                                       file.string(), found, wanted));
  const auto from = named_state(*other);
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : named_state(*network))
    if (name.rfind(prefix, 0) == 0) tensor.copy_(from.at(name));
}

}  // namespace

void load_initial_weights(const TrainConfig& config, LightAVSeg& network) {
  if (!config.init.empty()) load_weights(SafetensorsFile::open(config.init), *network);
  if (!config.visual_init.empty())
    take_over(config.visual_init, "visual_init", "visual.", visual_name, network);
  if (!config.audio_init.empty())
    take_over(config.audio_init, "audio_init", "audio.", audio_name, network);
}

}  // namespace lightavseg
