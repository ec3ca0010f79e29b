// SPDX-License-Identifier: LGPL-2.1-or-later
// What frames look like to the network.
#pragma once

namespace lightavseg {

// Mean and deviation of RGB / 255 that frames are normalised with (ImageNet's).
constexpr float kImageMean[3] = {0.485f, 0.456f, 0.406f};
constexpr float kImageStd[3] = {0.229f, 0.224f, 0.225f};

}  // namespace lightavseg
