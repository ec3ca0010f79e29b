// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg bench: how fast this machine runs a model, and how far that is from its limit.
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "model/files/atomic_file.h"
#include "model/files/mapped_file.h"
#include "model/network/config.h"
#include "pipelines/tool/bench_measure.h"
#include "pipelines/tool/command.h"

namespace lightavseg::tool {
namespace {

using nlohmann::json;

struct Options {
  std::vector<std::string> variants, sizes, precisions = {"fp32"}, engines = {"planned"};
  std::vector<int> threads = {1};
  std::string model, json, write_model;
  bool no_reference = false, no_roof = false;
  BenchSettings settings;
};

std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.compare(0, 10, "model name") == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

json to_json(const std::vector<BenchStage>& stages, double roof_gflops) {
  json list = json::array();
  for (const auto& stage : stages) {
    json entry = {{"name", stage.name}, {"ms", stage.ms}, {"macs", stage.macs}};
    if (stage.macs > 0 && stage.ms > 0) {
      entry["gflops"] = 2e-6 * double(stage.macs) / stage.ms;
      if (roof_gflops > 0) entry["roof_share"] = double(entry["gflops"]) / roof_gflops;
    }
    list.push_back(entry);
  }
  return list;
}

json to_json(const BenchResult& r) {
  const auto& s = r.settings;
  json out = {{"variant", r.variant},
              {"height", r.height},
              {"width", r.width},
              {"audio_frames", s.audio_frames},
              {"engine", s.engine},
              {"precision", s.precision},
              {"threads", s.threads},
              {"rounds", s.rounds},
              {"macs", r.macs},
              {"load_ms", r.load_ms},
              {"engine_ms", r.engine_ms},
              {"same_sound_ms", r.same_sound_ms},
              {"log_mel_ms", r.log_mel_ms},
              {"frames_per_second", r.frames_per_second},
              {"stages", to_json(r.stages, r.roof_gflops)}};
  if (s.reference) {
    out["reference_load_ms"] = r.reference_load_ms;
    out["reference_ms"] = r.reference_ms;
    out["speedup_vs_reference"] = r.speedup_vs_reference;
    out["reference_stages"] = to_json(r.reference_stages, r.roof_gflops);
  }
  if (s.roof) {
    out["roof_gflops"] = r.roof_gflops;
    out["roof_kernel"] = r.roof_kernel;
    out["roof_share"] = r.roof_share;
    out["threads_roof_gflops"] = r.threads_roof_gflops;
    out["threads_roof_share"] = r.threads_roof_share;
  }
  return out;
}

void print(const BenchResult& r) {
  const auto& s = r.settings;
  fmt::print("{} {}x{}, {} {}, medians of {} rounds\n", r.variant, r.height, r.width, s.engine,
             s.precision, s.rounds);
  fmt::print("  {:<22}{:>9.2f} ms (same sound {:.2f}, log-mel {:.2f}, load {:.0f})\n", "frame",
             r.engine_ms, r.same_sound_ms, r.log_mel_ms, r.load_ms);
  if (s.reference)
    fmt::print("  {:<22}{:>9.2f} ms (load {:.0f}): {:.2f} times as fast\n", "LibTorch",
               r.reference_ms, r.reference_load_ms, r.speedup_vs_reference);
  if (s.roof)
    fmt::print("  {:<22}{:>9.1f} GFLOP/s ({}): {:.0f} % reached\n", "roof", r.roof_gflops,
               r.roof_kernel, 100 * r.roof_share);
  fmt::print("  {:<22}{:>9.1f} frames/s",
             fmt::format("{} thread{}", s.threads, s.threads == 1 ? "" : "s"), r.frames_per_second);
  if (s.roof && s.threads > 1)
    fmt::print(" (roof {:.1f} GFLOP/s: {:.0f} % reached)", r.threads_roof_gflops,
               100 * r.threads_roof_share);
  fmt::print("\n  {:<22}{:>12}{:>14}{:>12}{:>12}\n", "stage", "ms", "MACs", "GFLOP/s",
             s.reference ? "LibTorch ms" : "");
  for (size_t i = 0; i < r.stages.size(); ++i) {
    const auto& stage = r.stages[i];
    const double gflops = stage.ms > 0 ? 2e-6 * double(stage.macs) / stage.ms : 0;
    fmt::print("  {:<22}{:>12.3f}{:>14}{:>12.1f}{:>12}\n", stage.name, stage.ms,
               with_commas(stage.macs), gflops,
               s.reference ? fmt::format("{:.3f}", r.reference_stages[i].ms) : "");
  }
  fmt::print("\n");
}

void check(const Options& o) {
  if (!o.model.empty() && !o.variants.empty())
    throw UsageError("bench: give either --model or --variant, not both");
  for (const auto& variant : o.variants) {
    try {
      variant_from_string(variant);
    } catch (const ConfigError& error) {
      throw UsageError(std::string("bench: --variant: ") + error.what());
    }
  }
  for (const auto& size : o.sizes) parse_size(size);
}

void run(const Options& o) {
  check(o);
  json runs = json::array();
  const auto variants = o.variants.empty() ? std::vector<std::string>{""} : o.variants;
  const auto sizes = o.sizes.empty() ? std::vector<std::string>{""} : o.sizes;
  for (const auto& variant : variants)
    for (const auto& size : sizes) {
      const auto [height, width] = size.empty() ? std::pair(0, 0) : parse_size(size);
      const BenchModel model(variant, o.model, height, width, o.settings.audio_frames);
      if (!o.write_model.empty()) {
        const auto file = MappedFile::open(model.path());
        write_atomically(o.write_model,
                         std::string_view(reinterpret_cast<const char*>(file.data()), file.size()));
      }
      for (const auto& engine : o.engines)
        for (const auto& precision : o.precisions)
          for (int threads : o.threads) {
            auto settings = o.settings;
            settings.engine = engine;
            settings.precision = precision;
            settings.threads = threads;
            settings.reference = !o.no_reference;
            settings.roof = !o.no_roof;
            const auto result = measure(model, settings);
            if (o.json != "-") print(result);
            runs.push_back(to_json(result));
          }
    }
  if (o.json.empty()) return;
  json out = runs.size() == 1 ? runs[0] : json{{"runs", runs}};
  out["machine"] = {{"processor", processor()}, {"cores", std::thread::hardware_concurrency()}};
  if (o.json == "-")
    fmt::print("{}\n", out.dump(2));
  else
    write_atomically(o.json, out.dump(2) + "\n");
}

}  // namespace

void add_bench(CLI::App& app) {
  auto* command = app.add_subcommand("bench", "Measure how fast this machine runs a model");
  auto o = std::make_shared<Options>();
  auto& s = o->settings;
  command->add_option("--model", o->model, "Model file (default: the one that ships)");
  command->add_option("--variant", o->variants, "Untrained ones instead: tiny, small, base, large")
      ->delimiter(',');
  command->add_option("--size", o->sizes, "Frame sizes, N or HEIGHTxWIDTH (default: as trained)")
      ->delimiter(',');
  command->add_option("--threads", o->threads, "Threads, each with a frame of its own")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--precision", o->precisions, "fp32, bf16, int8 or auto")
      ->delimiter(',')
      ->check(CLI::IsMember({"fp32", "bf16", "int8", "auto"}))
      ->capture_default_str();
  command->add_option("--engine", o->engines, "planned or reference (LibTorch)")
      ->delimiter(',')
      ->check(CLI::IsMember({"planned", "reference"}))
      ->capture_default_str();
  command->add_option("--audio-frames", s.audio_frames, "Frames of the log-mel; a second is 101")
      ->check(CLI::Range(32, 10000))
      ->capture_default_str();
  command->add_option("--rounds", s.rounds, "Rounds in which everything takes its turn")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--seconds", s.seconds, "How long one thing is repeated in one round")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command->add_flag("--no-reference", o->no_reference, "Leave out LibTorch");
  command->add_flag("--no-roof", o->no_roof, "Leave out what the machine multiplies at best");
  command->add_option("--write-model", o->write_model,
                      "Also write the model that is measured (the last one) to this file");
  command->add_option("--json", o->json,
                      "Also write JSON to this file; - prints it instead of the table. One "
                      "combination is one object, several are a list \"runs\"");
  command->footer(
      "Options with a comma-separated list are measured in all combinations. A frame has one "
      "thread; --threads N runs N frames at a time.");
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
