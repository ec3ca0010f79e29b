// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/norm_activation.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/network/layers.h"

namespace lightavseg {
namespace {

constexpr auto kChannelsLast = torch::MemoryFormat::ChannelsLast;

torch::Tensor with_libtorch(torch::nn::BatchNorm2d& bn, const torch::Tensor& x,
                            Activation activation) {
  const auto y = bn(x);
  if (activation == Activation::kRelu) return torch::relu(y);
  return activation == Activation::kRelu6 ? clamp_relu6(y) : y;
}

torch::nn::BatchNorm2d make_norm(int64_t channels) {
  torch::nn::BatchNorm2d bn(channels);
  torch::NoGradGuard no_grad;
  bn->weight.uniform_(-2, 2);
  bn->bias.uniform_(-1, 3);
  bn->running_mean.uniform_(-1, 1);
  bn->running_var.uniform_(0.5, 2);
  return bn;
}

torch::nn::BatchNorm2d copy_of(const torch::nn::BatchNorm2d& bn) {
  return torch::nn::BatchNorm2d(std::dynamic_pointer_cast<torch::nn::BatchNorm2dImpl>(bn->clone()));
}

struct Result {
  torch::Tensor y, dx, dweight, dbias;
};

Result run(torch::nn::BatchNorm2d& bn, const torch::Tensor& from, Activation activation,
           bool ours) {
  const auto x = from.detach().clone().requires_grad_();
  auto y = ours ? norm_activation(bn, x, activation) : with_libtorch(bn, x, activation);
  // Every value with a weight of its own, so that no gradient is the sum's.
  const auto weights = torch::linspace(-1, 1, y.numel(), y.dtype()).view(y.sizes());
  (y * weights).sum().backward();
  return {y.detach(), x.grad(), bn->weight.grad(), bn->bias.grad()};
}

void expect_close(const torch::Tensor& ours, const torch::Tensor& theirs, const std::string& what) {
  ASSERT_EQ(ours.sizes(), theirs.sizes()) << what;
  const double scale = std::max(1.0, theirs.abs().max().item<double>());
  EXPECT_LT((ours - theirs).abs().max().item<double>(), 2e-5 * scale) << what;
}

TEST(NormActivation, IsWhatLibTorchDoes) {
  torch::manual_seed(1);
  const std::vector<std::vector<int64_t>> shapes = {{2, 1, 3, 5},   {3, 16, 9, 7},  {1, 24, 1, 65},
                                                    {4, 33, 11, 1}, {2, 3, 64, 64}, {2, 7, 1, 1}};
  for (const auto& shape : shapes)
    for (const auto activation : {Activation::kNone, Activation::kRelu, Activation::kRelu6}) {
      auto ours = make_norm(shape[1]), theirs = copy_of(ours);
      const auto x = (3 * torch::randn(shape) + 2).contiguous(kChannelsLast);
      // In doubles: sums of floats in another order differ by more than is allowed here.
      theirs->to(torch::kFloat64);
      const auto a = run(ours, x, activation, true);
      const auto b = run(theirs, x.to(torch::kFloat64), activation, false);
      const auto name = "channels " + std::to_string(shape[1]) + ", activation " +
                        std::to_string(int(activation)) + ": ";
      expect_close(a.y, b.y, name + "y");
      expect_close(a.dx, b.dx, name + "dx");
      expect_close(a.dweight, b.dweight, name + "dweight");
      expect_close(a.dbias, b.dbias, name + "dbias");
      expect_close(ours->running_mean, theirs->running_mean, name + "running mean");
      expect_close(ours->running_var, theirs->running_var, name + "running variance");
      EXPECT_EQ(ours->num_batches_tracked.item<int64_t>(), 1) << name;
      EXPECT_TRUE(a.y.is_contiguous(kChannelsLast)) << name;
    }
}

TEST(NormActivation, IsOneOperationInsteadOfTwo) {
  auto bn = make_norm(8);
  const auto x = torch::randn({2, 8, 6, 6}).contiguous(kChannelsLast).requires_grad_();
  const auto ours = norm_activation(bn, x, Activation::kRelu);
  EXPECT_NE(ours.grad_fn()->name().find("NormActivation"), std::string::npos)
      << ours.grad_fn()->name();
}

// Values near one another and far from 0, whose squares cancel.
TEST(NormActivation, KeepsSmallVariancesOfLargeValues) {
  torch::manual_seed(2);
  auto bn = torch::nn::BatchNorm2d(4);
  const auto noise = torch::randn({2, 4, 20, 20});
  const auto x = (1000 + 0.1 * noise).contiguous(kChannelsLast);
  const auto y = norm_activation(bn, x, Activation::kNone);
  const auto exact = x.to(torch::kFloat64);
  const auto mean = exact.mean({0, 2, 3}, true);
  const auto deviation = ((exact - mean).square().mean({0, 2, 3}, true) + 1e-5).sqrt();
  EXPECT_LT((y - (exact - mean) / deviation).abs().max().item<double>(), 2e-3);
}

TEST(NormActivation, LeavesWhatIsNotForItToLibTorch) {
  torch::manual_seed(3);
  const auto x = torch::randn({2, 8, 5, 5});
  const auto check = [](torch::nn::BatchNorm2d& bn, const torch::Tensor& from) {
    auto theirs = copy_of(bn);
    const auto y = norm_activation(bn, from, Activation::kRelu6);
    EXPECT_TRUE(torch::equal(y, with_libtorch(theirs, from, Activation::kRelu6)));
    EXPECT_TRUE(torch::equal(bn->running_mean, theirs->running_mean));
  };
  auto bn = make_norm(8);
  check(bn, x);  // planes one after the other
  bn->eval();
  check(bn, x.contiguous(kChannelsLast));  // statistics of before
  auto doubles = make_norm(8);
  doubles->to(torch::kFloat64);
  check(doubles, x.to(torch::kFloat64).contiguous(kChannelsLast));
}

TEST(NormActivation, AMapOfAnotherWidthIsRefused) {
  auto bn = make_norm(8);
  EXPECT_THROW(
      norm_activation(bn, torch::randn({2, 9, 5, 5}).contiguous(kChannelsLast), Activation::kRelu),
      c10::Error);
}

TEST(NormActivation, TheInputNeedsNoGradient) {
  auto bn = make_norm(8);
  const auto x = torch::randn({2, 8, 5, 5}).contiguous(kChannelsLast);
  norm_activation(bn, x, Activation::kRelu).sum().backward();
  EXPECT_TRUE(bn->weight.grad().defined());
  EXPECT_FALSE(x.grad().defined());
}

}  // namespace
}  // namespace lightavseg
