// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/tpavi.h"

#include "model/network/layers.h"

namespace lightavseg {
namespace {

constexpr int kScales = 4;
constexpr int64_t kWidth = 256, kInner = 128, kSound = 128;

}  // namespace

TpaviImpl::TpaviImpl() {
  align = register_module("align", torch::nn::Linear(kSound, kWidth));
  g = register_module("g", pointwise(kWidth, kInner));
  theta = register_module("theta", pointwise(kWidth, kInner));
  phi = register_module("phi", pointwise(kWidth, kInner));
  out = register_module("out", pointwise(kInner, kWidth));
  out_norm = register_module("out_norm", torch::nn::BatchNorm2d(kWidth));
  norm = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({kWidth})));
  // The block begins as the identity.
  torch::NoGradGuard no_grad;
  out_norm->weight.zero_();
  out_norm->bias.zero_();
}

std::pair<torch::Tensor, torch::Tensor> TpaviImpl::forward(const torch::Tensor& map,
                                                           const torch::Tensor& sound) {
  const auto batch = map.size(0), height = map.size(2), width = map.size(3);
  const auto aligned = align(sound).unsqueeze(2).unsqueeze(3);
  const auto spread = aligned.expand({batch, kWidth, height, width});
  // Divided before the product: the affinity is what fills the memory, and a copy would double it.
  const auto queries = theta(map).flatten(2).transpose(1, 2) / double(height * width);
  const auto keys = phi(spread).flatten(2);               // [B, 128, N]
  const auto values = g(map).flatten(2).transpose(1, 2);  // [B, N, 128]
  const auto affinity = torch::bmm(queries, keys);
  const auto attended = torch::bmm(affinity, values.to(affinity.scalar_type()))
                            .transpose(1, 2)
                            .reshape({batch, kInner, height, width});
  const auto sum = out_norm(out(attended)) + map;
  return {norm(sum.permute({0, 2, 3, 1})).permute({0, 3, 1, 2}).contiguous(), aligned};
}

ResidualUnitImpl::ResidualUnitImpl() {
  first = register_module("first", plain_conv(kWidth, kWidth, 3));
  second = register_module("second", plain_conv(kWidth, kWidth, 3));
}

torch::Tensor ResidualUnitImpl::forward(const torch::Tensor& x) {
  return x + second(torch::relu(first(torch::relu(x))));
}

TpaviDecoderImpl::TpaviDecoderImpl(const ModelConfig& config) {
  const auto channels = config.stage_channels();
  if (config.audio_channels() != kSound)
    audio_proj = register_module("audio_proj", torch::nn::Linear(config.audio_channels(), kSound));
  auto all_dilated = container(*this, "dilated"), all_tpavi = container(*this, "tpavi");
  auto all_lateral = container(*this, "lateral"), all_merged = container(*this, "merged");
  for (int k = 0; k < kScales; ++k) {
    const auto name = std::to_string(k);
    auto of_scale = container(*all_dilated, name);
    dilated.emplace_back();
    for (const int rate : {3, 6, 12, 18}) {
      auto conv = of_scale->register_module("rate" + std::to_string(rate),
                                            plain_conv(channels[size_t(k)], kWidth, 3, rate));
      torch::NoGradGuard no_grad;
      conv->weight.normal_(0, 0.01);
      dilated.back().push_back(conv);
    }
    tpavi.push_back(all_tpavi->register_module(name, Tpavi()));
    // The coarsest scale has one too, which nothing uses: it is in the published files.
    lateral.push_back(all_lateral->register_module(name, ResidualUnit()));
    merged.push_back(all_merged->register_module(name, ResidualUnit()));
  }
  head = register_module("head", RivalHead(config.logit_channels(), /*bias=*/true));
}

RivalOutput TpaviDecoderImpl::forward(const std::vector<torch::Tensor>& maps,
                                      const torch::Tensor& audio, int64_t height, int64_t width) {
  auto sound = audio.flatten(1).expand({maps[0].size(0), -1});
  if (!audio_proj.is_empty()) sound = audio_proj(sound);
  RivalOutput result;
  torch::Tensor down;
  for (size_t k = kScales; k-- > 0;) {
    torch::Tensor x;
    for (auto& conv : dilated[k]) x = x.defined() ? x + conv(maps[k]) : conv(maps[k]);
    torch::Tensor heard;
    std::tie(x, heard) = tpavi[k](x, sound);
    result.pairs.push_back({x, heard});
    down = merged[k](down.defined() ? down + lateral[k](x) : x);
    // To the next finer map; behind the finest one to half of the frame.
    const auto h = k > 0 ? maps[k - 1].size(2) : (height + 1) / 2;
    const auto w = k > 0 ? maps[k - 1].size(3) : (width + 1) / 2;
    down = resize_to(down, h, w, /*corners=*/true);
  }
  result.decoded = down;
  result.logits = head(down, height, width);
  return result;
}

}  // namespace lightavseg
