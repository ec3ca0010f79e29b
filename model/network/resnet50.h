// SPDX-License-Identifier: LGPL-2.1-or-later
// ResNet-50, a visual backbone (He et al., CVPR 2016), with the stride in the 3x3 convolution of a
// block as pytorch/vision has it (torchvision/models/resnet.py), whose parameter names it keeps.
#pragma once

#include <torch/torch.h>

#include <array>
#include <vector>

#include "model/network/backbone.h"

namespace lightavseg {

// 1x1 to `width`, 3x3, 1x1 to 4 `width`, each with batch norm, around a skip that is projected
// where shapes differ.
struct BottleneckImpl : torch::nn::Module {
  BottleneckImpl(int64_t in, int64_t width, int64_t stride);
  // [B, in, H, W] -> [B, 4 width, ceil(H / stride), ceil(W / stride)]
  torch::Tensor forward(const torch::Tensor& x);

  torch::nn::Conv2d conv1{nullptr}, conv2{nullptr}, conv3{nullptr}, project{nullptr};
  torch::nn::BatchNorm2d bn1{nullptr}, bn2{nullptr}, bn3{nullptr}, project_bn{nullptr};
};
TORCH_MODULE(Bottleneck);

struct ResNet50Impl : VisualBackbone {
  ResNet50Impl();

  // index 0..3, strides 4 to 32, 256, 512, 1024 and 2048 channels. Throws c10::Error for another.
  torch::Tensor stage(int index, torch::Tensor x) override;

  torch::nn::Conv2d conv1{nullptr};
  torch::nn::BatchNorm2d bn1{nullptr};
  std::array<std::vector<Bottleneck>, 4> layers;
};
TORCH_MODULE(ResNet50);

}  // namespace lightavseg
