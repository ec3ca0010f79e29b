// SPDX-License-Identifier: LGPL-2.1-or-later
// The sizes of SeaFormer (Wan et al., ICLR 2023; fudan-zvg/SeaFormer, local_configs/seaformer).
// Plain values, no LibTorch.
#pragma once

#include <array>
#include <vector>

#include "model/network/config.h"

namespace lightavseg {

// One inverted residual of a convolutional stage.
struct MbRow {
  int kernel;
  int expand;
  int channels;
  int stride;
};

// One set of axial attention blocks.
struct TransformerSpec {
  int stage;  // 0-based stage it follows
  int depth;
  int key_dim;
  int mlp_ratio;
};

struct SeaFormerSpec {
  int stem;
  int heads;
  std::array<std::vector<MbRow>, 5> stages;
  std::vector<TransformerSpec> transformers;
};

// Stays valid for ever; safe from any thread.
const SeaFormerSpec& seaformer_spec(Variant variant);

}  // namespace lightavseg
