// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/vggish.h"

#include <string>

#include "dsp/front_end.h"
#include "model/network/layers.h"
#include "model/network/vggish_spec.h"

namespace lightavseg {

VggishImpl::VggishImpl() {
  auto features = container(*this, "features");
  int64_t in = 1;
  for (const auto& row : kVggishRows) {
    convolutions.push_back(features->register_module(
        std::to_string(row.index),
        torch::nn::Conv2d(torch::nn::Conv2dOptions(in, row.channels, 3).padding(1))));
    in = row.channels;
  }
  auto linears = container(*this, "embeddings");
  in = kVggishMap;
  for (int i = 0; i < 3; ++i) {
    embeddings.push_back(
        linears->register_module(std::to_string(2 * i), torch::nn::Linear(in, kVggishWidths[i])));
    in = kVggishWidths[i];
  }
  set_trainable(false);
}

torch::Tensor VggishImpl::forward(const torch::Tensor& log_mel) {
  auto x = first_patch(log_mel, dsp::spec(dsp::FrontEnd::kVggish).patch_frames);
  for (size_t i = 0; i < convolutions.size(); ++i) {
    x = torch::relu(convolutions[i](x));
    if (kVggishRows[i].pooled) x = torch::max_pool2d(x, 2);
  }
  // Its weights came from TensorFlow, whose channels are innermost.
  x = x.permute({0, 2, 3, 1}).flatten(1);
  for (auto& linear : embeddings) x = torch::relu(linear(x));
  return x;
}

}  // namespace lightavseg
