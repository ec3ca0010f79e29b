// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/mobilenet_v2.h"

#include <string>

#include "model/network/layers.h"
#include "model/network/mobilenet_v2_spec.h"
#include "model/network/norm_activation.h"

namespace lightavseg {
namespace {

torch::nn::Conv2d conv(int64_t in, int64_t out, int64_t kernel, int64_t groups = 1) {
  torch::nn::Conv2d c(
      torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2).groups(groups).bias(false));
  torch::nn::init::kaiming_normal_(c->weight, 0, torch::kFanOut, torch::kReLU);
  return c;
}

}  // namespace

PannsResidualImpl::PannsResidualImpl(int64_t in, int64_t out, int64_t stride, int64_t ratio)
    : stride(stride), skip(stride == 1 && in == out) {
  const int64_t hidden = in * ratio;
  auto children = container(*this, "conv");
  // Pools and activations hold nothing but keep their index in the published names.
  int i = 0;
  if (ratio != 1) {
    expand = children->register_module("0", conv(in, hidden, 1));
    expand_bn = children->register_module("1", torch::nn::BatchNorm2d(hidden));
    i = 3;
  }
  const auto name = [&i](int offset) { return std::to_string(i + offset); };
  depthwise = children->register_module(name(0), conv(hidden, hidden, 3, hidden));
  depthwise_bn = children->register_module(name(2), torch::nn::BatchNorm2d(hidden));
  project = children->register_module(name(4), conv(hidden, out, 1));
  project_bn = children->register_module(name(5), torch::nn::BatchNorm2d(out));
}

torch::Tensor PannsResidualImpl::forward(const torch::Tensor& x) {
  auto y = expand.is_empty() ? x : norm_activation(expand_bn, expand(x), Activation::kRelu6);
  y = depthwise(y);
  if (stride > 1) y = torch::avg_pool2d(y, stride);
  y = norm_activation(depthwise_bn, y, Activation::kRelu6);
  y = norm_activation(project_bn, project(y), Activation::kNone);
  return skip ? x + y : y;
}

MobileNetV2Impl::MobileNetV2Impl(bool with_embedding) {
  bn0 = register_module("bn0", torch::nn::BatchNorm2d(64));
  auto features = container(*this, "features");
  auto stem = container(*features, "0");
  first = stem->register_module("0", conv(1, kPannsStem, 3));
  first_bn = stem->register_module("2", torch::nn::BatchNorm2d(kPannsStem));
  int64_t in = kPannsStem;
  int index = 1;
  for (const auto& g : kPannsGroups) {
    for (int64_t n = 0; n < g.count; ++n) {
      rows.push_back(features->register_module(
          std::to_string(index++), PannsResidual(in, g.channels, n == 0 ? g.stride : 1, g.expand)));
      in = g.channels;
    }
  }
  auto tail = container(*features, std::to_string(index));
  last = tail->register_module("0", conv(in, kPannsTrunk, 1));
  last_bn = tail->register_module("1", torch::nn::BatchNorm2d(kPannsTrunk));
  if (with_embedding) fc1 = register_module("fc1", torch::nn::Linear(kPannsTrunk, kPannsEmbedding));
  set_trainable(false);
}

torch::Tensor MobileNetV2Impl::forward(const torch::Tensor& log_mel) {
  TORCH_CHECK(log_mel.dim() == 4 && log_mel.size(1) == 1 && log_mel.size(3) == 64,
              "log-mel must be [N, 1, T, 64], found ", log_mel.sizes());
  TORCH_CHECK(log_mel.size(2) >= 32, "log-mel needs at least 32 frames, found ", log_mel.size(2));
  // bn0 normalises mel bins, so they become its channels for a moment.
  auto x = bn0(log_mel.transpose(1, 3)).transpose(1, 3);
  x = norm_activation(first_bn, torch::avg_pool2d(first(x), 2), Activation::kRelu6);
  for (auto& row : rows) x = row(x);
  x = norm_activation(last_bn, last(x), Activation::kRelu6);
  x = x.mean(3);
  x = x.amax(2) + x.mean(2);
  return fc1.is_empty() ? x : torch::relu(fc1(x));
}

}  // namespace lightavseg
