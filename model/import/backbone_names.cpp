// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/import/backbone_names.h"

#include "model/network/mobilenet_v2_spec.h"
#include "model/network/resnet50_spec.h"
#include "model/network/seaformer_spec.h"
#include "model/network/vggish_spec.h"
#include "model/network/yamnet_spec.h"

namespace lightavseg {
namespace {

void add_norm(EntryShapes& entries, const std::string& name, int64_t channels) {
  for (const char* part : {"weight", "bias", "running_mean", "running_var"})
    entries[name + "." + part] = {channels};
}

// Convolution "c" without bias and batch norm "bn".
void add_conv_bn(EntryShapes& entries, const std::string& name, int64_t in, int64_t out,
                 int64_t kernel = 1, int64_t groups = 1) {
  entries[name + ".c.weight"] = {out, in / groups, kernel, kernel};
  add_norm(entries, name + ".bn", out);
}

void add_sea_block(EntryShapes& entries, const std::string& name, int64_t dim, int64_t heads,
                   const TransformerSpec& spec) {
  const int64_t keys = heads * spec.key_dim;
  const int64_t values = 2 * keys;
  const int64_t wide = 2 * keys + values;
  const int64_t hidden = dim * spec.mlp_ratio;
  add_conv_bn(entries, name + ".attn.to_q", dim, keys);
  add_conv_bn(entries, name + ".attn.to_k", dim, keys);
  add_conv_bn(entries, name + ".attn.to_v", dim, values);
  add_conv_bn(entries, name + ".attn.proj.1", values, dim);
  add_conv_bn(entries, name + ".attn.proj_encode_row.1", values, values);
  add_conv_bn(entries, name + ".attn.proj_encode_column.1", values, values);
  for (const char* table : {"rowq", "rowk", "columnq", "columnk"})
    entries[name + ".attn.pos_emb_" + table + ".pos_embed"] = {1, keys, 16};
  add_conv_bn(entries, name + ".attn.dwconv", wide, wide, 3, wide);
  add_conv_bn(entries, name + ".attn.pwconv", wide, dim);
  add_conv_bn(entries, name + ".mlp.fc1", dim, hidden);
  entries[name + ".mlp.dwconv.weight"] = {hidden, 1, 3, 3};
  entries[name + ".mlp.dwconv.bias"] = {hidden};
  add_conv_bn(entries, name + ".mlp.fc2", hidden, dim);
}

}  // namespace

EntryShapes seaformer_entries(Variant variant) {
  const auto& spec = seaformer_spec(variant);
  EntryShapes entries;
  add_conv_bn(entries, "smb1.stem_block.0", 3, spec.stem, 3);
  int64_t in = spec.stem;
  for (size_t s = 0; s < spec.stages.size(); ++s) {
    for (size_t j = 0; j < spec.stages[s].size(); ++j) {
      const auto& row = spec.stages[s][j];
      const int64_t hidden = in * row.expand;
      const auto name = "smb" + std::to_string(s + 1) + ".layer" + std::to_string(j + 1) + ".conv.";
      int index = 0;  // activations have an index of their own
      if (row.expand != 1) {
        add_conv_bn(entries, name + "0", in, hidden);
        index = 2;
      }
      add_conv_bn(entries, name + std::to_string(index), hidden, hidden, row.kernel, hidden);
      add_conv_bn(entries, name + std::to_string(index + 2), hidden, row.channels);
      in = row.channels;
    }
  }
  for (size_t t = 0; t < spec.transformers.size(); ++t) {
    const auto& transformer = spec.transformers[t];
    for (int b = 0; b < transformer.depth; ++b)
      add_sea_block(
          entries, "trans" + std::to_string(t + 1) + ".transformer_blocks." + std::to_string(b),
          spec.stages[size_t(transformer.stage)].back().channels, spec.heads, transformer);
  }
  return entries;
}

EntryShapes mobilenet_v2_entries(AudioState state) {
  EntryShapes entries;
  const auto add_conv = [&](const std::string& name, int64_t in, int64_t out, int64_t kernel) {
    entries[name + ".weight"] = {out, in, kernel, kernel};
  };
  add_norm(entries, "bn0", 64);
  add_conv("features.0.0", 1, kPannsStem, 3);
  add_norm(entries, "features.0.2", kPannsStem);
  int64_t in = kPannsStem;
  int index = 1;
  for (const auto& group : kPannsGroups) {
    for (int n = 0; n < group.count; ++n) {
      const int64_t hidden = in * group.expand;
      const auto name = "features." + std::to_string(index++) + ".conv.";
      int child = 0;  // pools and activations have an index of their own
      if (group.expand != 1) {
        add_conv(name + "0", in, hidden, 1);
        add_norm(entries, name + "1", hidden);
        child = 3;
      }
      add_conv(name + std::to_string(child), 1, hidden, 3);
      add_norm(entries, name + std::to_string(child + 2), hidden);
      add_conv(name + std::to_string(child + 4), hidden, group.channels, 1);
      add_norm(entries, name + std::to_string(child + 5), group.channels);
      in = group.channels;
    }
  }
  const auto tail = "features." + std::to_string(index);
  add_conv(tail + ".0", in, kPannsTrunk, 1);
  add_norm(entries, tail + ".1", kPannsTrunk);
  if (state == AudioState::kEmbedding) {
    entries["fc1.weight"] = {kPannsEmbedding, kPannsTrunk};
    entries["fc1.bias"] = {kPannsEmbedding};
  }
  return entries;
}

EntryShapes vggish_entries() {
  EntryShapes entries;
  int64_t in = 1;
  for (const auto& row : kVggishRows) {
    const auto name = "features." + std::to_string(row.index);
    entries[name + ".weight"] = {row.channels, in, 3, 3};
    entries[name + ".bias"] = {row.channels};
    in = row.channels;
  }
  in = kVggishMap;
  int index = 0;
  for (const int64_t width : kVggishWidths) {
    const auto name = "embeddings." + std::to_string(index);
    entries[name + ".weight"] = {width, in};
    entries[name + ".bias"] = {width};
    index += 2;  // behind an activation
    in = width;
  }
  return entries;
}

EntryShapes yamnet_entries() {
  EntryShapes entries;
  const auto add = [&](const std::string& name, int64_t in, int64_t out, int64_t kernel) {
    entries[name + ".conv.weight"] = {out, in, kernel, kernel};
    add_norm(entries, name + ".bn", out);
  };
  add("layer1.fused", 1, kYamnetStem, 3);
  int64_t in = kYamnetStem;
  int number = 2;
  for (const auto& row : kYamnetRows) {
    const auto layer = "layer" + std::to_string(number++);
    add(layer + ".depthwise_conv", 1, in, 3);
    add(layer + ".pointwise_conv", in, row.channels, 1);
    in = row.channels;
  }
  return entries;
}

EntryShapes resnet50_entries() {
  EntryShapes entries;
  const auto add = [&](const std::string& conv, const std::string& norm, int64_t in, int64_t out,
                       int64_t kernel) {
    entries[conv + ".weight"] = {out, in, kernel, kernel};
    add_norm(entries, norm, out);
  };
  add("conv1", "bn1", 3, kResNetStem, 7);
  int64_t in = kResNetStem;
  int number = 1;
  for (const auto& layer : kResNet50Layers) {
    const int64_t out = int64_t(kResNetExpansion) * layer.width;
    const auto stage = "layer" + std::to_string(number++) + ".";
    for (int b = 0; b < layer.blocks; ++b) {
      const auto block = stage + std::to_string(b) + ".";
      add(block + "conv1", block + "bn1", in, layer.width, 1);
      add(block + "conv2", block + "bn2", layer.width, layer.width, 3);
      add(block + "conv3", block + "bn3", layer.width, out, 1);
      if (b == 0) add(block + "downsample.0", block + "downsample.1", in, out, 1);
      in = out;
    }
  }
  return entries;
}

}  // namespace lightavseg
