// SPDX-License-Identifier: LGPL-2.1-or-later
// Deterministic weights and inputs: every number follows from the name of its tensor, so another
// implementation can make the same ones (tests/reference/lightavseg_torch.py does).
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

namespace lightavseg::testing {

// [-1, 1): mix(crc32(name) + j * 0x9E3779B9) / 2^31 - 1
std::vector<double> hash_values(const std::string& name, int64_t count);

// The same as a float64 tensor.
torch::Tensor hash_tensor(const std::string& name, std::vector<int64_t> shape);

// running_var 1 + u/2, running_mean and biases u/10, other vectors 1 + u/10, position tables u,
// everything else u * sqrt(3 / fan_in).
void golden_fill(torch::nn::Module& module);

}  // namespace lightavseg::testing
