// SPDX-License-Identifier: LGPL-2.1-or-later
// The interaction of AVSegFormer (Gao et al., arXiv 2307.01146; vvvb-github/AVSegFormer,
// model/head/AVSegHead.py and model/utils): queries made from the sound, a deformable encoder over
// three scales, a decoder in which the queries attend to every pixel, a channel mixer, and a mask
// made of the products of queries and pixels.
//
// Left out: two modules of the published head that nothing uses (fpn, attn_fc), and dropout, whose
// random numbers here come from generators that the modules of LibTorch do not take. Sampling is
// LibTorch's grid_sample instead of a kernel of its own.
#pragma once

#include "model/network/rival_interaction.h"

namespace lightavseg {

// Multi-scale deformable attention (Zhu et al., arXiv 2010.04159): every pixel looks at four points
// of each of three maps, at places that it chooses.
struct DeformableAttentionImpl : torch::nn::Module {
  DeformableAttentionImpl();
  // queries [B, N, 256] with places [N, 2] (x, y in 0..1); values [B, N, 256], the maps one behind
  // the other; sizes {h, w} of each. -> [B, N, 256]
  torch::Tensor forward(const torch::Tensor& queries, const torch::Tensor& places,
                        const torch::Tensor& values,
                        const std::vector<std::pair<int64_t, int64_t>>& sizes);

  torch::nn::Linear offsets{nullptr}, weights{nullptr}, value{nullptr}, out{nullptr};
};
TORCH_MODULE(DeformableAttention);

// Attention, then a feed-forward net, each with a residual and a layer norm behind.
struct EncoderLayerImpl : torch::nn::Module {
  EncoderLayerImpl();
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& positions,
                        const torch::Tensor& places,
                        const std::vector<std::pair<int64_t, int64_t>>& sizes);

  DeformableAttention attention{nullptr};
  torch::nn::Linear linear1{nullptr}, linear2{nullptr};
  torch::nn::LayerNorm norm1{nullptr}, norm2{nullptr};
};
TORCH_MODULE(EncoderLayer);

// Self-attention, attention to the memory, feed-forward net. The generator of the queries is made
// of the same layers with the sound as memory and without bias in the attention.
struct DecoderLayerImpl : torch::nn::Module {
  DecoderLayerImpl(int64_t hidden, bool bias);
  // queries [B, Q, 256], memory [B, N, 256] -> [B, Q, 256]
  torch::Tensor forward(const torch::Tensor& queries, const torch::Tensor& memory);

  torch::nn::MultiheadAttention self{nullptr}, cross{nullptr};
  torch::nn::Linear linear1{nullptr}, linear2{nullptr};
  torch::nn::LayerNorm norm1{nullptr}, norm2{nullptr}, norm3{nullptr};
};
TORCH_MODULE(DecoderLayer);

// The sound asks every pixel and answers with a gain per channel.
struct ChannelMixerImpl : torch::nn::Module {
  ChannelMixerImpl();
  // map [B, 256, h, w], sound [B, 1, 256]
  torch::Tensor forward(const torch::Tensor& map, const torch::Tensor& sound);

  torch::nn::Linear query{nullptr}, key_value{nullptr}, out{nullptr};
};
TORCH_MODULE(ChannelMixer);

struct AvSegFormerDecoderImpl : RivalInteraction {
  explicit AvSegFormerDecoderImpl(const ModelConfig& config);
  RivalOutput forward(const std::vector<torch::Tensor>& maps, const torch::Tensor& audio,
                      int64_t height, int64_t width) override;

  torch::nn::Linear audio_proj{nullptr};
  torch::Tensor generator_queries, queries;  // [300, 256]
  std::vector<DecoderLayer> generator;
  std::vector<torch::nn::Conv2d> in_proj;  // per scale, finest first
  std::vector<torch::nn::GroupNorm> in_norm;
  torch::Tensor level_embed;  // [3, 256]
  std::vector<EncoderLayer> encoder;
  std::vector<DecoderLayer> decoder;
  torch::nn::Conv2d lateral{nullptr}, mask_conv{nullptr};
  torch::nn::GroupNorm lateral_norm{nullptr}, mask_norm{nullptr};
  ChannelMixer mixer{nullptr};
  std::vector<torch::nn::Conv2d> mlp;  // over the products of 300 queries with every pixel
  RivalHead head{nullptr};
};

// Sine positions of a map: [h * w, 256], row by row; first 128 channels from y, then x
// (normalised to 2 pi, temperature 10000).
torch::Tensor sine_positions(int64_t height, int64_t width);

}  // namespace lightavseg
