// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/bench_measure.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "dsp/log_mel.h"
#include "model/inference/engine_segmenter.h"
#include "model/inference/segmenter.h"
#include "pipelines/tool/bench_interleaved.h"
#include "pipelines/tool/bench_reference_stages.h"
#include "pipelines/tool/bench_roof.h"

namespace lightavseg::tool {
namespace {

constexpr int kStageRuns = 10;
constexpr double kMilli = 1e-6;  // of nanoseconds

const std::vector<std::string> kStages = {
    "pre", "audio", "visual", "reciprocal_encoder", "fusion_decoder", "top_down", "head", "post"};

// Reproducible bytes and samples: the high bits of a linear congruential generator (Knuth's MMIX).
class Noise {
 public:
  std::uint8_t byte() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return std::uint8_t(state_ >> 56);
  }

 private:
  std::uint64_t state_ = 1;
};

// A segmenter with a frame and a sound of its own.
class Frame {
 public:
  Frame(std::unique_ptr<Segmenter> segmenter, int audio_frames)
      : segmenter_(std::move(segmenter)), audio_frames_(audio_frames) {
    const auto& model = segmenter_->description();
    Noise noise;
    rgb_.resize(size_t(model.height) * size_t(model.width) * 3);
    for (auto& value : rgb_) value = noise.byte();
    log_mel_.resize(size_t(audio_frames) * size_t(dsp::kMelBands));
    for (auto& value : log_mel_) value = -60 + 40 * float(noise.byte()) / 255;
  }

  Segmenter& segmenter() const { return *segmenter_; }
  void run(bool heard_before = false) {
    segmenter_->segment(rgb_.data(), log_mel_.data(), audio_frames_, heard_before, {}, out_);
  }

 private:
  std::unique_ptr<Segmenter> segmenter_;
  int audio_frames_;
  std::vector<std::uint8_t> rgb_;
  std::vector<float> log_mel_;
  Segmentation out_;
};

std::unique_ptr<Segmenter> open(const BenchModel& model, const std::string& engine,
                                const std::string& precision) {
  SegmenterOptions options;
  options.threads = 1;
  options.engine = engine;
  options.precision = engine == "reference" ? "fp32" : precision;
  return open_segmenter(model.path().string(), options);
}

// One frame per thread; those of the planned engine share its weights.
std::vector<std::unique_ptr<Frame>> frames_for_threads(const BenchModel& model,
                                                       const BenchSettings& s) {
  std::vector<std::unique_ptr<Frame>> frames;
  for (int t = 0; t < s.threads; ++t) {
    auto* first = t == 0 ? nullptr : dynamic_cast<EngineSegmenter*>(&frames[0]->segmenter());
    std::unique_ptr<Segmenter> segmenter =
        first ? first->share() : open(model, s.engine, s.precision);
    frames.push_back(std::make_unique<Frame>(std::move(segmenter), s.audio_frames));
  }
  return frames;
}

double milliseconds_of(const std::function<void()>& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

std::vector<BenchStage> to_stages(const std::map<std::string, double>& nanoseconds,
                                  const BenchModel& model) {
  std::vector<BenchStage> stages;
  for (const auto& name : kStages) {
    BenchStage stage{name, 0, 0};
    if (const auto it = nanoseconds.find(name); it != nanoseconds.end())
      stage.ms = it->second * kMilli;
    for (const auto& part : model.parts())
      if (part.name == name) stage.macs = part.macs;
    stages.push_back(stage);
  }
  return stages;
}

std::vector<BenchStage> stages_of(Frame& frame, const BenchModel& model) {
  auto* planned = dynamic_cast<EngineSegmenter*>(&frame.segmenter());
  if (!planned) return to_stages(reference_stages([&] { frame.run(); }, kStageRuns), model);
  planned->measure(true);
  for (int i = 0; i < kStageRuns; ++i) frame.run();
  std::map<std::string, double> nanoseconds;
  for (const auto& step : planned->step_times())
    nanoseconds[step.module] += double(step.nanoseconds) / kStageRuns;
  planned->measure(false);
  return to_stages(nanoseconds, model);
}

Arithmetic arithmetic_of(Frame& frame) {
  auto* planned = dynamic_cast<EngineSegmenter*>(&frame.segmenter());
  return planned ? planned->engine()->options().arithmetic : Arithmetic::kFloat32;
}

// Features of a second of noise.
Work log_mel_work(dsp::FrontEnd front_end) {
  struct State {
    explicit State(dsp::FrontEnd f)
        : log_mel(f), workspace(log_mel), samples(size_t(dsp::spec(f).sample_rate)) {}
    dsp::LogMel log_mel;
    dsp::LogMel::Workspace workspace;
    std::vector<float> samples, out;
  };
  auto state = std::make_shared<State>(front_end);
  Noise noise;
  for (auto& sample : state->samples) sample = float(noise.byte()) / 128 - 1;
  state->out.resize(size_t(state->log_mel.frames(state->samples.size())) * size_t(dsp::kMelBands));
  return {"log_mel", [state](int) {
            state->log_mel.compute(state->samples.data(), state->samples.size(), state->out.data(),
                                   state->workspace);
          }};
}

// Median of factor a[r] / b[r].
double share(double factor, const std::vector<double>& a, const std::vector<double>& b) {
  return factor * median_ratio(a, b);
}

}  // namespace

BenchResult measure(const BenchModel& model, const BenchSettings& s) {
  BenchResult result;
  result.variant = model.variant();
  result.settings = s;
  result.macs = model.macs();
  std::vector<std::unique_ptr<Frame>> frames;
  result.load_ms = milliseconds_of([&] { open(model, s.engine, s.precision); });
  frames = frames_for_threads(model, s);
  const auto& description = frames[0]->segmenter().description();
  result.height = description.height;
  result.width = description.width;
  std::unique_ptr<Frame> reference;
  if (s.reference)
    result.reference_load_ms = milliseconds_of([&] {
      reference = std::make_unique<Frame>(open(model, "reference", "fp32"), s.audio_frames);
    });
  std::optional<RoofKernel> roof;
  if (s.roof) roof.emplace(fastest_roof_kernel(arithmetic_of(*frames[0]), s.threads));

  std::vector<Work> works;
  std::map<std::string, size_t> index;
  const auto add = [&](Work work) {
    index[work.name] = works.size();
    works.push_back(std::move(work));
  };
  // The pairs that ratios are made of stand side by side.
  if (roof) add({"roof", [&](int t) { roof->run(t); }});
  add({"engine", [&](int) { frames[0]->run(); }});
  if (reference) add({"reference", [&](int) { reference->run(); }});
  add({"same_sound", [&](int) { frames[0]->run(true); }});
  add(log_mel_work(description.front_end));
  if (s.threads > 1) {
    if (roof) add({"threads_roof", [&](int t) { roof->run(t); }, s.threads});
    add({"threads", [&](int t) { frames[size_t(t)]->run(); }, s.threads});
  }
  const auto times = measure_interleaved(works, s.rounds, s.seconds);
  const auto of = [&](const char* name) -> const std::vector<double>& {
    return times[index.at(name)];
  };

  const double operations = 2 * double(result.macs);
  const auto& engine = of("engine");
  const auto& threads = s.threads > 1 ? of("threads") : engine;
  result.engine_ms = median(engine) * kMilli;
  result.same_sound_ms = median(of("same_sound")) * kMilli;
  result.log_mel_ms = median(of("log_mel")) * kMilli;
  result.frames_per_second = 1e9 / median(threads);
  if (reference) {
    result.reference_ms = median(of("reference")) * kMilli;
    result.speedup_vs_reference = median_ratio(of("reference"), engine);
    result.reference_stages = stages_of(*reference, model);
  }
  if (roof) {
    const auto& all = s.threads > 1 ? of("threads_roof") : of("roof");
    result.roof_kernel = roof->name();
    result.roof_gflops = roof->operations() / median(of("roof"));
    result.roof_share = share(operations / roof->operations(), of("roof"), engine);
    result.threads_roof_gflops = roof->operations() / median(all);
    result.threads_roof_share = share(operations / roof->operations(), all, threads);
  }
  result.stages = stages_of(*frames[0], model);
  return result;
}

}  // namespace lightavseg::tool
