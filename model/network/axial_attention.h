// SPDX-License-Identifier: LGPL-2.1-or-later
// The attention of SeaFormer over one squeezed axis (fudan-zvg/SeaFormer, Sea_Attention).
#pragma once

#include <torch/torch.h>

namespace lightavseg {

// softmax_j(scale * q_i . k_j) v_j for each batch and head.
// q, k [B, heads * key, n], v [B, heads * value, n], positions last -> [B, heads * value, n].
// With at most a few dozen positions a matrix product for each head is mostly the way to it: where
// gradients are recorded and all is float32 on the CPU, plain loops do all of them, with gradients
// of the first order; otherwise LibTorch does. Pure, thread-safe. Throws c10::Error for shapes that
// do not fit.
torch::Tensor axial_attention(const torch::Tensor& q, const torch::Tensor& k,
                              const torch::Tensor& v, int64_t heads, double scale);

}  // namespace lightavseg
