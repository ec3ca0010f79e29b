// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/seaformer.h"

#include <cmath>

#include "model/network/axial_attention.h"
#include "model/network/norm_activation.h"

namespace lightavseg {

namespace F = torch::nn::functional;

MbConvImpl::MbConvImpl(int64_t in, const MbRow& row) : skip(row.stride == 1 && in == row.channels) {
  const int64_t hidden = in * row.expand;
  auto conv = container(*this, "conv");
  int index = 0;
  if (row.expand != 1) {
    expand = conv->register_module("0", ConvBn(in, hidden));
    index = 2;  // the activation between them has an index of its own
  }
  depthwise = conv->register_module(std::to_string(index),
                                    ConvBn(hidden, hidden, row.kernel, row.stride, hidden));
  project = conv->register_module(std::to_string(index + 2), ConvBn(hidden, row.channels));
}

torch::Tensor MbConvImpl::forward(const torch::Tensor& x) {
  auto y = expand.is_empty() ? x : norm_activation(expand, x, Activation::kRelu);
  y = project(norm_activation(depthwise, y, Activation::kRelu));
  return skip ? x + y : y;
}

AxialPositionImpl::AxialPositionImpl(int64_t channels) {
  pos_embed = register_parameter("pos_embed", torch::randn({1, channels, 16}));
}

torch::Tensor AxialPositionImpl::forward(const torch::Tensor& x) {
  const auto table = F::interpolate(pos_embed, F::InterpolateFuncOptions()
                                                   .size(std::vector<int64_t>{x.size(2)})
                                                   .mode(torch::kLinear)
                                                   .align_corners(false));
  return x + table.to(x.scalar_type());
}

SeaAttentionImpl::SeaAttentionImpl(int64_t dim, int64_t key_dim, int64_t heads)
    : key_dim(key_dim), heads(heads), value_width(2 * key_dim * heads) {
  const int64_t qk = key_dim * heads;
  const int64_t wide = 2 * qk + value_width;
  to_q = register_module("to_q", ConvBn(dim, qk));
  to_k = register_module("to_k", ConvBn(dim, qk));
  to_v = register_module("to_v", ConvBn(dim, value_width));
  proj = container(*this, "proj")->register_module("1", ConvBn(value_width, dim, 1, 1, 1, true));
  proj_row = container(*this, "proj_encode_row")
                 ->register_module("1", ConvBn(value_width, value_width, 1, 1, 1, true));
  pos_rowq = register_module("pos_emb_rowq", AxialPosition(qk));
  pos_rowk = register_module("pos_emb_rowk", AxialPosition(qk));
  proj_column = container(*this, "proj_encode_column")
                    ->register_module("1", ConvBn(value_width, value_width, 1, 1, 1, true));
  pos_columnq = register_module("pos_emb_columnq", AxialPosition(qk));
  pos_columnk = register_module("pos_emb_columnk", AxialPosition(qk));
  dwconv = register_module("dwconv", ConvBn(wide, wide, 3, 1, wide));
  pwconv = register_module("pwconv", ConvBn(wide, dim));
}

torch::Tensor SeaAttentionImpl::attend(const torch::Tensor& q, const torch::Tensor& k,
                                       const torch::Tensor& v, AxialPosition& position_q,
                                       AxialPosition& position_k, int64_t squeezed) {
  return axial_attention(position_q(q.mean(squeezed)), position_k(k.mean(squeezed)),
                         v.mean(squeezed), heads, 1.0 / std::sqrt(double(key_dim)));
}

torch::Tensor SeaAttentionImpl::forward(const torch::Tensor& x) {
  const auto q = to_q(x);
  const auto k = to_k(x);
  const auto v = to_v(x);
  const auto detail = pwconv(norm_activation(dwconv, torch::cat({q, k, v}, 1), Activation::kRelu6));
  const auto row =
      proj_row(clamp_relu6(attend(q, k, v, pos_rowq, pos_rowk, 3)).unsqueeze(3));  // [B, dh, H, 1]
  const auto column = proj_column(
      clamp_relu6(attend(q, k, v, pos_columnq, pos_columnk, 2)).unsqueeze(2));  // [B, dh, 1, W]
  return h_sigmoid(proj(clamp_relu6(v + row + column))) * detail;
}

SeaMlpImpl::SeaMlpImpl(int64_t dim, int64_t hidden) {
  fc1 = register_module("fc1", ConvBn(dim, hidden));
  dwconv = register_module(
      "dwconv",
      torch::nn::Conv2d(torch::nn::Conv2dOptions(hidden, hidden, 3).padding(1).groups(hidden)));
  fc2 = register_module("fc2", ConvBn(hidden, dim));
}

torch::Tensor SeaMlpImpl::forward(const torch::Tensor& x) {
  return fc2(clamp_relu6(dwconv(fc1(x))));
}

SeaBlockImpl::SeaBlockImpl(int64_t dim, int64_t key_dim, int64_t heads, int64_t mlp_ratio,
                           double drop_path, std::shared_ptr<DropSource> random)
    : drop_path(drop_path), random_(std::move(random)) {
  attn = register_module("attn", SeaAttention(dim, key_dim, heads));
  mlp = register_module("mlp", SeaMlp(dim, dim * mlp_ratio));
}

torch::Tensor SeaBlockImpl::drop(const torch::Tensor& branch) const {
  if (!is_training() || drop_path <= 0) return branch;
  return branch * random_->mask(branch, 1, 1 - drop_path);
}

torch::Tensor SeaBlockImpl::forward(torch::Tensor x) {
  x = x + drop(attn(x));
  return x + drop(mlp(x));
}

SeaFormerImpl::SeaFormerImpl(Variant variant, double drop_path,
                             std::shared_ptr<DropSource> random) {
  const auto& spec = seaformer_spec(variant);
  int64_t in = spec.stem;
  for (int s = 0; s < 5; ++s) {
    auto stage = container(*this, "smb" + std::to_string(s + 1));
    if (s == 0)
      stem_ = container(*stage, "stem_block")->register_module("0", ConvBn(3, spec.stem, 3, 2));
    for (size_t j = 0; j < spec.stages[s].size(); ++j) {
      rows_[s].push_back(
          stage->register_module("layer" + std::to_string(j + 1), MbConv(in, spec.stages[s][j])));
      in = spec.stages[s][j].channels;
    }
  }
  for (size_t t = 0; t < spec.transformers.size(); ++t) {
    const auto& tr = spec.transformers[t];
    const int64_t dim = spec.stages[tr.stage].back().channels;
    auto blocks =
        container(*container(*this, "trans" + std::to_string(t + 1)), "transformer_blocks");
    for (int b = 0; b < tr.depth; ++b) {
      const double rate = tr.depth > 1 ? drop_path * b / (tr.depth - 1) : 0;
      blocks_[tr.stage].push_back(blocks->register_module(
          std::to_string(b), SeaBlock(dim, tr.key_dim, spec.heads, tr.mlp_ratio, rate, random)));
    }
  }
}

torch::Tensor SeaFormerImpl::stage(int index, torch::Tensor x) {
  if (index == 0) x = norm_activation(stem_, x, Activation::kRelu);
  for (auto& row : rows_[index]) x = row(x);
  for (auto& block : blocks_[index]) x = block(x);
  return x;
}

}  // namespace lightavseg
