// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/adamw.h"

#include <gtest/gtest.h>

#include <vector>

namespace lightavseg {
namespace {

torch::Tensor gradient(int step) {
  return torch::tensor({0.5, -1.0, 2.0}, torch::kFloat64) * (step % 3 + 1) - 0.7;
}

TEST(AdamW, TakesTheStepsOfLibTorchs) {
  auto a = torch::tensor({1.0, -2.0, 3.0}, torch::kFloat64).requires_grad_();
  auto b = a.detach().clone().requires_grad_();
  AdamW ours({{"a", a, 0.5, 0.1}});
  torch::optim::AdamW theirs({b}, torch::optim::AdamWOptions(0.01).weight_decay(0.1));
  for (int step = 0; step < 20; ++step) {
    a.mutable_grad() = gradient(step);
    b.mutable_grad() = gradient(step);
    ours.step(0.02);
    theirs.step();
    EXPECT_TRUE(torch::allclose(a, b, 1e-12, 1e-12)) << step;
  }
}

// Channels-last filters, whose gradients lie otherwise, and doubles go by LibTorch's operations.
TEST(AdamW, TakesTheSameStepsWhateverTheLayout) {
  torch::manual_seed(2);
  const auto start = torch::randn({4, 3, 3, 3});
  std::vector<torch::Tensor> values = {
      start.clone(), start.clone(torch::MemoryFormat::ChannelsLast), start.to(torch::kFloat64)};
  std::vector<torch::Tensor> averages;
  const auto gradient = torch::randn_like(start);
  for (auto& value : values) {
    AdamW optimiser({{"a", value, 0.5, 0.1}});
    averages.push_back(torch::zeros_like(value));
    AveragedWeights average({value}, {averages.back()}, 0.9);
    for (int step = 0; step < 5; ++step) {
      value.mutable_grad() = gradient.to(value.scalar_type()) * (1 + step);
      EXPECT_NEAR(optimiser.clip_gradients(3), (gradient * (1 + step)).norm().item<double>(), 1e-4);
      optimiser.step(0.01);
      average.update();
    }
  }
  for (const size_t other : {1, 2}) {
    EXPECT_LT((values[0] - values[other]).abs().max().item<double>(), 1e-6) << other;
    EXPECT_LT((averages[0] - averages[other]).abs().max().item<double>(), 1e-6) << other;
  }
  EXPECT_GT((averages[0] - values[0]).abs().max().item<double>(), 1e-4);
}

TEST(AdamW, LeavesParametersWithoutGradientAlone) {
  auto a = torch::ones({2}).requires_grad_();
  AdamW optimiser({{"a", a, 1, 0.5}});
  optimiser.step(0.1);
  EXPECT_TRUE(torch::equal(a, torch::ones({2})));
}

TEST(AdamW, ClipsTheNormOfAllGradientsTogether) {
  auto a = torch::zeros({1}).requires_grad_(), b = torch::zeros({1}).requires_grad_();
  AdamW optimiser({{"a", a, 1, 0}, {"b", b, 1, 0}});
  a.mutable_grad() = torch::tensor({3.0f});
  b.mutable_grad() = torch::tensor({4.0f});
  EXPECT_DOUBLE_EQ(optimiser.clip_gradients(0), 5);
  EXPECT_FLOAT_EQ(a.grad().item<float>(), 3);
  EXPECT_DOUBLE_EQ(optimiser.clip_gradients(1), 5);
  EXPECT_FLOAT_EQ(a.grad().item<float>(), 0.6f);
  EXPECT_FLOAT_EQ(b.grad().item<float>(), 0.8f);
}

TEST(AdamW, GoesOnFromASavedState) {
  auto a = torch::tensor({1.0, -2.0, 3.0}, torch::kFloat64).requires_grad_();
  AdamW first({{"a", a, 1, 0.1}});
  for (int step = 0; step < 5; ++step) {
    a.mutable_grad() = gradient(step);
    first.step(0.02);
  }
  auto b = a.detach().clone().requires_grad_();
  AdamW second({{"a", b, 1, 0.1}});
  second.load(first.state(), first.steps());
  for (int step = 5; step < 10; ++step) {
    a.mutable_grad() = gradient(step);
    b.mutable_grad() = gradient(step);
    first.step(0.02);
    second.step(0.02);
  }
  EXPECT_TRUE(torch::equal(a, b));
  AdamW other({{"c", b, 1, 0}});
  EXPECT_THROW(other.load(first.state(), 1), std::out_of_range);
}

TEST(AveragedWeights, StartFastAndBecomeSlow) {
  auto w = torch::zeros({1}), e = torch::full({1}, 9.0f);
  AveragedWeights average({w}, {e}, 0.5);
  EXPECT_EQ(e.item<float>(), 0.0f);
  w.fill_(1);
  average.update();  // keeps (1 + 0) / (10 + 0)
  EXPECT_NEAR(e.item<float>(), 0.9, 1e-6);
  average.set_steps(1000);
  w.fill_(3);
  average.update();  // keeps the configured half
  EXPECT_NEAR(e.item<float>(), 0.5 * 0.9 + 0.5 * 3, 1e-6);
}

}  // namespace
}  // namespace lightavseg
