// SPDX-License-Identifier: LGPL-2.1-or-later
// Small layers shared by the backbones and the audio-visual modules.
//
// Names of parameters follow the published checkpoints, whose numbered children come from Python
// Sequentials: a container module with children "0", "2", ... stands in for those.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>

namespace lightavseg {

// ReLU6 written as a clamp: LibTorch 1.13 has no bfloat16 backward for relu6 on the CPU.
inline torch::Tensor clamp_relu6(const torch::Tensor& x) {
  return x.clamp(0, 6);
}

// min(max(x + 3, 0), 6) / 6, sigma_h of equations 2 and 5.
inline torch::Tensor h_sigmoid(const torch::Tensor& x) {
  return (x + 3).clamp(0, 6) * (1.0 / 6.0);
}

// Bilinear, align_corners = false, to an exact size: [B, C, h, w] -> [B, C, height, width].
torch::Tensor resize_bilinear(const torch::Tensor& x, int64_t height, int64_t width);

// 1x1 convolution with bias and without norm: on 1x1 maps batch norm would make a single live
// frame depend on its batch.
torch::nn::Conv2d pointwise(int64_t in, int64_t out);

// Random numbers for dropout. Without a generator LibTorch's global one is used, whose draws depend
// on what other threads do; a trainer with several threads gives each network its own.
struct DropSource {
  c10::optional<at::Generator> generator;

  // [B, C, 1, 1] of 0 or 1 / keep, each kept with probability keep; in the dtype of like.
  torch::Tensor mask(const torch::Tensor& like, int64_t channels, double keep) const;
};

// Convolution without bias (child "c", padding k/2) and batch norm (child "bn").
struct ConvBnImpl : torch::nn::Module {
  ConvBnImpl(int64_t in, int64_t out, int64_t kernel = 1, int64_t stride = 1, int64_t groups = 1,
             bool zero_gamma = false);
  // [B, in, H, W] -> [B, out, ceil(H / stride), ceil(W / stride)]
  torch::Tensor forward(const torch::Tensor& x);

  torch::nn::Conv2d c{nullptr};
  torch::nn::BatchNorm2d bn{nullptr};
};
TORCH_MODULE(ConvBn);

// An empty module whose children are registered under chosen names.
std::shared_ptr<torch::nn::Module> container(torch::nn::Module& parent, const std::string& name);

}  // namespace lightavseg
