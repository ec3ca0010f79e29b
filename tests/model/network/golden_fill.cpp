// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/model/network/golden_fill.h"

#include <algorithm>
#include <cmath>

#include "model/network/model_file.h"

namespace lightavseg::testing {
namespace {

uint32_t crc32(const std::string& text) {
  uint32_t crc = 0xffffffffu;
  for (unsigned char c : text) {
    crc ^= c;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

bool ends_with(const std::string& s, const std::string& suffix) {
  return s.size() >= suffix.size() &&
         s.compare(s.size() - suffix.size(), suffix.size(), suffix) == 0;
}

}  // namespace

std::vector<double> hash_values(const std::string& name, int64_t count) {
  const uint32_t seed = crc32(name);
  std::vector<double> values;
  values.reserve(size_t(count));
  for (int64_t j = 0; j < count; ++j) {
    uint32_t x = seed + uint32_t(j) * 0x9E3779B9u;
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    values.push_back(double(x) / 2147483648.0 - 1.0);
  }
  return values;
}

torch::Tensor hash_tensor(const std::string& name, std::vector<int64_t> shape) {
  auto tensor = torch::empty(shape, torch::kFloat64);
  const auto values = hash_values(name, tensor.numel());
  std::copy(values.begin(), values.end(), tensor.data_ptr<double>());
  return tensor;
}

void golden_fill(torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  for (auto& [name, tensor] : named_state(module)) {
    auto u = hash_tensor(name, tensor.sizes().vec());
    if (ends_with(name, "running_var"))
      u = 1 + 0.5 * u;
    else if (ends_with(name, "running_mean") || ends_with(name, "bias"))
      u = 0.1 * u;
    else if (tensor.dim() == 1)
      u = 1 + 0.1 * u;
    else if (!ends_with(name, "pos_embed"))
      u = u * std::sqrt(3.0 / double(tensor[0].numel()));
    tensor.copy_(u);
  }
}

}  // namespace lightavseg::testing
