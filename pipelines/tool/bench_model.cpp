// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/bench_model.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "model/engine/engine.h"
#include "model/engine/int8_ranges.h"
#include "model/inference/model_path.h"
#include "model/network/cost.h"
#include "model/network/model_file.h"

namespace lightavseg::tool {
namespace {

std::filesystem::path new_path() {
  static std::atomic<int> count{0};
  return std::filesystem::temp_directory_path() /
         fmt::format("lightavseg-bench-{}-{}.safetensors", getpid(), count++);
}

LightAVSeg network_of(const std::string& variant, const std::string& file) {
  if (variant.empty()) return load_model(file.empty() ? shipped_model().string() : file);
  ModelConfig config;
  config.variant = variant_from_string(variant);
  torch::manual_seed(1);
  LightAVSeg network(config);
  network->eval();
  return network;
}

std::map<std::string, float> ranges_of_noise(const std::filesystem::path& path) {
  try {
    EngineState state(Engine::open(path));
    const auto& engine = state.engine();
    const auto noise =
        torch::randn({3 * engine.height() * engine.width() + engine.config().audio_channels()});
    state.set_audio_state(noise.data_ptr<float>());
    std::copy_n(noise.data_ptr<float>(), 3 * engine.height() * engine.width(), state.frame());
    state.watch_ranges();
    state.see();
    return state.ranges();
  } catch (const UnsupportedModel&) {
    return {};  // only the reference runs it
  }
}

}  // namespace

BenchModel::BenchModel(const std::string& variant, const std::string& file, int height, int width,
                       int audio_frames)
    : path_(new_path()) {
  auto network = network_of(variant, file);
  auto config = network->config();
  if (height > 0) config.train_height = height;
  if (width > 0) config.train_width = width;
  variant_ = to_string(config.variant);
  const auto cost = measure_cost(network, config.train_height, config.train_width, audio_frames);
  for (const auto& module : cost.modules) {
    const auto name = module.name.substr(0, module.name.find('.'));
    const auto it = std::find_if(parts_.begin(), parts_.end(),
                                 [&](const PartCost& part) { return part.name == name; });
    if (it == parts_.end())
      parts_.push_back({name, module.macs});
    else
      it->macs += module.macs;
  }
  Metadata metadata = {{kConfigKey, config.to_json()}};
  write_tensors(path_, named_state(*network), metadata);
  // int8 takes the same time whatever the ranges, but does not run without.
  metadata[kInt8RangesKey] = to_json(ranges_of_noise(path_));
  write_tensors(path_, named_state(*network), metadata);
}

BenchModel::~BenchModel() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

std::int64_t BenchModel::macs() const {
  std::int64_t sum = 0;
  for (const auto& part : parts_) sum += part.macs;
  return sum;
}

}  // namespace lightavseg::tool
