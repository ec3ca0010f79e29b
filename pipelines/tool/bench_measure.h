// SPDX-License-Identifier: LGPL-2.1-or-later
// The measurement behind `lightavseg bench`. Includes no LibTorch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipelines/tool/bench_model.h"

namespace lightavseg::tool {

struct BenchSettings {
  std::string engine = "planned";  // or "reference"
  std::string precision = "fp32";  // as in SegmenterOptions
  int threads = 1;                 // that work on different frames
  int audio_frames = 101;
  int rounds = 15;
  double seconds = 0.2;   // of one work in one round
  bool reference = true;  // also measure LibTorch
  bool roof = true;       // also measure what the machine multiplies at best
};

struct BenchStage {
  std::string name;  // pre, audio, visual, reciprocal_encoder, fusion_decoder, top_down, head, post
  double ms = 0;     // of one frame; a mean, and only comparable within one list
  std::int64_t macs = 0;
};

// A value of 0 was not measured. Times are medians of rounds in which everything took its turn.
struct BenchResult {
  std::string variant;
  int height = 0, width = 0;
  BenchSettings settings;
  std::int64_t macs = 0;         // of a frame with its sound
  double load_ms = 0;            // once: open the model, until the first mask can be asked for
  double engine_ms = 0;          // a frame with its sound, bytes to mask, on one thread
  double same_sound_ms = 0;      // a frame whose window of sound did not move
  double log_mel_ms = 0;         // features of one second of sound, computed anew
  double frames_per_second = 0;  // `threads` frames at a time on as many threads, with their sound
  double reference_load_ms = 0;
  double reference_ms = 0;
  double speedup_vs_reference = 0;  // median of the rounds' ratios
  double roof_gflops = 0;           // one thread
  std::string roof_kernel;
  double roof_share = 0;           // 2 macs / engine_ms / roof, median of the rounds'
  double threads_roof_gflops = 0;  // all threads together
  double threads_roof_share = 0;   // 2 macs x frames_per_second / that
  std::vector<BenchStage> stages, reference_stages;
};

// Throws what opening and running the model throws.
BenchResult measure(const BenchModel& model, const BenchSettings& settings);

}  // namespace lightavseg::tool
