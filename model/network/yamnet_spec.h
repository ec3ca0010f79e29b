// SPDX-License-Identifier: LGPL-2.1-or-later
// The sizes of YAMNet (tensorflow/models, research/audioset/yamnet). Plain values, no LibTorch.
#pragma once

namespace lightavseg {

// A 3x3 depthwise convolution with this stride, then a 1x1 convolution.
struct YamnetRow {
  int channels, stride;
};

inline constexpr int kYamnetStem = 32;
inline constexpr YamnetRow kYamnetRows[] = {{64, 1},  {128, 2},  {128, 1}, {256, 2}, {256, 1},
                                            {512, 2}, {512, 1},  {512, 1}, {512, 1}, {512, 1},
                                            {512, 1}, {1024, 2}, {1024, 1}};
inline constexpr double kYamnetNormFloor = 1e-4;  // added to variances

}  // namespace lightavseg
