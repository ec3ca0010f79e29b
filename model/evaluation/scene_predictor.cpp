// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/scene_predictor.h"

#include "model/evaluation/scene_tensors.h"

namespace lightavseg {

ScenePredictor::ScenePredictor(LightAVSeg& network)
    : network_(network), log_mel_(network->config().front_end) {
  network->eval();
}

torch::Tensor ScenePredictor::audio_state(const std::vector<float>& samples) const {
  torch::NoGradGuard no_grad;
  dsp::LogMel::Workspace workspace(log_mel_);
  return network_->audio_state(log_mel_tensor(log_mel_, samples, workspace).unsqueeze(0));
}

Prediction ScenePredictor::predict(const cv::Mat& image, const torch::Tensor& audio) const {
  torch::NoGradGuard no_grad;
  const auto logits =
      network_->forward_with_audio(normalised_frame(image).unsqueeze(0), audio).logits[0];
  Prediction p;
  switch (config().head) {
    case Head::kMask:
      p.probability = logits[0].sigmoid();
      p.mask = logits[0].gt(0);
      break;
    case Head::kMaskAndClasses: {
      p.probability = logits[0].sigmoid();
      p.mask = logits[0].gt(0);
      const auto classes = logits.slice(0, 1);
      p.vision = classes.softmax(0)[0].lt(0.5);
      p.seen_class = classes.argmax(0);
      // Something sounds here, so it is not background.
      p.sounding_class = classes.slice(0, 1).argmax(0).add(1).mul(p.mask);
      break;
    }
    case Head::kSemantic:
      p.probability = logits.softmax(0)[0].neg().add(1);
      p.sounding_class = logits.argmax(0);
      p.mask = p.sounding_class.ne(0);
      break;
  }
  return p;
}

}  // namespace lightavseg
