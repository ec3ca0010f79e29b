// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/scene_predictor.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "model/evaluation/scene_tensors.h"
#include "model/network/layers.h"

namespace lightavseg {

ScenePredictor::ScenePredictor(LightAVSeg& network)
    : network_(&network), log_mel_(network->config().front_end) {
  network->eval();
}

ScenePredictor::ScenePredictor(std::shared_ptr<const Engine> engine)
    : engine_(std::move(engine)), log_mel_(engine_->config().front_end) {
}

const ModelConfig& ScenePredictor::config() const {
  return engine_ ? engine_->config() : (*network_)->config();
}

torch::Tensor ScenePredictor::audio_state(const std::vector<float>& samples) const {
  torch::NoGradGuard no_grad;
  dsp::LogMel::Workspace workspace(log_mel_);
  const auto log_mel = log_mel_tensor(log_mel_, samples, workspace);
  if (network_) return (*network_)->audio_state(log_mel.unsqueeze(0));
  EngineState state(engine_);
  state.hear(log_mel.data_ptr<float>(), int(log_mel.size(1)));
  const auto channels = config().audio_channels();
  return torch::tensor(torch::ArrayRef<float>(state.audio_state(), size_t(channels)))
      .view({1, channels, 1, 1});
}

torch::Tensor ScenePredictor::logits_of(const cv::Mat& image, const torch::Tensor& audio) const {
  const auto frame = normalised_frame(image);
  if (network_) return (*network_)->forward_with_audio(frame.unsqueeze(0), audio).logits[0];
  if (image.rows != engine_->height() || image.cols != engine_->width())
    throw std::runtime_error(fmt::format("a picture of {}x{} pixels for an engine of {}x{}",
                                         image.cols, image.rows, engine_->width(),
                                         engine_->height()));
  EngineState state(engine_);
  state.set_audio_state(audio.contiguous().data_ptr<float>());
  const auto pixels = frame.permute({1, 2, 0}).contiguous();
  std::copy_n(pixels.data_ptr<float>(), pixels.numel(), state.frame());
  state.see();
  // Only read, though a tensor is made of a pointer that may be written to.
  const auto cells =
      torch::from_blob(const_cast<float*>(state.logits()),
                       {engine_->logit_height(), engine_->logit_width(), state.logit_stride()});
  const auto logits = cells.slice(2, 0, config().logit_channels()).permute({2, 0, 1});
  return resize_bilinear(logits.unsqueeze(0).contiguous(), image.rows, image.cols)[0];
}

torch::Tensor ScenePredictor::seen_classes(const cv::Mat& image, const torch::Tensor& audio) const {
  torch::NoGradGuard no_grad;
  return logits_of(image, audio).slice(0, 1).softmax(0);
}

Prediction ScenePredictor::predict(const cv::Mat& image, const torch::Tensor& audio) const {
  torch::NoGradGuard no_grad;
  const auto logits = logits_of(image, audio);
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
