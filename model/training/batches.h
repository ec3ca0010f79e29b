// SPDX-License-Identifier: LGPL-2.1-or-later
// Scenes as tensors.
#pragma once

#include <torch/torch.h>

#include <opencv2/core.hpp>
#include <vector>

#include "dsp/log_mel.h"
#include "model/data/scene_composer.h"
#include "model/evaluation/scene_tensors.h"

namespace lightavseg {

// B scenes; tensors that a stage does not need are undefined.
struct Batch {
  torch::Tensor frames;                // [B, 3, S, S] normalised
  torch::Tensor waveform;              // [B, samples]
  torch::Tensor log_mel;               // [B, 1, T, 64]
  torch::Tensor mask;                  // [B, 1, S, S] 0 or 1
  torch::Tensor valid;                 // [B, 1, S, S] bool: the mask is known there
  torch::Tensor labels;                // [B, S, S] int64: class, 255 unknown
  torch::Tensor visible;               // [B, K] 0 or 1: class is in the picture
  torch::Tensor sounding;              // [B, K'] 0 or 1: class sounds
  std::vector<std::string> photo_ids;  // empty strings where a scene is no single photograph
  std::vector<cv::Matx23d> scene_to_photo;
};

class BatchMaker {
 public:
  // visible, audible: numbers of classes, background included. The composer must outlive this.
  BatchMaker(const SceneComposer& composer, dsp::FrontEnd front_end, int visible, int audible);

  // Scenes first .. first + count - 1 of a seed. Const, from several threads at once.
  Batch joint(std::uint64_t seed, std::uint64_t first, int count) const;
  Batch visual(std::uint64_t seed, std::uint64_t first, int count) const;
  Batch audio(std::uint64_t seed, std::uint64_t first, int count) const;

 private:
  const SceneComposer& composer_;
  dsp::LogMel log_mel_;
  int visible_, audible_;
};

}  // namespace lightavseg
