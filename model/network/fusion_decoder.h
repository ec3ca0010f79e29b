// SPDX-License-Identifier: LGPL-2.1-or-later
// Cross-Modal Fusion Decoder (CMFD, equations 4 to 6 of arXiv 2605.08805) and the top-down path
// around it.
#pragma once

#include <torch/torch.h>

#include <utility>

#include "model/network/config.h"
#include "model/network/layers.h"

namespace lightavseg {

// One decoder level: a recurrent audio state, gated by the encoder's features, added to the map.
struct FusionLevelImpl : torch::nn::Module {
  // previous: channels of the state of the level above; embed: width E of equation 4.
  FusionLevelImpl(int64_t previous, int64_t channels, int64_t embed, Pooling pooling);

  // above [B, previous, 1, 1]: state of the level above; audio [B, C, 1, 1]: A_i of the encoder;
  // encoded [B, C, H, W]: its enhanced features; map [B, C, H, W]: what comes down the decoder.
  // -> {A^_i [B, C, 1, 1], V_dec [B, C, H, W]}
  std::pair<torch::Tensor, torch::Tensor> forward(const torch::Tensor& above,
                                                  const torch::Tensor& audio,
                                                  const torch::Tensor& encoded,
                                                  const torch::Tensor& map);

  torch::nn::Conv2d proj_dec{nullptr}, proj_enc{nullptr}, fuse{nullptr}, gate{nullptr},
      inject{nullptr};
  Pooling pooling;
};
TORCH_MODULE(FusionLevel);

// x + BN(1x1(ReLU(BN(depthwise 3x3(x))))): spatial refinement after an up-sampling.
struct RefineImpl : torch::nn::Module {
  explicit RefineImpl(int64_t channels);
  torch::Tensor forward(const torch::Tensor& x);

  ConvBn dw{nullptr}, pw{nullptr};
};
TORCH_MODULE(Refine);

}  // namespace lightavseg
