// SPDX-License-Identifier: LGPL-2.1-or-later
// Batch norm and the activation behind it, as one operation while training.
//
// LibTorch makes five passes over the map forwards and eight backwards, and keeps the normalised
// map besides. Here it is three and five, and the normalised map is worked out again backwards; a
// third of the time of a training step went into these passes.
#pragma once

#include <torch/torch.h>

#include "model/network/layers.h"

namespace lightavseg {

enum class Activation { kNone, kRelu, kRelu6 };

// activation(bn(x)) for x [B, C, H, W], any H and W. In training mode the statistics of the batch
// are used and the running ones are updated as torch::nn::BatchNorm2d does; gradients reach x,
// weight and bias, of the first order only. One operation where bn is in training mode, tracks
// running statistics, and x is float32 on the CPU and contiguous as channels-last; LibTorch's own
// otherwise. Not for several threads on one bn, as everywhere in LibTorch. Throws c10::Error as
// LibTorch does.
torch::Tensor norm_activation(const torch::nn::BatchNorm2d& bn, const torch::Tensor& x,
                              Activation activation);

// The same behind the convolution of `layer`: activation(layer(x)).
torch::Tensor norm_activation(ConvBn& layer, const torch::Tensor& x, Activation activation);

}  // namespace lightavseg
