// SPDX-License-Identifier: LGPL-2.1-or-later
// What an interaction of another paper does: everything between the maps of the visual network and
// the logits. Each lives in a file of its own.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <vector>

#include "model/network/config.h"
#include "model/network/lightavseg.h"

namespace lightavseg {

// What is compared and returned is told in NetworkOutput.
struct RivalOutput {
  torch::Tensor logits;            // [B, logit_channels, H, W], of the frame's size
  torch::Tensor decoded;           // [B, 256, h, w], the finest map before the head
  std::vector<AlignedPair> pairs;  // coarsest first
};

// Not thread-safe while training; in eval mode forward may run from several threads at once.
struct RivalInteraction : torch::nn::Module {
  // maps: of stages 1..4, finest first, [B, C_i, h_i, w_i]; audio [B or 1, C_a, 1, 1]; height,
  // width: of the frames.
  virtual RivalOutput forward(const std::vector<torch::Tensor>& maps, const torch::Tensor& audio,
                              int64_t height, int64_t width) = 0;
};

// The one of the configuration, null for LightAVSeg's own.
std::shared_ptr<RivalInteraction> make_rival(const ModelConfig& config);

// A convolution with bias whose size stays ("same" padding); kernel 1 or 3.
torch::nn::Conv2d plain_conv(int64_t in, int64_t out, int kernel, int dilation = 1);

// Bilinear; corners: align_corners.
torch::Tensor resize_to(const torch::Tensor& x, int64_t height, int64_t width, bool corners);

// The end of both: 3x3 to 128 channels, up to the frame, 3x3 to 32, ReLU, 1x1 to the logits.
struct RivalHeadImpl : torch::nn::Module {
  // bias: of the last convolution.
  RivalHeadImpl(int64_t logit_channels, bool bias);
  torch::Tensor forward(const torch::Tensor& x, int64_t height, int64_t width);

  torch::nn::Conv2d narrow{nullptr}, refine{nullptr}, logits{nullptr};
};
TORCH_MODULE(RivalHead);

}  // namespace lightavseg
