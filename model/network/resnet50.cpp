// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/resnet50.h"

#include <string>

#include "model/network/layers.h"
#include "model/network/resnet50_spec.h"

namespace lightavseg {
namespace {

torch::nn::Conv2d conv(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1) {
  torch::nn::Conv2d c(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).bias(false));
  torch::nn::init::kaiming_normal_(c->weight, 0, torch::kFanOut, torch::kReLU);
  return c;
}

}  // namespace

BottleneckImpl::BottleneckImpl(int64_t in, int64_t width, int64_t stride) {
  const int64_t out = kResNetExpansion * width;
  conv1 = register_module("conv1", conv(in, width, 1));
  bn1 = register_module("bn1", torch::nn::BatchNorm2d(width));
  conv2 = register_module("conv2", conv(width, width, 3, stride));
  bn2 = register_module("bn2", torch::nn::BatchNorm2d(width));
  conv3 = register_module("conv3", conv(width, out, 1));
  bn3 = register_module("bn3", torch::nn::BatchNorm2d(out));
  if (stride == 1 && in == out) return;
  auto downsample = container(*this, "downsample");
  project = downsample->register_module("0", conv(in, out, 1, stride));
  project_bn = downsample->register_module("1", torch::nn::BatchNorm2d(out));
}

torch::Tensor BottleneckImpl::forward(const torch::Tensor& x) {
  auto y = torch::relu(bn1(conv1(x)));
  y = torch::relu(bn2(conv2(y)));
  y = bn3(conv3(y));
  return torch::relu(y + (project.is_empty() ? x : project_bn(project(x))));
}

ResNet50Impl::ResNet50Impl() {
  conv1 = register_module("conv1", conv(3, kResNetStem, 7, 2));
  bn1 = register_module("bn1", torch::nn::BatchNorm2d(kResNetStem));
  int64_t in = kResNetStem;
  for (size_t s = 0; s < layers.size(); ++s) {
    auto layer = container(*this, "layer" + std::to_string(s + 1));
    for (int b = 0; b < kResNet50Layers[s].blocks; ++b) {
      const int64_t stride = b == 0 ? kResNet50Layers[s].stride : 1;
      layers[s].push_back(layer->register_module(std::to_string(b),
                                                 Bottleneck(in, kResNet50Layers[s].width, stride)));
      in = kResNetExpansion * kResNet50Layers[s].width;
    }
  }
}

torch::Tensor ResNet50Impl::stage(int index, torch::Tensor x) {
  TORCH_CHECK(index >= 0 && size_t(index) < layers.size(), "ResNet-50 has stages 0..3, not ",
              index);
  if (index == 0) x = torch::max_pool2d(torch::relu(bn1(conv1(x))), 3, 2, 1);
  for (auto& block : layers[size_t(index)]) x = block(x);
  return x;
}

}  // namespace lightavseg
