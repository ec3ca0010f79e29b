// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/yamnet.h"

#include <algorithm>
#include <string>

#include "dsp/front_end.h"
#include "model/network/layers.h"
#include "model/network/yamnet_spec.h"

namespace lightavseg {
namespace {

// Zeros that an axis of this length needs in all.
int64_t zeros(int64_t length, int64_t kernel, int64_t stride) {
  const int64_t results = (length + stride - 1) / stride;
  return std::max<int64_t>((results - 1) * stride + kernel - length, 0);
}

}  // namespace

YamnetConvImpl::YamnetConvImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride,
                               int64_t groups)
    : kernel(kernel), stride(stride) {
  conv = register_module(
      "conv",
      torch::nn::Conv2d(
          torch::nn::Conv2dOptions(in, out, kernel).stride(stride).groups(groups).bias(false)));
  torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut, torch::kReLU);
  bn = register_module(
      "bn", torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(out).eps(kYamnetNormFloor)));
}

torch::Tensor YamnetConvImpl::forward(const torch::Tensor& x) {
  const int64_t rows = zeros(x.size(2), kernel, stride), columns = zeros(x.size(3), kernel, stride);
  const auto padded =
      torch::constant_pad_nd(x, {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2}, 0);
  return torch::relu(bn(conv(padded)));
}

YamnetImpl::YamnetImpl() {
  convolutions.push_back(
      container(*this, "layer1")->register_module("fused", YamnetConv(1, kYamnetStem, 3, 2, 1)));
  int64_t in = kYamnetStem;
  int number = 2;
  for (const auto& row : kYamnetRows) {
    auto layer = container(*this, "layer" + std::to_string(number++));
    convolutions.push_back(
        layer->register_module("depthwise_conv", YamnetConv(in, in, 3, row.stride, in)));
    convolutions.push_back(
        layer->register_module("pointwise_conv", YamnetConv(in, row.channels, 1, 1, 1)));
    in = row.channels;
  }
  set_trainable(false);
}

torch::Tensor YamnetImpl::forward(const torch::Tensor& log_mel) {
  auto x = first_patch(log_mel, dsp::spec(dsp::FrontEnd::kYamnet).patch_frames);
  for (auto& convolution : convolutions) x = convolution(x);
  return x.mean({2, 3}, /*keepdim=*/false);
}

}  // namespace lightavseg
