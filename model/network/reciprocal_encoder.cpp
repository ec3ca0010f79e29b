// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/reciprocal_encoder.h"

#include "model/network/layers.h"

namespace lightavseg {

torch::Tensor pool_visual(const torch::Tensor& visual, Pooling pooling) {
  return pooling == Pooling::kMax ? visual.amax({2, 3}, true) : visual.mean({2, 3}, true);
}

void init_interaction(torch::nn::Conv2d& conv) {
  torch::NoGradGuard no_grad;
  // LibTorch 1.13 has no trunc_normal_ in C++. Redrawing what falls outside two deviations by
  // clamping a fresh normal differs from true truncation in 5 % of the values, which is harmless.
  conv->weight.normal_(0, 0.02).clamp_(-0.04, 0.04);
  conv->bias.zero_();
}

AudioRefinementImpl::AudioRefinementImpl(int64_t audio_channels, int64_t channels, bool gated,
                                         Pooling pooling)
    : pooling(pooling) {
  conv_a = register_module("conv_a", pointwise(audio_channels, channels));
  init_interaction(conv_a);
  if (gated) {
    conv_v = register_module("conv_v", pointwise(channels, channels));
    init_interaction(conv_v);
  }
}

torch::Tensor AudioRefinementImpl::forward(const torch::Tensor& audio,
                                           const torch::Tensor& visual) {
  auto state = conv_a(audio);
  if (conv_v.is_empty()) return state;
  return state * h_sigmoid(conv_v(pool_visual(visual, pooling)));
}

}  // namespace lightavseg
