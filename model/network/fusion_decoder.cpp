// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/fusion_decoder.h"

#include "model/network/norm_activation.h"
#include "model/network/reciprocal_encoder.h"

namespace lightavseg {

FusionLevelImpl::FusionLevelImpl(int64_t previous, int64_t channels, int64_t embed, Pooling pooling)
    : pooling(pooling) {
  proj_dec = register_module("proj_dec", pointwise(previous, embed));
  proj_enc = register_module("proj_enc", pointwise(channels, embed));
  fuse = register_module("fuse", pointwise(2 * embed, channels));
  gate = register_module("gate", pointwise(channels, channels));
  inject = register_module("inject", pointwise(channels, channels));
  for (auto* conv : {&proj_dec, &proj_enc, &fuse, &gate, &inject}) init_interaction(*conv);
}

std::pair<torch::Tensor, torch::Tensor> FusionLevelImpl::forward(const torch::Tensor& above,
                                                                 const torch::Tensor& audio,
                                                                 const torch::Tensor& encoded,
                                                                 const torch::Tensor& map) {
  const auto fused = torch::relu(fuse(torch::cat({proj_dec(above), proj_enc(audio)}, 1)));  // eq. 4
  const auto state = fused * h_sigmoid(gate(pool_visual(encoded, pooling)));                // eq. 5
  return {state, map + inject(state)};                                                      // eq. 6
}

RefineImpl::RefineImpl(int64_t channels) {
  dw = register_module("dw", ConvBn(channels, channels, 3, 1, channels));
  pw = register_module("pw", ConvBn(channels, channels));
}

torch::Tensor RefineImpl::forward(const torch::Tensor& x) {
  return x + pw(norm_activation(dw, x, Activation::kRelu));
}

}  // namespace lightavseg
