// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/engine/network_weights.h"

#include <algorithm>
#include <string>

#include "dsp/front_end.h"
#include "model/network/mobilenet_v2_spec.h"
#include "model/network/seaformer_spec.h"
#include "model/vectorise.h"

namespace lightavseg {
namespace {

constexpr size_t kPyramidLevels = 3;
constexpr int kLanes = 16;             // floats of the widest vector
constexpr float kImpossible = -1e30f;  // a logit that no softmax sees

Weights pack(ConvolutionValues values) {
  return std::make_shared<PackedWeights>(std::move(values));
}

// Convolutions of one input as one, outputs side by side.
ConvolutionValues side_by_side(const std::vector<ConvolutionValues>& parts) {
  ConvolutionValues all = parts.front();
  for (size_t i = 1; i < parts.size(); ++i) {
    all.out += parts[i].out;
    all.weight.insert(all.weight.end(), parts[i].weight.begin(), parts[i].weight.end());
    all.bias.insert(all.bias.end(), parts[i].bias.begin(), parts[i].bias.end());
  }
  return all;
}

// A convolution of kernel 3 and the mean of 2 x 2 of its outputs: kernel 4, stride 2, padding 1.
ConvolutionValues with_mean_of_four(ConvolutionValues three) {
  const std::vector<float> from = std::move(three.weight);
  three.kernel = 4;
  three.weight.assign(from.size() / 9 * 16, 0.0f);
  for (size_t filter = 0; filter < from.size() / 9; ++filter)
    for (size_t y = 0; y < 4; ++y)
      for (size_t x = 0; x < 4; ++x) {
        double sum = 0;
        for (size_t dy = 0; dy < 2; ++dy)
          for (size_t dx = 0; dx < 2; ++dx)
            if (y >= dy && y - dy < 3 && x >= dx && x - dx < 3)
              sum += double(from[filter * 9 + (y - dy) * 3 + (x - dx)]);
        three.weight[filter * 16 + y * 4 + x] = float(sum / 4);
      }
  return three;
}

// row = the sum of `columns` [count, row.size()], each times its x. Apart from product(), so that
// it can be vectorised: of the functions here only this one takes time.
LIGHTAVSEG_VECTORISE
void apply(const float* __restrict columns, const float* __restrict x, size_t count,
           std::vector<double>& row) {
  const size_t out = row.size();
  double* __restrict sum = row.data();
  std::fill(sum, sum + out, 0.0);
  size_t e = 0;
  // Four at a time, since what takes time is the way of the sums from and to memory.
  for (; e + 4 <= count; e += 4) {
    const float* __restrict c = columns + e * out;
    const double a0 = double(x[e]), a1 = double(x[e + 1]);
    const double a2 = double(x[e + 2]), a3 = double(x[e + 3]);
    for (size_t o = 0; o < out; ++o)
      sum[o] += a0 * double(c[o]) + a1 * double(c[out + o]) + a2 * double(c[2 * out + o]) +
                a3 * double(c[3 * out + o]);
  }
  for (; e < count; ++e) {
    const double by = double(x[e]);
    for (size_t o = 0; o < out; ++o) sum[o] += by * double(columns[e * out + o]);
  }
}

// W_f's columns [first, first + inner.out) times `inner`, transposed as Linear has it.
Linear product(const Linear& outer, int first, const Linear& inner) {
  Linear result{inner.in, outer.out, {}, std::vector<float>(size_t(outer.out))};
  const size_t out = size_t(outer.out);
  const float* columns = outer.weight.data() + size_t(first) * out;
  std::vector<double> row(out);
  result.weight.reserve(size_t(inner.in) * out);
  for (size_t i = 0; i < size_t(inner.in); ++i) {
    apply(columns, inner.weight.data() + i * size_t(inner.out), size_t(inner.out), row);
    for (const double v : row) result.weight.push_back(float(v));
  }
  apply(columns, inner.bias.data(), size_t(inner.out), row);
  for (size_t o = 0; o < out; ++o) result.bias[o] = float(row[o]);
  return result;
}

// Adds outputs that are always the same value.
ConvolutionValues padded(ConvolutionValues values, int out, float value) {
  values.out = out;
  values.weight.resize(size_t(out) * size_t(values.in));
  values.bias.resize(size_t(out), value);
  return values;
}

InvertedResidualWeights read_mb_row(WeightReader& reader, const std::string& name, int in,
                                    const MbRow& row) {
  const int hidden = in * row.expand;
  InvertedResidualWeights w;
  w.stride = row.stride;
  w.skip = row.stride == 1 && in == row.channels;
  int index = 0;
  if (row.expand != 1) {
    w.expand = pack(reader.conv_bn(name + ".conv.0", in, hidden));
    index = 2;
  }
  w.depthwise = pack(
      reader.conv_bn(name + ".conv." + std::to_string(index), hidden, hidden, row.kernel, hidden));
  w.project =
      pack(reader.conv_bn(name + ".conv." + std::to_string(index + 2), hidden, row.channels));
  return w;
}

SeaBlockWeights read_block(WeightReader& reader, const std::string& name, int dim, int key,
                           int heads, int mlp_ratio) {
  const int qk = key * heads, value = 2 * qk, wide = 2 * qk + value, hidden = dim * mlp_ratio;
  const std::string attn = name + ".attn.", mlp = name + ".mlp.";
  SeaBlockWeights w;
  auto& a = w.attention;
  a.key = key;
  a.heads = heads;
  a.query_key_value = pack(
      side_by_side({reader.conv_bn(attn + "to_q", dim, qk), reader.conv_bn(attn + "to_k", dim, qk),
                    reader.conv_bn(attn + "to_v", dim, value)}));
  a.depthwise = pack(reader.conv_bn(attn + "dwconv", wide, wide, 3, wide));
  a.pointwise = pack(reader.conv_bn(attn + "pwconv", wide, dim));
  a.proj = pack(reader.conv_bn(attn + "proj.1", value, dim, 1, 1, kBeforeUnit));
  a.proj_row = pack(reader.conv_bn(attn + "proj_encode_row.1", value, value));
  a.proj_column = pack(reader.conv_bn(attn + "proj_encode_column.1", value, value));
  const auto table = [&](const char* which) {
    return reader.take(attn + which + ".pos_embed", {1, qk, 16});
  };
  a.row_query = table("pos_emb_rowq");
  a.row_key = table("pos_emb_rowk");
  a.column_query = table("pos_emb_columnq");
  a.column_key = table("pos_emb_columnk");
  w.mlp.fc1 = pack(reader.conv_bn(mlp + "fc1", dim, hidden));
  w.mlp.depthwise = pack(reader.biased(mlp + "dwconv", hidden, hidden, 3, hidden));
  w.mlp.fc2 = pack(reader.conv_bn(mlp + "fc2", hidden, dim));
  return w;
}

SeaFormerWeights read_visual(WeightReader& reader, Variant variant) {
  const auto& spec = seaformer_spec(variant);
  SeaFormerWeights w;
  w.stem = pack(reader.conv_bn("visual.smb1.stem_block.0", 3, spec.stem, 3));
  int in = spec.stem;
  for (size_t s = 0; s < 5; ++s)
    for (size_t j = 0; j < spec.stages[s].size(); ++j) {
      w.rows[s].push_back(read_mb_row(
          reader, "visual.smb" + std::to_string(s + 1) + ".layer" + std::to_string(j + 1), in,
          spec.stages[s][j]));
      in = spec.stages[s][j].channels;
    }
  for (size_t t = 0; t < spec.transformers.size(); ++t) {
    const auto& tr = spec.transformers[t];
    for (int b = 0; b < tr.depth; ++b)
      w.blocks[size_t(tr.stage)].push_back(read_block(
          reader,
          "visual.trans" + std::to_string(t + 1) + ".transformer_blocks." + std::to_string(b),
          spec.stages[size_t(tr.stage)].back().channels, tr.key_dim, spec.heads, tr.mlp_ratio));
  }
  return w;
}

PannsWeights read_audio(WeightReader& reader, AudioState state) {
  const std::string features = "audio.features.";
  PannsWeights w;
  std::vector<double> factor, offset;
  reader.norm("audio.bn0", dsp::kMelBands, factor, offset);
  w.band_factor.assign(factor.begin(), factor.end());
  w.band_offset.assign(offset.begin(), offset.end());
  w.first = pack(
      with_mean_of_four(reader.convolution(features + "0.0", features + "0.2", 1, kPannsStem, 3)));
  int in = kPannsStem, index = 1;
  for (const auto& group : kPannsGroups)
    for (int n = 0; n < group.count; ++n) {
      const std::string name = features + std::to_string(index++) + ".conv.";
      const int hidden = in * group.expand;
      InvertedResidualWeights row;
      row.stride = n == 0 ? group.stride : 1;
      row.skip = row.stride == 1 && in == group.channels;
      int i = 0;
      if (group.expand != 1) {
        row.expand = pack(reader.convolution(name + "0", name + "1", in, hidden));
        i = 3;
      }
      auto depthwise = reader.convolution(name + std::to_string(i), name + std::to_string(i + 2),
                                          hidden, hidden, 3, hidden);
      row.depthwise =
          pack(row.stride == 2 ? with_mean_of_four(std::move(depthwise)) : std::move(depthwise));
      row.project = pack(reader.convolution(name + std::to_string(i + 4),
                                            name + std::to_string(i + 5), hidden, group.channels));
      w.rows.push_back(std::move(row));
      in = group.channels;
    }
  const std::string tail = features + std::to_string(index);
  w.last = pack(reader.convolution(tail + ".0", tail + ".1", in, kPannsTrunk));
  if (state == AudioState::kEmbedding)
    w.embedding = reader.linear("audio.fc1", kPannsTrunk, kPannsEmbedding, 2);
  return w;
}

FusionWeights read_fusion(WeightReader& reader, const std::string& name, int previous, int channels,
                          int embed) {
  const auto above = reader.linear(name + "proj_dec", previous, embed);
  const auto own = reader.linear(name + "proj_enc", channels, embed);
  const auto fuse = reader.linear(name + "fuse", 2 * embed, channels);
  FusionWeights w;
  w.above = product(fuse, 0, above);
  w.own = product(fuse, embed, own);
  for (size_t c = 0; c < w.own.bias.size(); ++c)
    w.own.bias[c] = float(double(w.own.bias[c]) + double(w.above.bias[c]) + double(fuse.bias[c]));
  // What is left is added to the result of `own`.
  std::fill(w.above.bias.begin(), w.above.bias.end(), 0.0f);
  w.gate = reader.linear(name + "gate", channels, channels);
  w.inject = reader.linear(name + "inject", channels, channels);
  return w;
}

void read_concat(WeightReader& reader, int channels, int audio, NetworkWeights& w) {
  const auto both = reader.biased("concat", channels + audio, channels);
  ConvolutionValues visual{channels, channels, 1, 1, {}, std::vector<float>(size_t(channels))};
  w.concat_audio = {audio, channels, std::vector<float>(size_t(audio) * size_t(channels)),
                    both.bias};
  for (int o = 0; o < channels; ++o) {
    const float* row = both.weight.data() + size_t(o) * size_t(both.in);
    visual.weight.insert(visual.weight.end(), row, row + channels);
    for (int i = 0; i < audio; ++i)
      w.concat_audio.weight[size_t(i) * size_t(channels) + size_t(o)] = row[channels + i];
  }
  w.concat_visual = pack(std::move(visual));
}

}  // namespace

NetworkWeights read_network_weights(const SafetensorsFile& file, const ModelConfig& config) {
  WeightReader reader(file);
  const auto all = config.stage_channels();
  std::vector<int> c;
  for (const int stage : config.stages) c.push_back(all[size_t(stage - 1)]);
  const size_t n = c.size();
  const int audio_channels = config.audio_channels();
  const auto named = [](const char* name, size_t k) { return name + std::to_string(k) + "."; };

  NetworkWeights w;
  w.visual = read_visual(reader, config.variant);
  w.audio = read_audio(reader, config.audio_state);
  if (config.har || config.agve || config.cmfd) {
    for (size_t k = 0; k < n; ++k) {
      const int from = k == 0 || !config.har ? audio_channels : c[k - 1];
      RefinementWeights r{reader.linear(named("har.", k) + "conv_a", from, c[k]), {}};
      if (config.har) r.gate = reader.linear(named("har.", k) + "conv_v", c[k], c[k]);
      w.har.push_back(std::move(r));
    }
  } else {
    read_concat(reader, c.back(), audio_channels, w);
  }
  if (config.cmfd)
    for (size_t k = 0; k < n; ++k)
      w.cmfd.push_back(read_fusion(reader, named("cmfd.", k), c[std::min(k + 1, n - 1)], c[k],
                                   config.embed_channels()));
  for (size_t k = 0; k + 1 < n; ++k)
    w.up.push_back(pack(reader.conv_bn("up." + std::to_string(k), c[k + 1], c[k])));
  w.refine.resize(n);
  for (size_t k = 1; k <= size_t(config.refine) && k + 1 < n; ++k) {
    w.refine[k].depthwise = pack(reader.conv_bn(named("refine.", k) + "dw", c[k], c[k], 3, c[k]));
    w.refine[k].pointwise = pack(reader.conv_bn(named("refine.", k) + "pw", c[k], c[k]));
  }
  w.head_conv = pack(reader.conv_bn("head.0", c[0] + (config.head_similarity ? 1 : 0), c[0], 3));
  const int classes = int(config.class_names.size());
  auto logits = reader.biased("head.3", c[0], config.logit_channels());
  // A softmax over whole vectors costs half of one that ends within a vector.
  if (config.class_gate)
    logits = padded(std::move(logits), 1 + (classes + kLanes - 1) / kLanes * kLanes, kImpossible);
  w.head_logits = pack(std::move(logits));
  if (config.class_pyramid)
    for (size_t k = n - std::min(n, kPyramidLevels); k < n; ++k)
      w.class_levels.push_back(
          pack(reader.biased("head.levels." + std::to_string(k), c[k], classes)));
  if (config.class_gate) {
    w.sounds = reader.linear("head.sounds", audio_channels, classes, 2);
    w.gate = reader.take("head.gate", {2});
  }
  reader.finish();
  return w;
}

}  // namespace lightavseg
