// SPDX-License-Identifier: LGPL-2.1-or-later
// VGGish, an audio backbone (Hershey et al., 2017; tensorflow/models, research/audioset/vggish), as
// AVSBench uses it (OpenNLPLab/AVSBench, avs_scripts/avs_s4/torchvggish): without the final
// principal components and quantisation.
//
// Parameter names equal those of its PyTorch checkpoint (features, embeddings). It has no batch
// norm. Frozen; see model/network/backbone.h.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "model/network/backbone.h"

namespace lightavseg {

struct VggishImpl : AudioBackbone {
  VggishImpl();

  // [N, 1, T, 64] of the front end "vggish", of which the first 96 frames count (T >= 96)
  // -> [N, 128], values >= 0.
  torch::Tensor forward(const torch::Tensor& log_mel) override;

  std::vector<torch::nn::Conv2d> convolutions;
  std::vector<torch::nn::Linear> embeddings;
};
TORCH_MODULE(Vggish);

}  // namespace lightavseg
