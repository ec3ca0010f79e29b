// SPDX-License-Identifier: LGPL-2.1-or-later
// Networks as ONNX files, for other engines (onnx/onnx; microsoft/onnxruntime).
//
// Inputs, float32:  frames [1, 3, H, W], RGB / 255 normalised with kImageMean and kImageStd;
//                   log_mel [1, 1, T, 64] in dB, of the configured front end.
// Output, float32:  logits [1, logit_channels, H, W], as LightAVSegImpl::forward returns them.
// Sizes are fixed when the file is written. Operator set 13, batch norms folded into convolutions.
// metadata_props holds "lightavseg.config" and what else the caller gives.
#pragma once

#include <filesystem>
#include <string>

#include "model/network/lightavseg.h"
#include "model/network/model_file.h"

namespace lightavseg::onnx {

struct InputSizes {
  int height = 224;  // pixels, >= 32
  int width = 224;
  int audio_frames = 101;  // T >= 32; a second of sound has 101 frames
};

// The bytes of the file. The same network gives the same bytes. Throws GraphError when a size is
// out of range, the network has weights that the graph would not hold, or other backbones than
// SeaFormer and MobileNetV2.
std::string to_onnx(const LightAVSeg& network, const InputSizes& sizes,
                    const Metadata& metadata = {});

// Writes atomically. Throws GraphError, or FileError naming the path.
void export_onnx(const std::filesystem::path& path, const LightAVSeg& network,
                 const InputSizes& sizes, const Metadata& metadata = {});

}  // namespace lightavseg::onnx
