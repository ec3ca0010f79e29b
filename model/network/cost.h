// SPDX-License-Identifier: LGPL-2.1-or-later
// Parameters and multiply-accumulates of a network, counted while it runs.
//
// A multiply-accumulate (MAC) is one of a convolution, a linear layer or a matrix product of the
// attention; nothing else is counted. The paper's "FLOPs" are 2 x MACs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/network/lightavseg.h"

namespace lightavseg {

struct ModuleCost {
  std::string name;
  int64_t parameters = 0;
  int64_t macs = 0;
};

struct NetworkCost {
  // visual.1 .. visual.5, audio, reciprocal_encoder, fusion_decoder, top_down,
  // interaction (TPAVI or AVSegFormer), head; a module without parameters and work is left out.
  std::vector<ModuleCost> modules;
  int64_t parameters = 0;
  int64_t macs = 0;
};

// Runs one frame of height x width pixels with a log-mel of audio_frames x 64 and counts. Puts the
// network into eval mode. Counts on the calling thread only, so calls may run side by side.
NetworkCost measure_cost(LightAVSeg& network, int height, int width, int audio_frames);

// Sum of the elements of all parameters below a module.
int64_t count_parameters(const torch::nn::Module& module);

}  // namespace lightavseg
