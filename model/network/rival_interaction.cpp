// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/rival_interaction.h"

#include "model/network/avsegformer.h"
#include "model/network/tpavi.h"

namespace lightavseg {

namespace F = torch::nn::functional;

std::shared_ptr<RivalInteraction> make_rival(const ModelConfig& config) {
  switch (config.interaction) {
    case Interaction::kTpavi:
      return std::make_shared<TpaviDecoderImpl>(config);
    case Interaction::kAvSegFormer:
      return std::make_shared<AvSegFormerDecoderImpl>(config);
    case Interaction::kLightAvSeg:
      break;
  }
  return nullptr;
}

torch::nn::Conv2d plain_conv(int64_t in, int64_t out, int kernel, int dilation) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2 * dilation).dilation(dilation));
}

torch::Tensor resize_to(const torch::Tensor& x, int64_t height, int64_t width, bool corners) {
  return F::interpolate(x, F::InterpolateFuncOptions()
                               .size(std::vector<int64_t>{height, width})
                               .mode(torch::kBilinear)
                               .align_corners(corners));
}

RivalHeadImpl::RivalHeadImpl(int64_t logit_channels, bool bias) {
  narrow = register_module("narrow", plain_conv(256, 128, 3));
  refine = register_module("refine", plain_conv(128, 32, 3));
  logits = register_module(
      "logits", torch::nn::Conv2d(torch::nn::Conv2dOptions(32, logit_channels, 1).bias(bias)));
}

torch::Tensor RivalHeadImpl::forward(const torch::Tensor& x, int64_t height, int64_t width) {
  return logits(torch::relu(refine(resize_to(narrow(x), height, width, false))));
}

}  // namespace lightavseg
