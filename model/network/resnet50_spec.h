// SPDX-License-Identifier: LGPL-2.1-or-later
// The sizes of ResNet-50 (pytorch/vision, torchvision/models/resnet.py). Plain values, no LibTorch.
#pragma once

namespace lightavseg {

// Bottlenecks of one stage; the first one has the stride.
struct ResNetLayer {
  int width, blocks, stride;
};

inline constexpr int kResNetStem = 64;
inline constexpr int kResNetExpansion = 4;  // channels of a stage for one of its width
inline constexpr ResNetLayer kResNet50Layers[] = {
    {64, 3, 1}, {128, 4, 2}, {256, 6, 2}, {512, 3, 2}};

}  // namespace lightavseg
