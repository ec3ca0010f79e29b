// SPDX-License-Identifier: LGPL-2.1-or-later
// SeaFormer, the visual backbone (Wan et al., ICLR 2023; fudan-zvg/SeaFormer,
// seaformer-seg/mmseg/models/backbones/seaformer.py).
//
// Parameter names equal those of its segmentation checkpoints without the prefix "backbone.".
// Not thread-safe while training; forward in eval mode may run from several threads.
#pragma once

#include <torch/torch.h>

#include <array>
#include <string>
#include <vector>

#include "model/network/backbone.h"
#include "model/network/config.h"
#include "model/network/layers.h"
#include "model/network/seaformer_spec.h"

namespace lightavseg {

// Expand 1x1, depthwise k x k, project 1x1; ReLU after the first two; skip iff shapes agree.
struct MbConvImpl : torch::nn::Module {
  MbConvImpl(int64_t in, const MbRow& row);
  torch::Tensor forward(const torch::Tensor& x);

  ConvBn expand{nullptr}, depthwise{nullptr}, project{nullptr};
  bool skip;
};
TORCH_MODULE(MbConv);

// Position table of 16 entries, resized linearly to the length of the axis.
struct AxialPositionImpl : torch::nn::Module {
  explicit AxialPositionImpl(int64_t channels);
  // [B, C, N] -> [B, C, N]
  torch::Tensor forward(const torch::Tensor& x);

  torch::Tensor pos_embed;  // [1, C, 16]
};
TORCH_MODULE(AxialPosition);

// Squeeze-enhanced axial attention: rows and columns attend on their means, a depthwise branch
// keeps the detail.
struct SeaAttentionImpl : torch::nn::Module {
  SeaAttentionImpl(int64_t dim, int64_t key_dim, int64_t heads);
  // [B, dim, H, W] -> the same
  torch::Tensor forward(const torch::Tensor& x);

  int64_t key_dim, heads, value_width;
  ConvBn to_q{nullptr}, to_k{nullptr}, to_v{nullptr};
  ConvBn proj{nullptr}, proj_row{nullptr}, proj_column{nullptr};
  ConvBn dwconv{nullptr}, pwconv{nullptr};
  AxialPosition pos_rowq{nullptr}, pos_rowk{nullptr}, pos_columnq{nullptr}, pos_columnk{nullptr};

 private:
  // Attention along the axis that is left when `squeezed` (2 or 3) is averaged away:
  // -> [B, value_width, N]
  torch::Tensor attend(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                       AxialPosition& position_q, AxialPosition& position_k, int64_t squeezed);
};
TORCH_MODULE(SeaAttention);

struct SeaMlpImpl : torch::nn::Module {
  SeaMlpImpl(int64_t dim, int64_t hidden);
  torch::Tensor forward(const torch::Tensor& x);

  ConvBn fc1{nullptr}, fc2{nullptr};
  torch::nn::Conv2d dwconv{nullptr};
};
TORCH_MODULE(SeaMlp);

struct SeaBlockImpl : torch::nn::Module {
  SeaBlockImpl(int64_t dim, int64_t key_dim, int64_t heads, int64_t mlp_ratio, double drop_path,
               std::shared_ptr<DropSource> random);
  torch::Tensor forward(torch::Tensor x);

  SeaAttention attn{nullptr};
  SeaMlp mlp{nullptr};
  double drop_path;

 private:
  torch::Tensor drop(const torch::Tensor& branch) const;

  std::shared_ptr<DropSource> random_;
};
TORCH_MODULE(SeaBlock);

struct SeaFormerImpl : VisualBackbone {
  // drop_path: rate of the last block of every stage in training, 0..1.
  explicit SeaFormerImpl(Variant variant, double drop_path = 0.1,
                         std::shared_ptr<DropSource> random = std::make_shared<DropSource>());

  // index 0..4
  torch::Tensor stage(int index, torch::Tensor x) override;

 private:
  ConvBn stem_{nullptr};
  std::array<std::vector<MbConv>, 5> rows_;
  std::array<std::vector<SeaBlock>, 5> blocks_;
};
TORCH_MODULE(SeaFormer);

}  // namespace lightavseg
