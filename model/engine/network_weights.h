// SPDX-License-Identifier: LGPL-2.1-or-later
// The weights of a LightAVSeg network, part by part, as the planned steps use them.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "model/engine/convolution.h"
#include "model/engine/weight_reader.h"
#include "model/network/config.h"

namespace lightavseg {

using Weights = std::shared_ptr<PackedWeights>;

// Expand 1x1 (or null), depthwise, project 1x1.
struct InvertedResidualWeights {
  Weights expand, depthwise, project;
  int stride = 1;
  bool skip = false;
};

struct SeaAttentionWeights {
  int key = 0, heads = 0;
  Weights query_key_value;  // of the same input, side by side
  Weights depthwise, pointwise;
  Weights proj, proj_row, proj_column;
  // Tables [heads * key, 16] that are resized to the axis and added to query and key.
  std::vector<float> row_query, row_key, column_query, column_key;
};

struct SeaMlpWeights {
  Weights fc1, depthwise, fc2;
};

struct SeaBlockWeights {
  SeaAttentionWeights attention;
  SeaMlpWeights mlp;
};

struct SeaFormerWeights {
  Weights stem;
  std::array<std::vector<InvertedResidualWeights>, 5> rows;
  std::array<std::vector<SeaBlockWeights>, 5> blocks;
};

// A strided row pools behind its depthwise convolution and before the norm. Both are linear, so
// here they are one convolution of kernel 4.
struct PannsWeights {
  std::vector<float> band_factor, band_offset;
  Weights first;
  std::vector<InvertedResidualWeights> rows;
  Weights last;
  Linear embedding;  // out is 0 where the state is the pooled trunk
};

// Equation 2; gate.out is 0 without HAR.
struct RefinementWeights {
  Linear audio, gate;
};

// Equations 4 to 6. Between the projections of equation 4 and W_f is nothing but a concatenation,
// so their product is stored: fused = above + own, the bias in `own`.
struct FusionWeights {
  Linear above, own, gate, inject;
};

struct RefineWeights {
  Weights depthwise, pointwise;  // null where there is none
};

// Index k counts the configured stages, finest first.
struct NetworkWeights {
  SeaFormerWeights visual;
  PannsWeights audio;
  std::vector<RefinementWeights> har;
  std::vector<FusionWeights> cmfd;
  std::vector<Weights> up;
  std::vector<RefineWeights> refine;
  Weights concat_visual;  // the baseline's 1x1 convolution: what the map gives,
  Linear concat_audio;    // and the state, with the bias
  // With a class gate the classes are rounded up to whole vectors by ones that are impossible.
  Weights head_conv, head_logits;
  std::vector<Weights> class_levels;  // finest map first
  Linear sounds;
  std::vector<float> gate;  // factor and offset of the class gate
};

// Throws FileError as WeightReader::finish() does.
NetworkWeights read_network_weights(const SafetensorsFile& file, const ModelConfig& config);

}  // namespace lightavseg
