// SPDX-License-Identifier: LGPL-2.1-or-later
// Inputs and checks that the tests of the losses share.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <string>
#include <vector>

#include "model/training/loss_support.h"
#include "tests/model/network/golden_fill.h"

namespace lightavseg {

using testing::hash_tensor;

inline torch::Tensor doubles(std::vector<double> values, std::vector<int64_t> shape) {
  return torch::tensor(values, torch::kDouble).view(shape);
}

// Compares the gradient of `loss` at `input` with central differences.
inline void expect_gradient(const std::function<torch::Tensor(const torch::Tensor&)>& loss,
                            const torch::Tensor& input) {
  torch::Tensor leaf = input.detach().clone().set_requires_grad(true);
  loss(leaf).backward();
  ASSERT_TRUE(leaf.grad().defined());
  constexpr double kStep = 1e-6;
  torch::Tensor moved = input.detach().clone();
  double* values = moved.data_ptr<double>();
  const torch::Tensor gradient = leaf.grad().contiguous();
  const double* expected = gradient.data_ptr<double>();
  for (int64_t i = 0; i < moved.numel(); ++i) {
    const double centre = values[i];
    values[i] = centre + kStep;
    const double above = loss(moved).item<double>();
    values[i] = centre - kStep;
    const double below = loss(moved).item<double>();
    values[i] = centre;
    EXPECT_NEAR((above - below) / (2 * kStep), expected[i], 1e-6) << "element " << i;
  }
}

// The text of the LossError that a call throws, empty if it throws none.
inline std::string loss_error(const std::function<void()>& call) {
  try {
    call();
  } catch (const LossError& error) {
    return error.what();
  }
  return "";
}

// Turns autocast to bfloat16 on for the processor while it lives.
class AutocastOn {
 public:
  AutocastOn() { c10::impl::tls_set_dispatch_key_excluded(c10::DispatchKey::AutocastCPU, false); }
  ~AutocastOn() { c10::impl::tls_set_dispatch_key_excluded(c10::DispatchKey::AutocastCPU, true); }
};

}  // namespace lightavseg
