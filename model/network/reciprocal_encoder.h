// SPDX-License-Identifier: LGPL-2.1-or-later
// Reciprocal Audio-Visual Encoder: hierarchical audio refinement (HAR, equation 2) and
// audio-guided visual enhancement (AGVE, equation 3) of arXiv 2605.08805, section 3.
//
// Vectors only: the cost does not depend on the number of pixels except for one pooling and one
// broadcast addition per stage.
#pragma once

#include <torch/torch.h>

#include "model/network/config.h"

namespace lightavseg {

// [B, C, H, W] -> [B, C, 1, 1], the visual vector of equations 2 and 5.
torch::Tensor pool_visual(const torch::Tensor& visual, Pooling pooling);

// Equation 2: A_i = W_a(A_(i-1)) * h_sigmoid(W_v(pool(V_i))). Without the gate, A_i = W_a(A).
struct AudioRefinementImpl : torch::nn::Module {
  // gated: build and use W_v.
  AudioRefinementImpl(int64_t audio_channels, int64_t channels, bool gated, Pooling pooling);
  // audio [B, audio_channels, 1, 1], visual [B, channels, H, W] -> [B, channels, 1, 1]
  torch::Tensor forward(const torch::Tensor& audio, const torch::Tensor& visual);

  torch::nn::Conv2d conv_a{nullptr}, conv_v{nullptr};
  Pooling pooling;
};
TORCH_MODULE(AudioRefinement);

// Equation 3: every pixel of [B, C, H, W] gets the state [B, C, 1, 1] as a channel bias.
inline torch::Tensor enhance_visual(const torch::Tensor& visual, const torch::Tensor& audio) {
  return visual + audio;
}

// Truncated normal of deviation 0.02 and zero bias: the state is added straight onto pretrained
// features, so it must start small, yet not at zero, which would block the next stage's gradient.
void init_interaction(torch::nn::Conv2d& conv);

}  // namespace lightavseg
