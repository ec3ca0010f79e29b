// SPDX-License-Identifier: LGPL-2.1-or-later
// The interaction of AVSBench (Zhou et al., arXiv 2207.05042; OpenNLPLab/AVSBench,
// avs_scripts/*/model/{TPAVI,ResNet_AVSModel}.py): temporal pixel-wise audio-visual interaction.
//
// Differences to that code: each frame is a clip of its own (there five frames attend to each
// other, which multiplies the affinity by five), the audio state is brought to 128 channels where
// it has others, and maps are resized to the next finer map's size instead of by two, so that any
// frame size works.
#pragma once

#include "model/network/rival_interaction.h"

namespace lightavseg {

// A non-local block between the pixels of a map and the sound, spread over them: an affinity of
// pixels x pixels, divided by their number, without softmax.
struct TpaviImpl : torch::nn::Module {
  TpaviImpl();
  // map [B, 256, h, w], sound [B, 128] -> {[B, 256, h, w], the sound as [B, 256, 1, 1]}
  std::pair<torch::Tensor, torch::Tensor> forward(const torch::Tensor& map,
                                                  const torch::Tensor& sound);

  torch::nn::Linear align{nullptr};
  torch::nn::Conv2d g{nullptr}, theta{nullptr}, phi{nullptr}, out{nullptr};
  torch::nn::BatchNorm2d out_norm{nullptr};
  torch::nn::LayerNorm norm{nullptr};
};
TORCH_MODULE(Tpavi);

// x + conv(ReLU(conv(ReLU(x)))).
struct ResidualUnitImpl : torch::nn::Module {
  ResidualUnitImpl();
  torch::Tensor forward(const torch::Tensor& x);

  torch::nn::Conv2d first{nullptr}, second{nullptr};
};
TORCH_MODULE(ResidualUnit);

struct TpaviDecoderImpl : RivalInteraction {
  explicit TpaviDecoderImpl(const ModelConfig& config);
  RivalOutput forward(const std::vector<torch::Tensor>& maps, const torch::Tensor& audio,
                      int64_t height, int64_t width) override;

  torch::nn::Linear audio_proj{nullptr};  // null where the audio state has 128 channels
  // Per scale, finest first.
  std::vector<std::vector<torch::nn::Conv2d>> dilated;  // 3x3 of rates 3, 6, 12, 18, summed
  std::vector<Tpavi> tpavi;
  std::vector<ResidualUnit> lateral, merged;
  RivalHead head{nullptr};
};

}  // namespace lightavseg
