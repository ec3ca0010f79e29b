// SPDX-License-Identifier: LGPL-2.1-or-later
// What a network says of one picture and one window of sound.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <opencv2/core.hpp>
#include <vector>

#include "dsp/log_mel.h"
#include "model/engine/engine.h"
#include "model/network/lightavseg.h"

namespace lightavseg {

struct Prediction {
  // [H, W] float: how probable it is that the pixel sounds (1 - background in a semantic model).
  torch::Tensor probability;
  // [H, W] bool: marked as sounding: probability above one half; in a semantic model, any class
  // above background.
  torch::Tensor mask;
  // [H, W] int64: the class that sounds, numbered as in the model's class_names, 0 where nothing
  // does. Undefined in a model without classes.
  torch::Tensor sounding_class;
  // Only in a model with mask and classes, else undefined:
  // [H, W] bool: any object at all, sounding or not.
  torch::Tensor vision;
  // [H, W] int64: the most probable class of the pixel, sounding or not, 0 is background.
  torch::Tensor seen_class;
};

// A network in eval mode, float32, on the CPU, without gradients; or the planned engine. Members
// may be called from several threads at once.
class ScenePredictor {
 public:
  // Puts the network into eval mode. It must outlive this object. Whoever takes a predictor takes a
  // network.
  ScenePredictor(LightAVSeg& network);
  // Pictures must have the size that the engine was opened for.
  explicit ScenePredictor(std::shared_ptr<const Engine> engine);

  // The audio state of one window, 16 kHz, full scale 1.
  torch::Tensor audio_state(const std::vector<float>& samples) const;

  // image: CV_8UC3, RGB. Throws std::runtime_error for a size that the engine was not opened for.
  Prediction predict(const cv::Mat& image, const torch::Tensor& audio) const;

  // Only of a model with mask and classes: [C + 1, H, W], how probable it is that the pixel shows
  // background, class 1, ... Otherwise as predict().
  torch::Tensor seen_classes(const cv::Mat& image, const torch::Tensor& audio) const;

  const ModelConfig& config() const;

 private:
  // [channels, H, W]
  torch::Tensor logits_of(const cv::Mat& image, const torch::Tensor& audio) const;

  LightAVSeg* network_ = nullptr;  // one of the two
  std::shared_ptr<const Engine> engine_;
  dsp::LogMel log_mel_;
};

}  // namespace lightavseg
