// SPDX-License-Identifier: LGPL-2.1-or-later
// The network of model/network planned for one size and run without LibTorch.
//
// An Engine is what does not change: a list of steps, their packed weights, the layout of the
// memory they work in. An EngineState is that memory. Several states share one engine, so n frames
// run on n threads with one set of weights:
//
//   const auto engine = Engine::open("lightavseg.safetensors");
//   EngineState state(engine);                      // one per thread
//   state.hear(log_mel, 101);                       // when the window of sound moved
//   std::copy_n(pixels, 3 * 224 * 224, state.frame());
//   state.see();
//   use(state.logits());
//
// One frame has one thread, the one that calls; so the same input gives the same bits however many
// states run. Maps are float, channels-last, of one frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/engine/step_time.h"
#include "model/files/safetensors.h"
#include "model/network/config.h"

namespace lightavseg {

// A model or machine that this engine does not run, though LibTorch may. Says which and why.
class UnsupportedModel : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What maps and the weights of their convolutions are made of. The audio state and whatever else
// few values stand for are floats in any case.
enum class Arithmetic {
  kFloat32,
  kBFloat16,
  // Bytes between the convolutions of the visual backbone, which need the ranges of their values
  // (int8_ranges.h); the rest is bfloat16 where the processor has that, else floats.
  kInt8,
};

// "fp32", "bf16", "int8".
const char* to_string(Arithmetic arithmetic);

struct EngineOptions {
  // Pixels of the frames, both at least 32; 0: what the model was trained at.
  int height = 0;
  int width = 0;
  Arithmetic arithmetic = Arithmetic::kFloat32;
};

// Whether this processor has instructions for it: AVX512_BF16, AVX512_VNNI. Floats run everywhere.
bool is_supported(Arithmetic arithmetic);

// Immutable once made, hence safe from any thread.
class Engine {
 public:
  // Reads, checks, folds and packs the weights and plans the steps for that size.
  // Throws FileError naming the field or tensor that is missing, unknown, of the wrong shape or
  // type or not finite, or the range that int8 lacks; UnsupportedModel, also for an arithmetic that
  // is_supported() denies; and std::runtime_error naming an option out of range.
  static std::shared_ptr<const Engine> open(const std::filesystem::path& path,
                                            const EngineOptions& options = {});
  // The same for an open file, which is not needed afterwards.
  static std::shared_ptr<const Engine> open(const SafetensorsFile& file,
                                            const EngineOptions& options = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const ModelConfig& config() const;
  const EngineOptions& options() const;  // with the size filled in
  int height() const { return options().height; }
  int width() const { return options().width; }
  // The grid of the logits, that of the finest stage.
  int logit_height() const;
  int logit_width() const;
  // Bytes of all packed weights, shared by the states, and of the memory of one state.
  std::size_t weight_bytes() const;
  std::size_t state_bytes() const;

 private:
  friend class EngineState;
  struct Parts;
  explicit Engine(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

// One call at a time, from any thread. States of one engine may run at the same time.
class EngineState {
 public:
  explicit EngineState(std::shared_ptr<const Engine> engine);
  ~EngineState();
  EngineState(const EngineState&) = delete;
  EngineState& operator=(const EngineState&) = delete;

  const Engine& engine() const { return *engine_; }

  // Runs the audio network on log_mel [frames, 64] of the model's front end and keeps all that
  // depends on the sound alone. The first call and one with another number of frames plan and
  // allocate. Throws std::runtime_error when there are fewer than 32 frames; there is no audio
  // state then.
  void hear(const float* log_mel, int frames);
  // Puts an audio state A_0 of config().audio_channels() values in the place of hear().
  void set_audio_state(const float* state);
  // A_0, config().audio_channels() values; only after one of the two.
  const float* audio_state() const;
  bool has_heard() const { return has_heard_; }

  // Where the next frame goes, normalised RGB [height, width, 3]. see() may overwrite it.
  float* frame();
  // Runs all but the audio network. Throws std::logic_error before there is an audio state.
  void see();
  // [logit_height, logit_width, logit_stride] of which the first config().logit_channels() of each
  // cell count; the logits of LogitSize::kFinestStage. Valid until frame() is written or see()
  // runs.
  const float* logits() const;
  int logit_stride() const;

  // Notes, from now on, how large the values get that each convolution of the frame reads; and what
  // was noted, by step, since. For an engine of floats.
  void watch_ranges();
  const std::map<std::string, float>& ranges() const;

  // Measures each step from now on (or no longer). Costs two clock readings a step.
  void measure(bool on);
  // What was measured since measure(true), in the order of execution, audio first.
  std::vector<StepTime> step_times() const;

 private:
  struct Parts;
  std::shared_ptr<const Engine> engine_;
  std::unique_ptr<Parts> parts_;
  bool has_heard_ = false;
};

}  // namespace lightavseg
