// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/int8_calibration.h"

#include <algorithm>

#include "model/evaluation/scene_tensors.h"

namespace lightavseg {

std::map<std::string, float> measure_int8_ranges(const std::shared_ptr<const Engine>& engine,
                                                 const EvaluationScenes& scenes, int clips) {
  const dsp::LogMel front_end(engine->config().front_end);
  dsp::LogMel::Workspace workspace(front_end);
  std::map<std::string, double> sums;
  int count = 0;
  for (const auto kind :
       {EvaluationKind::kSingle, EvaluationKind::kMulti, EvaluationKind::kOffscreen})
    for (int i = 0; i < clips; ++i, ++count) {
      const auto scene = scenes.scene(kind, i);
      const auto log_mel = log_mel_tensor(front_end, scene.audio, workspace);
      const auto pixels = normalised_frame(scene.image).permute({1, 2, 0}).contiguous();
      EngineState state(engine);
      state.hear(log_mel.data_ptr<float>(), int(log_mel.size(1)));
      std::copy_n(pixels.data_ptr<float>(), pixels.numel(), state.frame());
      state.watch_ranges();
      state.see();
      for (const auto& [step, range] : state.ranges()) sums[step] += range;
    }
  std::map<std::string, float> means;
  for (const auto& [step, sum] : sums) means[step] = float(sum / count);
  return means;
}

}  // namespace lightavseg
