// SPDX-License-Identifier: LGPL-2.1-or-later
// Time, memory and operations of one frame with each interaction, at several sizes, in one process:
// JSON on standard output. tests/benchmarks/interactions makes a table and a picture of it.
#include <fmt/format.h>
#include <malloc.h>
#include <torch/torch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/network/cost.h"

namespace lightavseg {
namespace {

constexpr Interaction kInteractions[] = {Interaction::kLightAvSeg, Interaction::kTpavi,
                                         Interaction::kAvSegFormer};

struct Options {
  std::string variant = "large";
  std::vector<int> sizes = {128, 224, 320, 448, 640, 896};
  int rounds = 5;
  double memory_limit_gib = 12;
};

// A line of /proc/self/status, in bytes.
double status_bytes(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(name + ":", 0) == 0) return 1024 * std::stod(line.substr(name.size() + 1));
  return 0;
}

// How much more memory than before the call was held during it.
template <class Call>
double peak_bytes(Call call) {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;  // VmHWM starts anew
  const double before = status_bytes("VmRSS");
  call();
  return std::max(0.0, status_bytes("VmHWM") - before);
}

// The largest tensor of a frame, bytes: a run that does not fit would end this process and others.
double largest_tensor(Interaction interaction, int size) {
  const double pixels = double(size / 4) * (size / 4);
  if (interaction == Interaction::kTpavi) return 4 * pixels * pixels;  // the affinity
  // 2048 channels behind the products of queries and pixels; here 64 of the finest map.
  return 4 * pixels * (interaction == Interaction::kAvSegFormer ? 2048 : 64);
}

nlohmann::json measure(LightAVSeg& network, int size, const torch::Tensor& sound) {
  const auto cost = measure_cost(network, size, size, 96);
  std::int64_t backbones = 0;
  for (const auto& m : cost.modules)
    if (m.name == "audio" || m.name.rfind("visual.", 0) == 0) backbones += m.macs;
  const auto frame = torch::randn({1, 3, size, size});
  const double peak = peak_bytes([&] { network->forward_with_audio(frame, sound); });
  return {{"interaction", to_string(network->config().interaction)},
          {"size", size},
          {"macs", cost.macs},
          {"interaction_macs", cost.macs - backbones},
          {"peak_bytes", peak}};
}

void run(const Options& o) {
  torch::NoGradGuard no_grad;
  at::set_num_threads(1);
  std::vector<LightAVSeg> networks;
  nlohmann::json modules = nlohmann::json::array();
  for (const auto interaction : kInteractions) {
    ModelConfig config;
    config.variant = variant_from_string(o.variant);
    config.interaction = interaction;
    // The same maps for all: the paper's rivals look at strides 4 to 32.
    config.stages = {1, 2, 3, 4};
    networks.emplace_back(config);
    networks.back()->eval();
    modules.push_back({{"interaction", to_string(interaction)},
                       {"parameters", count_parameters(*networks.back())}});
  }
  const auto sound = networks[0]->audio_state(torch::randn({1, 1, 96, 64}));
  nlohmann::json points = nlohmann::json::array();
  for (const int size : o.sizes) {
    std::vector<size_t> fitting;
    for (size_t k = 0; k < networks.size(); ++k)
      if (largest_tensor(kInteractions[k], size) < o.memory_limit_gib * (1 << 30))
        fitting.push_back(k);
    std::vector<nlohmann::json> of_size;
    std::vector<std::vector<double>> times(networks.size());
    for (const auto k : fitting) of_size.push_back(measure(networks[k], size, sound));
    const auto frame = torch::randn({1, 3, size, size});
    // In turn, so that what else the machine does meets all of them.
    for (int round = 0; round < o.rounds; ++round)
      for (const auto k : fitting) {
        const auto start = std::chrono::steady_clock::now();
        networks[k]->forward_with_audio(frame, sound);
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - start;
        times[k].push_back(took.count());
      }
    for (size_t i = 0; i < fitting.size(); ++i) {
      auto& all = times[fitting[i]];
      std::sort(all.begin(), all.end());
      of_size[i]["ms"] = all[all.size() / 2];
      of_size[i]["fastest_ms"] = all.front();
      points.push_back(of_size[i]);
    }
  }
  const nlohmann::json out = {
      {"variant", o.variant}, {"rounds", o.rounds}, {"modules", modules}, {"points", points}};
  fmt::print("{}\n", out.dump(1));
}

}  // namespace
}  // namespace lightavseg

int main(int argc, char** argv) {
  lightavseg::Options o;
  CLI::App app("Time, memory and operations of the interactions");
  app.add_option("--variant", o.variant, "Size of SeaFormer")->capture_default_str();
  app.add_option("--sizes", o.sizes, "Sides of the pictures")->delimiter(',');
  app.add_option("--rounds", o.rounds, "Frames of each that are timed")->check(CLI::Range(1, 1000));
  app.add_option("--memory-limit", o.memory_limit_gib, "Leave out what needs more, GiB")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    lightavseg::run(o);
  } catch (const std::exception& error) {
    fmt::print(stderr, "interaction-cost: {}\n", error.what());
    return 1;
  }
  return 0;
}
