// SPDX-License-Identifier: LGPL-2.1-or-later
// YAMNet, an audio backbone: MobileNetV1 trained on AudioSet (tensorflow/models,
// research/audioset/yamnet), without its classifier.
//
// Parameter names equal those of its PyTorch port (w-hc/torch_audioset,
// torch_audioset/yamnet/model.py). Frozen; see model/network/backbone.h.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/network/backbone.h"

namespace lightavseg {

// 3x3 or 1x1 convolution (child "conv"), batch norm (child "bn"), ReLU. Padded as TensorFlow's SAME
// does: where one row or column is left over, it goes to the end.
struct YamnetConvImpl : torch::nn::Module {
  YamnetConvImpl(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t groups);
  // [N, in, T, F] -> [N, out, ceil(T / stride), ceil(F / stride)]
  torch::Tensor forward(const torch::Tensor& x);

  torch::nn::Conv2d conv{nullptr};
  torch::nn::BatchNorm2d bn{nullptr};
  int64_t kernel, stride;
};
TORCH_MODULE(YamnetConv);

struct YamnetImpl : AudioBackbone {
  YamnetImpl();

  // [N, 1, T, 64] of the front end "yamnet", of which the first 96 frames count (T >= 96)
  // -> [N, 1024], values >= 0.
  torch::Tensor forward(const torch::Tensor& log_mel) override;

  std::vector<YamnetConv> convolutions;
};
TORCH_MODULE(Yamnet);

}  // namespace lightavseg
