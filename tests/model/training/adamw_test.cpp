// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/adamw.h"

#include <gtest/gtest.h>

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
