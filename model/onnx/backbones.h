// SPDX-License-Identifier: LGPL-2.1-or-later
// The two backbones as ONNX nodes. For the files of model/onnx; users want export.h.
#pragma once

#include "model/network/config.h"
#include "model/network/mobilenet_v2.h"
#include "model/onnx/layers.h"

namespace lightavseg::onnx {

// SeaFormer (model/network/seaformer.h), stage `index` 0..4.
Map seaformer_stage(Layers& layers, Variant variant, int index, const Map& x);

// MobileNetV2 of PANNs (model/network/mobilenet_v2.h): log-mel [1, 1, T, 64] -> A_0 [1, C_a, 1, 1].
Map audio_state(Layers& layers, const MobileNetV2Impl& network, const Map& log_mel);

}  // namespace lightavseg::onnx
