// SPDX-License-Identifier: LGPL-2.1-or-later
// The sizes of PANNs MobileNetV2 (qiuqiangkong/audioset_tagging_cnn, pytorch/models.py).
// Plain values, no LibTorch.
#pragma once

namespace lightavseg {

// Inverted residuals of one width; the first one has the stride.
struct PannsGroup {
  int expand, channels, count, stride;
};

inline constexpr int kPannsStem = 32;
inline constexpr PannsGroup kPannsGroups[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2},
                                              {6, 64, 4, 2}, {6, 96, 3, 2}, {6, 160, 3, 1},
                                              {6, 320, 1, 1}};
inline constexpr int kPannsTrunk = 1280;      // channels of the pooled trunk
inline constexpr int kPannsEmbedding = 1024;  // of `embedding`, behind fc1
inline constexpr int kPannsFewestFrames = 32;

}  // namespace lightavseg
