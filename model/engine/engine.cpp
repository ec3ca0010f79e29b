// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <new>

#include "dsp/front_end.h"
#include "model/engine/network_plan.h"
#include "model/engine/network_weights.h"
#include "model/engine/plan.h"
#include "model/files/file_error.h"
#include "model/network/config_file.h"
#include "model/network/mobilenet_v2_spec.h"

namespace lightavseg {
namespace {

constexpr int kSmallest = 32, kLargest = 8192;  // pixels of a side
constexpr int kMostSoundFrames = 1 << 16;

void check_side(const char* name, int size) {
  if (size < kSmallest || size > kLargest)
    throw std::runtime_error(
        fmt::format("{} {}: the network takes {} to {} pixels", name, size, kSmallest, kLargest));
}

// Weights that stay as they are; those of the convolutions are counted where they are packed.
std::size_t bytes_of(const Linear& layer) {
  return (layer.weight.size() + layer.bias.size()) * sizeof(float);
}

std::size_t bytes_of(const std::vector<Weights>& all) {
  std::size_t sum = 0;
  for (const auto& w : all)
    if (w) sum += w->bytes();
  return sum;
}

std::size_t bytes_of(const InvertedResidualWeights& w) {
  return bytes_of(std::vector<Weights>{w.expand, w.depthwise, w.project});
}

std::size_t bytes_of(const NetworkWeights& w) {
  std::size_t sum = bytes_of({w.visual.stem, w.audio.first, w.audio.last, w.concat_visual,
                              w.head_conv, w.head_logits}) +
                    bytes_of(w.up) + bytes_of(w.class_levels) + bytes_of(w.audio.embedding) +
                    bytes_of(w.concat_audio) + bytes_of(w.sounds);
  for (const auto& stage : w.visual.rows)
    for (const auto& row : stage) sum += bytes_of(row);
  for (const auto& row : w.audio.rows) sum += bytes_of(row);
  for (const auto& stage : w.visual.blocks)
    for (const auto& b : stage)
      sum += bytes_of({b.attention.query_key_value, b.attention.depthwise, b.attention.pointwise,
                       b.attention.proj, b.attention.proj_row, b.attention.proj_column, b.mlp.fc1,
                       b.mlp.depthwise, b.mlp.fc2});
  for (const auto& r : w.har) sum += bytes_of(r.audio) + bytes_of(r.gate);
  for (const auto& f : w.cmfd)
    sum += bytes_of(f.above) + bytes_of(f.own) + bytes_of(f.gate) + bytes_of(f.inject);
  for (const auto& r : w.refine) sum += bytes_of(std::vector<Weights>{r.depthwise, r.pointwise});
  return sum;
}

// Stages behind the last configured one are in the file, but do not run.
void drop_unused_stages(const ModelConfig& config, SeaFormerWeights& visual) {
  for (auto s = size_t(config.stages.back()); s < visual.rows.size(); ++s) {
    visual.rows[s].clear();
    visual.blocks[s].clear();
  }
}

void refuse_other_networks(const std::filesystem::path& path, const ModelConfig& config) {
  const auto refuse = [&](const char* field, const std::string& found, const char* known) {
    throw UnsupportedModel(
        fmt::format("{}: {}.{}: the planned engine has no {}, only {}; the reference engine does",
                    path.string(), kConfigKey, field, found, known));
  };
  if (config.visual_net != VisualNet::kSeaFormer)
    refuse("visual_net", to_string(config.visual_net), "seaformer");
  if (config.audio_net != AudioNet::kMobileNetV2)
    refuse("audio_net", to_string(config.audio_net), "mobilenetv2");
  if (config.interaction != Interaction::kLightAvSeg)
    refuse("interaction", to_string(config.interaction), "lightavseg");
}

// Runs the action with oneDNN bound to one thread and its errors as those of this project.
template <typename Action>
void with_onednn(Action action) {
  const onednn::OneThread one_thread;
  try {
    action();
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) throw std::bad_alloc();
    throw std::runtime_error(fmt::format("oneDNN failed: {}", error.message));
  }
}

}  // namespace

bool is_supported(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kBFloat16:
      return onednn::has_bfloat16();
    case Arithmetic::kInt8:
      return onednn::has_int8();
    case Arithmetic::kFloat32:
      break;
  }
  return true;
}

const char* to_string(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kBFloat16:
      return "bf16";
    case Arithmetic::kInt8:
      return "int8";
    case Arithmetic::kFloat32:
      break;
  }
  return "fp32";
}

struct Engine::Parts {
  ModelConfig config;
  EngineOptions options;
  std::shared_ptr<MemoryPool> pool = std::make_shared<MemoryPool>();
  NetworkWeights weights;
  Element element = Element::kFloat32;
  FramePlan frame;
  std::shared_ptr<const Plan> frame_steps;

  struct Sound {
    std::shared_ptr<const Plan> steps;
    Map features, state;
  };
  // The plan for that many frames of sound, made when it is first asked for.
  Sound sound(int frames) {
    constexpr std::size_t kMostKept = 8;
    const std::lock_guard<std::mutex> lock(mutex);
    if (sounds.size() >= kMostKept && !sounds.count(frames)) sounds.clear();
    auto& there = sounds[frames];
    if (!there.steps) {
      auto planned = plan_sound(weights.audio, frames, pool, element);
      there = {std::make_shared<const Plan>(std::move(planned.plan)), planned.features,
               planned.state};
    }
    return there;
  }
  std::mutex mutex;
  std::map<int, Sound> sounds;
};

Engine::Engine(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {
}

Engine::~Engine() = default;

std::shared_ptr<const Engine> Engine::open(const std::filesystem::path& path,
                                           const EngineOptions& options) {
  return open(SafetensorsFile::open(path), options);
}

std::shared_ptr<const Engine> Engine::open(const SafetensorsFile& file,
                                           const EngineOptions& options) {
  auto parts = std::make_unique<Parts>();
  parts->config = read_model_config(file);
  refuse_other_networks(file.path(), parts->config);
  parts->options = options;
  if (options.height == 0) parts->options.height = parts->config.train_height;
  if (options.width == 0) parts->options.width = parts->config.train_width;
  check_side("height", parts->options.height);
  check_side("width", parts->options.width);
  if (!is_supported(options.arithmetic))
    throw UnsupportedModel(
        fmt::format("precision '{}': this processor has no instructions for it; take fp32 or auto",
                    to_string(options.arithmetic)));
  const bool has_integers = options.arithmetic == Arithmetic::kInt8;
  const Int8Ranges ranges = has_integers ? Int8Ranges(file) : Int8Ranges();
  const bool is_short = options.arithmetic == Arithmetic::kBFloat16 ||
                        (has_integers && is_supported(Arithmetic::kBFloat16));
  if (is_short) parts->element = Element::kBFloat16;
  with_onednn([&] {
    parts->weights = read_network_weights(file, parts->config);
    drop_unused_stages(parts->config, parts->weights.visual);
    parts->frame =
        plan_frame(parts->weights, parts->config, parts->options.height, parts->options.width,
                   parts->pool, parts->element, has_integers ? &ranges : nullptr);
    parts->frame_steps = std::make_shared<const Plan>(std::move(parts->frame.plan));
    parts->sound(dsp::spec(parts->config.front_end).frames_per_second);
  });
  return std::shared_ptr<const Engine>(new Engine(std::move(parts)));
}

const ModelConfig& Engine::config() const {
  return parts_->config;
}

const EngineOptions& Engine::options() const {
  return parts_->options;
}

int Engine::logit_height() const {
  return parts_->frame.logits.height;
}

int Engine::logit_width() const {
  return parts_->frame.logits.width;
}

std::size_t Engine::weight_bytes() const {
  return bytes_of(parts_->weights);
}

std::size_t Engine::state_bytes() const {
  return parts_->frame_steps->bytes;
}

struct EngineState::Parts {
  explicit Parts(const Engine::Parts& engine) : frame(engine.frame_steps) {}

  PlanRunner frame;
  // Of the number of frames heard last.
  std::unique_ptr<PlanRunner> sound;
  int sound_frames = 0;
  Map sound_features, sound_state;
  bool is_nan = false;  // of the audio state: marks nothing, whatever the maximum makes of it
  bool measures = false;
};

EngineState::EngineState(std::shared_ptr<const Engine> engine)
    : engine_(std::move(engine)), parts_(std::make_unique<Parts>(*engine_->parts_)) {
}

EngineState::~EngineState() = default;

void EngineState::hear(const float* log_mel, int frames) {
  has_heard_ = false;
  if (frames < kPannsFewestFrames)
    throw std::runtime_error(
        fmt::format("log-mel needs at least {} frames, found {}", kPannsFewestFrames, frames));
  if (frames > kMostSoundFrames)
    throw std::runtime_error(
        fmt::format("log-mel has {} frames, at most {} fit", frames, kMostSoundFrames));
  auto& p = *parts_;
  const std::size_t count = std::size_t(frames) * dsp::kMelBands;
  with_onednn([&] {
    if (frames != p.sound_frames) {
      const auto planned = engine_->parts_->sound(frames);
      p.sound_frames = 0;  // until there is all of it
      p.sound = std::make_unique<PlanRunner>(planned.steps);
      p.sound->measure(p.measures);
      p.sound_features = planned.features;
      p.sound_state = planned.state;
      p.sound_frames = frames;
    }
    std::copy_n(log_mel, count, (*p.sound)[p.sound_features]);
    p.sound->run(0, p.sound->steps());
  });
  // oneDNN's maxima turn NaN into a number, which would make of broken features a sound.
  if (std::any_of(log_mel, log_mel + count, [](float v) { return std::isnan(v); }))
    std::fill_n((*p.sound)[p.sound_state], p.sound_state.size(),
                std::numeric_limits<float>::quiet_NaN());
  set_audio_state((*p.sound)[p.sound_state]);
}

void EngineState::set_audio_state(const float* state) {
  auto& p = *parts_;
  const auto& plan = engine_->parts_->frame;
  float* to = p.frame[plan.state];
  std::copy_n(state, plan.state.size(), to);
  p.is_nan = std::any_of(to, to + plan.state.size(), [](float v) { return std::isnan(v); });
  with_onednn([&] { p.frame.run(0, plan.sound_steps); });
  has_heard_ = true;
}

const float* EngineState::audio_state() const {
  return parts_->frame[engine_->parts_->frame.state];
}

float* EngineState::frame() {
  return parts_->frame[engine_->parts_->frame.frame];
}

void EngineState::see() {
  if (!has_heard_) throw std::logic_error("EngineState::see() before hear() or set_audio_state()");
  const auto& plan = engine_->parts_->frame;
  with_onednn([&] { parts_->frame.run(plan.sound_steps, parts_->frame.steps()); });
  if (parts_->is_nan)
    std::fill_n(parts_->frame[plan.logits], plan.logits.size(),
                std::numeric_limits<float>::quiet_NaN());
}

const float* EngineState::logits() const {
  return parts_->frame[engine_->parts_->frame.logits];
}

int EngineState::logit_stride() const {
  return engine_->parts_->frame.logits.channels;
}

void EngineState::watch_ranges() {
  parts_->frame.watch();
}

const std::map<std::string, float>& EngineState::ranges() const {
  return parts_->frame.ranges();
}

void EngineState::measure(bool on) {
  parts_->measures = on;
  parts_->frame.measure(on);
  if (parts_->sound) parts_->sound->measure(on);
}

std::vector<StepTime> EngineState::step_times() const {
  std::vector<StepTime> times;
  if (parts_->sound) parts_->sound->append_times(times);
  parts_->frame.append_times(times);
  return times;
}

}  // namespace lightavseg
