// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include "model/engine/kernels.h"
#include "model/engine/network_plan.h"

namespace lightavseg::steps {
namespace {

constexpr int kTable = 16;  // entries of a position table

// Tables [channels, 16] of query and key, resized to n cells: [n, 2 * channels].
std::vector<float> positions(const std::vector<float>& query, const std::vector<float>& key,
                             int n) {
  const kernels::ResizeAxis axis(kTable, n);
  std::vector<float> result;
  for (size_t i = 0; i < size_t(n); ++i)
    for (const auto* table : {&query, &key})
      for (size_t c = 0; c < table->size() / kTable; ++c) {
        const float* row = table->data() + c * kTable;
        const float share = axis.share[i];
        result.push_back((1 - share) * row[axis.low[i]] + share * row[axis.high[i]]);
      }
  return result;
}

// The means of one axis -> attention -> projection, [n, value].
Map axis(PlanBuilder& builder, const std::string& name, const SeaAttentionWeights& w,
         const Map& means, std::vector<float> placed, const Weights& projection) {
  const int n = means.pixels(), value = 2 * w.key * w.heads;
  const Map attended = builder.float_map(n, 1, value), scores = builder.vector(n);
  builder.step(name + ".attend", {means, attended, scores},
               [=, heads = w.heads, key = w.key, placed = std::move(placed)](const Memory& m) {
                 kernels::attend(m[means], placed.data(), n, heads, key, m[scores], m[attended]);
               });
  const Map out = builder.float_map(n, 1, value);
  builder.convolve(name + ".proj", projection, steps::rounded(builder, name, attended), out, {});
  return out;
}

// x += attention(x), with rows and columns that attend on their means and a depthwise branch that
// keeps the detail.
void attention(PlanBuilder& builder, const std::string& name, const SeaAttentionWeights& w,
               const Map& x) {
  const int h = x.height, width = x.width, wide = w.query_key_value->out();
  const int value = 2 * w.key * w.heads;
  const Map qkv = builder.map(h, width, wide);
  builder.convolve(name + ".qkv", w.query_key_value, steps::integers(builder, name + ".qkv", x),
                   qkv, {});
  const Map rows = builder.float_map(h, 1, wide), columns = builder.float_map(width, 1, wide);
  builder.typed_step(name + ".means", {qkv, rows, columns}, [=](const Memory& m, auto type) {
    using T = decltype(type);
    kernels::axis_means(m.values<T>(qkv), h, width, wide, m[rows], m[columns]);
  });
  const Map row =
      axis(builder, name + ".row", w, rows, positions(w.row_query, w.row_key, h), w.proj_row);
  const Map column = axis(builder, name + ".column", w, columns,
                          positions(w.column_query, w.column_key, width), w.proj_column);
  const Map sum = builder.map(h, width, value);
  builder.typed_step(name + ".add_axes", {qkv, row, column, sum}, [=](const Memory& m, auto type) {
    using T = decltype(type);
    kernels::add_axes(m.values<T>(qkv), wide, m[row], m[column], h, width, value, m.values<T>(sum));
  });
  const Map gate = builder.map(h, width, x.channels);
  builder.convolve(name + ".proj", w.proj, steps::integers(builder, name + ".proj", sum, false),
                   gate, {Activation::kUnit});
  const Map local = builder.map(h, width, wide), detail = builder.map(h, width, x.channels);
  builder.convolve(name + ".dwconv", w.depthwise, qkv, local, {Activation::kRelu6});
  builder.convolve(name + ".pwconv", w.pointwise,
                   steps::integers(builder, name + ".pwconv", local, false), detail, {});
  builder.typed_step(name + ".add", {gate, detail, x}, [=](const Memory& m, auto type) {
    using T = decltype(type);
    kernels::add_product(m.values<T>(gate), m.values<T>(detail), x.size(), m.values<T>(x));
  });
}

void mlp(PlanBuilder& builder, const std::string& name, const SeaMlpWeights& w, const Map& x) {
  const int wide = w.fc1->out();
  const Map hidden = builder.map_read_by(name + ".dwconv", x.height, x.width, wide, true);
  const Map local = builder.map_read_by(name + ".fc2", x.height, x.width, wide, false);
  builder.convolve(name + ".fc1", w.fc1, steps::integers(builder, name + ".fc1", x), hidden, {});
  builder.convolve(name + ".dwconv", w.depthwise, hidden, local, {Activation::kRelu6});
  builder.convolve(name + ".fc2", w.fc2, local, x, {Activation::kNone, 1, -1, true});
}

}  // namespace

Map seaformer_stage(PlanBuilder& builder, const SeaFormerWeights& w, int index, Map x) {
  const auto s = size_t(index);
  const std::string stage = std::to_string(index + 1) + ".";
  if (index == 0) {
    const Map out = builder.map((x.height + 1) / 2, (x.width + 1) / 2, w.stem->out());
    builder.convolve("1.stem", w.stem, x, out, {Activation::kRelu, 2});
    x = out;
  }
  for (size_t j = 0; j < w.rows[s].size(); ++j)
    x = inverted_residual(builder, stage + "layer" + std::to_string(j + 1), w.rows[s][j], x,
                          Activation::kRelu);
  for (size_t b = 0; b < w.blocks[s].size(); ++b) {
    const std::string name = stage + "block" + std::to_string(b);
    attention(builder, name + ".attn", w.blocks[s][b].attention, x);
    mlp(builder, name + ".mlp", w.blocks[s][b].mlp, x);
  }
  return x;
}

}  // namespace lightavseg::steps
