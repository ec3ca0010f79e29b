// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/avsegformer.h"

#include <algorithm>
#include <cmath>

#include "model/network/layers.h"

namespace lightavseg {
namespace {

namespace F = torch::nn::functional;
using Sizes = std::vector<std::pair<int64_t, int64_t>>;

constexpr int64_t kWidth = 256, kHeads = 8, kLevels = 3, kPoints = 4, kQueries = 300;
constexpr int64_t kHidden = 2048, kGeneratorHidden = 1024;
constexpr int kLayers = 6;
constexpr double kPi = 3.14159265358979323846;

torch::nn::LayerNorm layer_norm() {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({kWidth}));
}

torch::nn::GroupNorm group_norm() {
  return torch::nn::GroupNorm(torch::nn::GroupNormOptions(32, kWidth));
}

torch::nn::MultiheadAttention attention(bool bias) {
  return torch::nn::MultiheadAttention(
      torch::nn::MultiheadAttentionOptions(kWidth, kHeads).bias(bias));
}

// LibTorch's module wants the sequence first and is not told to be batch_first.
torch::Tensor attend(torch::nn::MultiheadAttention& module, const torch::Tensor& queries,
                     const torch::Tensor& memory) {
  const auto q = queries.transpose(0, 1), m = memory.transpose(0, 1);
  const auto out = module->forward(q, m, m, /*key_padding_mask=*/{}, /*need_weights=*/false);
  return std::get<0>(out).transpose(0, 1);
}

// Centres of the cells of all maps, [N, 2] as x, y in 0..1.
torch::Tensor centres(const Sizes& sizes, const torch::Device& device) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat32).device(device);
  std::vector<torch::Tensor> all;
  for (const auto& [h, w] : sizes) {
    const auto y = ((torch::arange(h, options) + 0.5) / h).unsqueeze(1).expand({h, w});
    const auto x = ((torch::arange(w, options) + 0.5) / w).unsqueeze(0).expand({h, w});
    all.push_back(torch::stack({x.reshape(-1), y.reshape(-1)}, 1));
  }
  return torch::cat(all);
}

}  // namespace

DeformableAttentionImpl::DeformableAttentionImpl() {
  offsets = register_module("offsets", torch::nn::Linear(kWidth, kHeads * kLevels * kPoints * 2));
  weights = register_module("weights", torch::nn::Linear(kWidth, kHeads * kLevels * kPoints));
  value = register_module("value", torch::nn::Linear(kWidth, kWidth));
  out = register_module("out", torch::nn::Linear(kWidth, kWidth));
  // Each head begins with looking into a direction of its own, point by point farther away.
  torch::NoGradGuard no_grad;
  offsets->weight.zero_();
  auto bias = offsets->bias.view({kHeads, kLevels, kPoints, 2});
  for (int64_t head = 0; head < kHeads; ++head) {
    const double angle = 2 * kPi * double(head) / kHeads;
    const double longest = std::max(std::abs(std::cos(angle)), std::abs(std::sin(angle)));
    for (int64_t point = 0; point < kPoints; ++point) {
      bias.select(0, head).select(1, point).select(1, 0).fill_(double(point + 1) * std::cos(angle) /
                                                               longest);
      bias.select(0, head).select(1, point).select(1, 1).fill_(double(point + 1) * std::sin(angle) /
                                                               longest);
    }
  }
  weights->weight.zero_();
  weights->bias.zero_();
}

torch::Tensor DeformableAttentionImpl::forward(const torch::Tensor& queries,
                                               const torch::Tensor& places,
                                               const torch::Tensor& values, const Sizes& sizes) {
  const auto batch = queries.size(0), count = queries.size(1);
  const int64_t head_width = kWidth / kHeads;
  const auto seen = value(values).view({batch, count, kHeads, head_width});
  const auto moves =
      offsets(queries).view({batch, count, kHeads, kLevels, kPoints, 2}).to(torch::kFloat32);
  const auto shares = weights(queries)
                          .view({batch, count, kHeads, kLevels * kPoints})
                          .softmax(-1)
                          .view({batch, count, kHeads, kLevels, kPoints});
  torch::Tensor sum;
  int64_t first = 0;
  for (int64_t l = 0; l < kLevels; ++l) {
    const auto [h, w] = sizes[size_t(l)];
    const auto map = seen.slice(1, first, first + h * w)
                         .permute({0, 2, 3, 1})
                         .reshape({batch * kHeads, head_width, h, w})
                         .to(torch::kFloat32);
    first += h * w;
    const auto scale = torch::tensor({float(w), float(h)}, moves.options());
    const auto where = places.view({1, count, 1, 1, 2}) + moves.select(3, l) / scale;
    const auto grid =
        (2 * where - 1).permute({0, 2, 1, 3, 4}).reshape({batch * kHeads, count, kPoints, 2});
    const auto points = F::grid_sample(map, grid,
                                       F::GridSampleFuncOptions()
                                           .mode(torch::kBilinear)
                                           .padding_mode(torch::kZeros)
                                           .align_corners(false));
    const auto share =
        shares.select(3, l).permute({0, 2, 1, 3}).reshape({batch * kHeads, 1, count, kPoints});
    const auto level = (points * share).sum(-1);  // [B * heads, head_width, N]
    sum = sum.defined() ? sum + level : level;
  }
  return out(sum.view({batch, kWidth, count}).transpose(1, 2));
}

EncoderLayerImpl::EncoderLayerImpl() {
  attention = register_module("attention", DeformableAttention());
  linear1 = register_module("linear1", torch::nn::Linear(kWidth, kHidden));
  linear2 = register_module("linear2", torch::nn::Linear(kHidden, kWidth));
  norm1 = register_module("norm1", layer_norm());
  norm2 = register_module("norm2", layer_norm());
}

torch::Tensor EncoderLayerImpl::forward(const torch::Tensor& x, const torch::Tensor& positions,
                                        const torch::Tensor& places, const Sizes& sizes) {
  const auto seen = norm1(x + attention(x + positions, places, x, sizes));
  return norm2(seen + linear2(torch::gelu(linear1(seen))));
}

DecoderLayerImpl::DecoderLayerImpl(int64_t hidden, bool bias) {
  self = register_module("self", lightavseg::attention(bias));
  cross = register_module("cross", lightavseg::attention(bias));
  linear1 = register_module("linear1", torch::nn::Linear(kWidth, hidden));
  linear2 = register_module("linear2", torch::nn::Linear(hidden, kWidth));
  norm1 = register_module("norm1", layer_norm());
  norm2 = register_module("norm2", layer_norm());
  norm3 = register_module("norm3", layer_norm());
}

torch::Tensor DecoderLayerImpl::forward(const torch::Tensor& queries, const torch::Tensor& memory) {
  auto x = norm1(queries + attend(self, queries, queries));
  x = norm2(x + attend(cross, x, memory));
  return norm3(x + linear2(torch::gelu(linear1(x))));
}

ChannelMixerImpl::ChannelMixerImpl() {
  const auto linear = [](int64_t out, bool bias) {
    return torch::nn::Linear(torch::nn::LinearOptions(kWidth, out).bias(bias));
  };
  query = register_module("query", linear(kWidth, false));
  key_value = register_module("key_value", linear(2 * kWidth, false));
  out = register_module("out", linear(kWidth, true));
}

torch::Tensor ChannelMixerImpl::forward(const torch::Tensor& map, const torch::Tensor& sound) {
  const auto batch = map.size(0), pixels = map.size(2) * map.size(3);
  const int64_t head_width = kWidth / kHeads;
  const auto q = query(sound).view({batch, 1, kHeads, head_width}).permute({0, 2, 1, 3});
  const auto kv = key_value(map.flatten(2).transpose(1, 2))
                      .view({batch, pixels, 2, kHeads, head_width})
                      .permute({2, 0, 3, 1, 4});
  const auto shares =
      (torch::matmul(q, kv[0].transpose(2, 3)) / std::sqrt(double(head_width))).softmax(-1);
  const auto heard = torch::matmul(shares, kv[1].to(shares.scalar_type()))
                         .transpose(1, 2)
                         .reshape({batch, kWidth});
  return map * out(heard).sigmoid().view({batch, kWidth, 1, 1});
}

torch::Tensor sine_positions(int64_t height, int64_t width) {
  const int64_t half = kWidth / 2;
  // Each wave length serves a sine and a cosine.
  const auto wave = torch::pow(
      10000.0, 2 * torch::floor_divide(torch::arange(half), 2).to(torch::kFloat32) / double(half));
  const auto along = [&](int64_t n) {
    const auto place = (torch::arange(n, torch::kFloat32) + 1) / (double(n) + 1e-6) * (2 * kPi);
    const auto phase = place.unsqueeze(1) / wave;  // [n, 128]
    return torch::stack({phase.slice(1, 0, half, 2).sin(), phase.slice(1, 1, half, 2).cos()}, 2)
        .flatten(1);
  };
  const auto y = along(height).unsqueeze(1).expand({height, width, half});
  const auto x = along(width).unsqueeze(0).expand({height, width, half});
  return torch::cat({y, x}, 2).reshape({height * width, kWidth});
}

AvSegFormerDecoderImpl::AvSegFormerDecoderImpl(const ModelConfig& config) {
  const auto channels = config.stage_channels();
  audio_proj = register_module("audio_proj", torch::nn::Linear(config.audio_channels(), kWidth));
  generator_queries = register_parameter("generator_queries", torch::randn({kQueries, kWidth}));
  queries = register_parameter("queries", torch::randn({kQueries, kWidth}));
  auto generators = container(*this, "generator"), encoders = container(*this, "encoder");
  auto decoders = container(*this, "decoder");
  for (int i = 0; i < kLayers; ++i) {
    const auto name = std::to_string(i);
    generator.push_back(generators->register_module(name, DecoderLayer(kGeneratorHidden, false)));
    encoder.push_back(encoders->register_module(name, EncoderLayer()));
    decoder.push_back(decoders->register_module(name, DecoderLayer(kHidden, true)));
  }
  auto projections = container(*this, "in_proj"), norms = container(*this, "in_norm");
  for (size_t k = 0; k < 4; ++k) {
    in_proj.push_back(
        projections->register_module(std::to_string(k), pointwise(channels[k], kWidth)));
    in_norm.push_back(norms->register_module(std::to_string(k), group_norm()));
  }
  level_embed = register_parameter("level_embed", torch::randn({kLevels, kWidth}));
  lateral = register_module("lateral", pointwise(kWidth, kWidth));
  lateral_norm = register_module("lateral_norm", group_norm());
  mask_conv = register_module("mask_conv", plain_conv(kWidth, kWidth, 3));
  mask_norm = register_module("mask_norm", group_norm());
  mixer = register_module("mixer", ChannelMixer());
  auto layers = container(*this, "mlp");
  for (const auto& [in, out] :
       {std::pair(kQueries, kHidden), {kHidden, kHidden}, {kHidden, kWidth}})
    mlp.push_back(layers->register_module(std::to_string(mlp.size()), pointwise(in, out)));
  head = register_module("head", RivalHead(config.logit_channels(), /*bias=*/false));
}

RivalOutput AvSegFormerDecoderImpl::forward(const std::vector<torch::Tensor>& maps,
                                            const torch::Tensor& audio, int64_t height,
                                            int64_t width) {
  const auto batch = maps[0].size(0);
  const auto sound = audio_proj(audio.flatten(1)).expand({batch, -1}).unsqueeze(1);  // [B, 1, 256]
  auto asked = generator_queries.unsqueeze(0).expand({batch, -1, -1});
  for (auto& layer : generator) asked = layer(asked, sound);
  asked = asked + queries;

  std::vector<torch::Tensor> projected;
  for (size_t k = 0; k < 4; ++k) projected.push_back(in_norm[k](in_proj[k](maps[k])));
  Sizes sizes;
  std::vector<torch::Tensor> flat, positions;
  for (size_t k = 1; k < 4; ++k) {
    const auto h = projected[k].size(2), w = projected[k].size(3);
    sizes.emplace_back(h, w);
    flat.push_back(projected[k].flatten(2).transpose(1, 2));
    positions.push_back(sine_positions(h, w).to(maps[0].device()) + level_embed[int64_t(k) - 1]);
  }
  auto memory = torch::cat(flat, 1);
  const auto where = torch::cat(positions), places = centres(sizes, maps[0].device());
  for (auto& layer : encoder) memory = layer(memory, where, places, sizes);
  for (auto& layer : decoder) asked = layer(asked, memory);

  const auto [h, w] = sizes[0];
  const auto finest = memory.slice(1, 0, h * w).transpose(1, 2).reshape({batch, kWidth, h, w});
  auto mask = lateral_norm(lateral(projected[0]));
  mask = mask + resize_to(finest, mask.size(2), mask.size(3), false);
  mask = mixer(torch::relu(mask_norm(mask_conv(mask))), sound);
  auto products = torch::bmm(asked, mask.flatten(2).to(asked.scalar_type()))
                      .view({batch, kQueries, mask.size(2), mask.size(3)});
  products = mlp[2](torch::relu(mlp[1](torch::relu(mlp[0](products)))));
  RivalOutput result;
  result.decoded = mask;
  result.pairs.push_back({mask, sound.transpose(1, 2).unsqueeze(3)});
  result.logits = head(mask + products, height, width);
  return result;
}

}  // namespace lightavseg
