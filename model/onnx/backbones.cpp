// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/onnx/backbones.h"

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "model/network/seaformer_spec.h"

namespace lightavseg::onnx {
namespace {

using Ints = std::vector<std::int64_t>;
namespace F = torch::nn::functional;

Map inverted_residual(Layers& layers, const std::string& name, const MbRow& row, const Map& x) {
  int index = 0;
  Map y = x;
  if (row.expand != 1) {
    y = layers.relu(layers.conv_bn(name + ".conv.0", x));
    index = 2;
  }
  y = layers.relu(layers.conv_bn(fmt::format("{}.conv.{}", name, index), y, row.stride));
  y = layers.conv_bn(fmt::format("{}.conv.{}", name, index + 2), y);
  const bool skip = row.stride == 1 && x.channels == row.channels;
  return skip ? layers.add(name + "/sum", x, y) : y;
}

// Attention along rows or columns, after the other axis was averaged away.
class AxialAttention {
 public:
  // axis: the one that stays, "row" (rows attend to each other; 2) or "column" (3).
  AxialAttention(Layers& layers, std::string name, std::string axis, std::int64_t heads,
                 std::int64_t key_dim)
      : layers_(layers),
        name_(std::move(name)),
        axis_(std::move(axis)),
        heads_(heads),
        key_dim_(key_dim),
        squeezed_(axis_ == "row" ? 3 : 2) {}

  // -> [1, 2 key_dim heads, H, 1] or [.., 1, W]
  Map operator()(const Map& q, const Map& k, const Map& v) {
    auto& g = layers_.graph();
    const std::int64_t n = squeezed_ == 3 ? q.height : q.width;
    const auto query = heads_of(with_position(squeeze(q), "q", n), q.channels / heads_, n, true);
    const auto key = heads_of(with_position(squeeze(k), "k", n), k.channels / heads_, n, false);
    const auto value = heads_of(squeeze(v), v.channels / heads_, n, true);
    const auto base = name_ + "/" + axis_;
    const auto product = g.node("MatMul", base + "/product", {query, key});
    const auto scale = g.scalar(float(1.0 / std::sqrt(double(key_dim_))));
    const auto scaled = g.node("Mul", base + "/scaled", {product, scale});
    const auto weight = g.node("Softmax", base + "/weight", {scaled}, {{"axis", std::int64_t(-1)}});
    const auto mixed = g.node("MatMul", base + "/mixed", {weight, value});
    const auto turned = g.node("Transpose", base + "/turned", {mixed}, {{"perm", kTurned}});
    Map out{base + "/out", v.channels, squeezed_ == 3 ? n : 1, squeezed_ == 3 ? 1 : n};
    const auto shape =
        g.constant(out.name + ".shape", Ints{1, out.channels, out.height, out.width});
    g.node("Reshape", out.name, {turned, shape});
    return out;
  }

 private:
  static inline const Ints kTurned = {0, 1, 3, 2};

  // [1, C, H, W] -> [1, C, N]
  std::string squeeze(const Map& x) {
    return layers_.graph().node("ReduceMean", x.name + "/" + axis_, {x.name},
                                {{"axes", Ints{squeezed_}}, {"keepdims", std::int64_t(0)}});
  }

  std::string with_position(const std::string& x, const char* role, std::int64_t n) {
    const auto name = fmt::format("{}.pos_emb_{}{}", name_, axis_, role);
    const auto table = F::interpolate(
        layers_.weight(name + ".pos_embed"),
        F::InterpolateFuncOptions().size(Ints{n}).mode(torch::kLinear).align_corners(false));
    return layers_.graph().node("Add", name, {x, layers_.constant(name + ".pos_embed", table)});
  }

  // [1, C, N] -> [1, heads, width, N] or, turned, [1, heads, N, width]
  std::string heads_of(const std::string& x, std::int64_t width, std::int64_t n, bool turned) {
    auto& g = layers_.graph();
    const auto shape = g.constant(x + "/heads.shape", Ints{1, heads_, width, n});
    const auto split = g.node("Reshape", x + "/heads", {x, shape});
    return turned ? g.node("Transpose", x + "/turned", {split}, {{"perm", kTurned}}) : split;
  }

  Layers& layers_;
  std::string name_, axis_;
  std::int64_t heads_, key_dim_, squeezed_;
};

Map attention(Layers& layers, const std::string& name, std::int64_t heads, std::int64_t key_dim,
              const Map& x) {
  const auto q = layers.conv_bn(name + ".to_q", x);
  const auto k = layers.conv_bn(name + ".to_k", x);
  const auto v = layers.conv_bn(name + ".to_v", x);
  const auto wide = layers.concat(name + "/qkv", {q, k, v});
  const auto detail =
      layers.conv_bn(name + ".pwconv", layers.relu6(layers.conv_bn(name + ".dwconv", wide)));
  Map context = v;
  for (const char* axis : {"row", "column"}) {
    AxialAttention attend(layers, name, axis, heads, key_dim);
    const auto along = layers.conv_bn(fmt::format("{}.proj_encode_{}.1", name, axis),
                                      layers.relu6(attend(q, k, v)));
    context = layers.add(fmt::format("{}/with_{}", name, axis), context, along);
  }
  const auto gate = layers.h_sigmoid(layers.conv_bn(name + ".proj.1", layers.relu6(context)));
  return layers.multiply(name + "/gated", gate, detail);
}

Map transformer_block(Layers& layers, const std::string& name, std::int64_t heads,
                      std::int64_t key_dim, const Map& x) {
  const auto attended =
      layers.add(name + "/attended", x, attention(layers, name + ".attn", heads, key_dim, x));
  const auto hidden =
      layers.relu6(layers.conv(name + ".mlp.dwconv", layers.conv_bn(name + ".mlp.fc1", attended)));
  return layers.add(name + "/sum", attended, layers.conv_bn(name + ".mlp.fc2", hidden));
}

// A batch norm over mel bins, which are the last axis, not over channels.
Map norm_of_bins(Layers& layers, const std::string& name, const Map& log_mel) {
  auto& g = layers.graph();
  const auto norm = layers.affine_of_norm(name);
  const auto scaled =
      g.node("Mul", name + "/scaled", {log_mel.name, layers.constant(name + ".scale", norm.scale)});
  Map out = log_mel;
  out.name = g.node("Add", name, {scaled, layers.constant(name + ".offset", norm.offset)});
  return out;
}

}  // namespace

Map seaformer_stage(Layers& layers, Variant variant, int index, const Map& x) {
  const auto& spec = seaformer_spec(variant);
  const auto stage = fmt::format("visual.smb{}", index + 1);
  Map y = index == 0 ? layers.relu(layers.conv_bn(stage + ".stem_block.0", x, 2)) : x;
  for (size_t j = 0; j < spec.stages[size_t(index)].size(); ++j)
    y = inverted_residual(layers, fmt::format("{}.layer{}", stage, j + 1),
                          spec.stages[size_t(index)][j], y);
  for (size_t t = 0; t < spec.transformers.size(); ++t) {
    const auto& transformer = spec.transformers[t];
    if (transformer.stage != index) continue;
    for (int b = 0; b < transformer.depth; ++b)
      y = transformer_block(layers, fmt::format("visual.trans{}.transformer_blocks.{}", t + 1, b),
                            spec.heads, transformer.key_dim, y);
  }
  return y;
}

Map audio_state(Layers& layers, const MobileNetV2Impl& network, const Map& log_mel) {
  auto& g = layers.graph();
  Map x = norm_of_bins(layers, "audio.bn0", log_mel);
  x = layers.conv_norm("audio.features.0.0", "audio.features.0.2", x);
  x = layers.relu6(layers.average_pool(x, 2));
  size_t index = 1;
  for (const auto& row : network.rows) {
    const auto name = fmt::format("audio.features.{}.conv", index++);
    const auto child = [&](int i) { return fmt::format("{}.{}", name, i); };
    Map y = x;
    int i = 0;
    if (!row->expand.is_empty()) {
      y = layers.relu6(layers.conv_norm(child(0), child(1), y));
      i = 3;
    }
    y = layers.conv_norm(child(i), child(i + 2), y);
    if (row->stride > 1) y = layers.average_pool(y, int(row->stride));
    y = layers.conv_norm(child(i + 4), child(i + 5), layers.relu6(y));
    x = row->skip ? layers.add(name + "/sum", x, y) : y;
  }
  const auto last = fmt::format("audio.features.{}", index);
  x = layers.relu6(layers.conv_norm(last + ".0", last + ".1", x));
  // Mean over mel bins, then maximum plus mean over time.
  const Attributes bins = {{"axes", Ints{3}}, {"keepdims", std::int64_t(1)}};
  const Attributes time = {{"axes", Ints{2}}, {"keepdims", std::int64_t(1)}};
  const auto mean = g.node("ReduceMean", "audio/bins", {x.name}, bins);
  const auto highest = g.node("ReduceMax", "audio/time_max", {mean}, time);
  const auto average = g.node("ReduceMean", "audio/time_mean", {mean}, time);
  Map state{g.node("Add", "audio/trunk", {highest, average}), x.channels, 1, 1};
  if (!layers.has("audio.fc1.weight")) return state;
  // A linear layer is a 1x1 convolution of a single pixel.
  const auto weight = layers.weight("audio.fc1.weight").unsqueeze(2).unsqueeze(3);
  const auto name = g.node("Conv", "audio.fc1",
                           {state.name, layers.constant("audio.fc1.weight", weight),
                            layers.constant("audio.fc1.bias", layers.weight("audio.fc1.bias"))},
                           {{"kernel_shape", Ints{1, 1}}});
  return layers.relu({name, weight.size(0), 1, 1});
}

}  // namespace lightavseg::onnx
