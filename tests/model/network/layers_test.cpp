// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/layers.h"

#include <gtest/gtest.h>

#include "model/network/seaformer.h"

namespace lightavseg {
namespace {

void expect_values(const torch::Tensor& actual, const std::vector<double>& expected) {
  const auto flat = actual.reshape(-1).to(torch::kFloat64);
  ASSERT_GE(flat.numel(), int64_t(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(flat[int64_t(i)].item<double>(), expected[i], 1e-6) << "at " << i;
}

TEST(HSigmoid, ClampsAtBothEnds) {
  expect_values(h_sigmoid(torch::tensor({-4., -3., -1., 0., 0.5, 3., 9.})),
                {0, 0, 1.0 / 3, 0.5, 0.583333333, 1, 1});
}

TEST(ResizeBilinear, UsesHalfPixelCentresAndExactSizes) {
  expect_values(resize_bilinear(torch::tensor({0., 1.}).reshape({1, 1, 1, 2}), 1, 4),
                {0, 0.25, 0.75, 1});
  expect_values(resize_bilinear(torch::tensor({0., 1., 2., 3.}).reshape({1, 1, 4, 1}), 7, 1),
                {0, 0.357143, 0.928571, 1.5, 2.071429, 2.642857, 3});
}

TEST(AxialPosition, ResizesItsTableToTheAxis) {
  AxialPosition position(1);
  position->to(torch::kFloat64);
  torch::NoGradGuard no_grad;
  position->pos_embed.copy_(torch::arange(16, torch::kFloat64).reshape({1, 1, 16}));
  const auto table = [&](int64_t n) { return position(torch::zeros({1, 1, n}, torch::kFloat64)); };
  expect_values(table(4), {1.5, 5.5, 9.5, 13.5});
  expect_values(table(7), {0.642857, 2.928571, 5.214286, 7.5, 9.785714, 12.071429, 14.357143});
  expect_values(table(14), {0.071429, 1.214286, 2.357143});
  expect_values(table(32), {0, 0.25, 0.75, 1.25});
}

TEST(ConvBn, CanStartSilent) {
  ConvBn conv(2, 3, 1, 1, 1, /*zero_gamma=*/true);
  conv->eval();
  EXPECT_EQ(conv(torch::randn({1, 2, 4, 4})).abs().max().item<float>(), 0.0f);
}

}  // namespace
}  // namespace lightavseg
