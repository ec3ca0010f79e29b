// SPDX-License-Identifier: LGPL-2.1-or-later
// The sizes of VGGish (OpenNLPLab/AVSBench, avs_scripts/avs_s4/torchvggish). Plain values, no
// LibTorch.
#pragma once

namespace lightavseg {

// Where a 3x3 convolution stands among the published layers, and whether a pool follows it. Pools
// and activations hold nothing but keep their index.
struct VggishRow {
  int index, channels;
  bool pooled;
};

inline constexpr VggishRow kVggishRows[] = {{0, 64, true},  {3, 128, true},   {6, 256, false},
                                            {8, 256, true}, {11, 512, false}, {13, 512, true}};
inline constexpr int kVggishMap = 512 * 6 * 4;  // what four pools leave of a patch of 96 x 64
inline constexpr int kVggishWidths[] = {4096, 4096, 128};  // of the linear layers

}  // namespace lightavseg
