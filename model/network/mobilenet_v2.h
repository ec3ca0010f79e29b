// SPDX-License-Identifier: LGPL-2.1-or-later
// PANNs MobileNetV2, the audio backbone (Kong et al., 2020; qiuqiangkong/audioset_tagging_cnn,
// pytorch/models.py, class MobileNetV2).
//
// Differs from torchvision's: every stride is a stride-1 convolution followed by average pooling
// and only then batch norm, and the strides of the 96- and 160-channel groups are swapped.
// Parameter names equal those of its checkpoints (bn0, features, fc1).
// Frozen; see model/network/backbone.h.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/network/backbone.h"

namespace lightavseg {

struct PannsResidualImpl : torch::nn::Module {
  PannsResidualImpl(int64_t in, int64_t out, int64_t stride, int64_t expand);
  // [N, in, T, F] -> [N, out, T / stride, F / stride], rounded down
  torch::Tensor forward(const torch::Tensor& x);

  torch::nn::Conv2d expand{nullptr}, depthwise{nullptr}, project{nullptr};
  torch::nn::BatchNorm2d expand_bn{nullptr}, depthwise_bn{nullptr}, project_bn{nullptr};
  int64_t stride;
  bool skip;
};
TORCH_MODULE(PannsResidual);

struct MobileNetV2Impl : AudioBackbone {
  // with_embedding: end in fc1 (1024 values), else in the pooled trunk (1280).
  explicit MobileNetV2Impl(bool with_embedding = true);

  // log-mel [N, 1, T, 64] in dB (T >= 32) -> [N, 1024] or [N, 1280], values >= 0 for the former.
  torch::Tensor forward(const torch::Tensor& log_mel) override;

  torch::nn::BatchNorm2d bn0{nullptr};
  torch::nn::Conv2d first{nullptr}, last{nullptr};
  torch::nn::BatchNorm2d first_bn{nullptr}, last_bn{nullptr};
  std::vector<PannsResidual> rows;
  torch::nn::Linear fc1{nullptr};
};
TORCH_MODULE(MobileNetV2);

}  // namespace lightavseg
