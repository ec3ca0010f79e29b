// SPDX-License-Identifier: LGPL-2.1-or-later
// The LightAVSeg network (arXiv 2605.08805): a visual and an audio backbone (by default SeaFormer
// and MobileNetV2), the Reciprocal Audio-Visual Encoder, the Cross-Modal Fusion Decoder and the
// segmentation head.
//
// Frames are independent of each other: the network has no temporal operator, so clips of T frames
// are folded into the batch. Not thread-safe while training; in eval mode forward may run from
// several threads at once.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <utility>
#include <vector>

#include "model/network/backbone.h"
#include "model/network/config.h"
#include "model/network/fusion_decoder.h"
#include "model/network/image_values.h"
#include "model/network/layers.h"
#include "model/network/reciprocal_encoder.h"

namespace lightavseg {

struct RivalInteraction;

// Feature maps on the way, filled on request. Index k counts the configured stages, finest first.
struct FeatureMaps {
  std::vector<torch::Tensor> visual;         // V_i [B, C_i, h, w] before the audio state is added
  std::vector<torch::Tensor> audio;          // A_i [B, C_i, 1, 1]
  std::vector<torch::Tensor> encoded;        // enhanced V_i [B, C_i, h, w]
  std::vector<torch::Tensor> decoded;        // V_dec [B, C_i, h, w]
  std::vector<torch::Tensor> decoder_audio;  // A^_i [B, C_i, 1, 1]; empty without CMFD
  // Of the other interactions: audio stays empty, encoded is visual, decoded holds one map, the
  // finest before the head.
};

// What the alignment loss compares at one scale (equation 7).
struct AlignedPair {
  torch::Tensor visual;  // V_dec [B, C, h, w]
  torch::Tensor audio;   // A^ [B, C, 1, 1]
};

// Size of the logits: that of the frames, or that of the finest stage, before the bilinear resize.
enum class LogitSize { kFrame, kFinestStage };

struct NetworkOutput {
  torch::Tensor logits;  // [B, logit_channels, H, W] or [B, logit_channels, h, w]
  // The three finest levels, coarsest first; empty in a model without any audio states.
  std::vector<AlignedPair> pairs;
  // [B or 1, K]: log-odds that each class sounds; undefined without class gate.
  torch::Tensor sounds;
};

struct LightAVSegImpl : torch::nn::Module {
  // Throws ConfigError. Weights are random until loaded.
  explicit LightAVSegImpl(const ModelConfig& config);

  // frames [B, 3, H, W], normalised RGB, H and W >= 32; log_mel [B, 1, T, 64] of the configured
  // front end. Throws c10::Error when shapes do not fit. maps: filled if not null.
  NetworkOutput forward(const torch::Tensor& frames, const torch::Tensor& log_mel,
                        FeatureMaps* maps = nullptr, LogitSize size = LogitSize::kFrame);

  // A_0: log_mel [B, 1, T, 64] -> [B, C_a, 1, 1], without gradient unless the audio network was
  // made trainable. Worth keeping while the window does not move.
  torch::Tensor audio_state(const torch::Tensor& log_mel);
  // The rest of forward; a batch of one audio state serves any number of frames.
  NetworkOutput forward_with_audio(const torch::Tensor& frames, const torch::Tensor& audio,
                                   FeatureMaps* maps = nullptr, LogitSize size = LogitSize::kFrame);

  // Where dropout and drop-path of training take their random numbers from.
  void set_generator(const at::Generator& generator);

  const ModelConfig& config() const { return config_; }

  std::shared_ptr<VisualBackbone> visual;
  std::shared_ptr<AudioBackbone> audio;
  std::shared_ptr<RivalInteraction> rival;  // null where the interaction is LightAVSeg's
  std::vector<AudioRefinement> har;
  std::vector<FusionLevel> cmfd;
  std::vector<ConvBn> up;
  std::vector<Refine> refine;         // one per level, empty holders where there is none
  torch::nn::Conv2d concat{nullptr};  // only without HAR, AGVE and CMFD
  ConvBn head_conv{nullptr};
  torch::nn::Conv2d head_logits{nullptr};
  std::vector<torch::nn::Conv2d> class_levels;  // class pyramid: classifiers, finest map first
  torch::nn::Linear sounds{nullptr};  // class gate: A_0 -> how much each class is heard [K]
  torch::Tensor gate;                 // class gate: factor and offset

 private:
  struct Encoded;
  torch::Tensor add_class_levels(const torch::Tensor& logits,
                                 const std::vector<torch::Tensor>& visual) const;
  torch::Tensor gate_mask(const torch::Tensor& logits, const torch::Tensor& heard) const;
  Encoded encode(const torch::Tensor& frames, const torch::Tensor& audio, FeatureMaps* maps);

  ModelConfig config_;
  std::shared_ptr<DropSource> random_;
};
TORCH_MODULE(LightAVSeg);

}  // namespace lightavseg
