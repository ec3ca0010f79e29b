// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/axial_attention.h"

#include <gtest/gtest.h>

#include <vector>

namespace lightavseg {
namespace {

constexpr int64_t kHeads = 3;
constexpr double kScale = 0.4;

// softmax(q^T k) v as it stands in the paper, head by head, in doubles.
torch::Tensor expected(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v) {
  std::vector<torch::Tensor> out;
  const auto qs = q.to(torch::kFloat64).chunk(kHeads, 1),
             ks = k.to(torch::kFloat64).chunk(kHeads, 1),
             vs = v.to(torch::kFloat64).chunk(kHeads, 1);
  for (size_t h = 0; h < size_t(kHeads); ++h) {
    const auto weight = (torch::einsum("bci,bcj->bij", {qs[h], ks[h]}) * kScale).softmax(2);
    out.push_back(torch::einsum("bij,bcj->bci", {weight, vs[h]}));
  }
  return torch::cat(out, 1);
}

torch::Tensor learning(const std::vector<int64_t>& shape) {
  return (2 * torch::randn(shape)).requires_grad_();
}

TEST(AxialAttention, IsTheSoftmaxOfEachHead) {
  torch::manual_seed(1);
  for (const int64_t n : {1, 2, 5, 8, 10, 23, 40}) {
    const auto q = learning({2, kHeads * 4, n}), k = learning({2, kHeads * 4, n}),
               v = learning({2, kHeads * 7, n});
    const auto ours = axial_attention(q, k, v, kHeads, kScale);
    const auto theirs = expected(q, k, v);
    EXPECT_LT((ours - theirs).abs().max().item<double>(), 1e-5) << n;
    const auto weights = torch::linspace(-1, 1, ours.numel()).view(ours.sizes());
    const auto a = torch::autograd::grad({(ours * weights).sum()}, {q, k, v});
    const auto b = torch::autograd::grad({(theirs * weights).sum()}, {q, k, v});
    for (size_t i = 0; i < 3; ++i)
      EXPECT_LT((a[i] - b[i]).abs().max().item<double>(), 2e-5) << n << " gradient " << i;
  }
}

TEST(AxialAttention, TakesMapsWhosePositionsLieApart) {
  torch::manual_seed(2);
  const auto q = torch::randn({2, 9, 12}).transpose(1, 2),
             k = torch::randn({2, 9, 12}).transpose(1, 2),
             v = torch::randn({2, 9, 6}).transpose(1, 2);
  const auto ours = axial_attention(q, k, v, kHeads, kScale);
  EXPECT_LT((ours - expected(q, k, v)).abs().max().item<double>(), 1e-5);
  torch::NoGradGuard no_grad;
  const auto theirs = axial_attention(q, k, v, kHeads, kScale);
  EXPECT_LT((theirs - ours).abs().max().item<double>(), 1e-5);
}

TEST(AxialAttention, LargeScoresDoNotOverflow) {
  const auto q = torch::full({1, 3, 4}, 100.0f), k = torch::full({1, 3, 4}, 100.0f),
             v = torch::arange(12, torch::kFloat32).view({1, 3, 4});
  const auto out = axial_attention(q, k, v, kHeads, kScale);
  EXPECT_TRUE(torch::allclose(out, v.mean(2, true).expand_as(v)));
}

TEST(AxialAttention, OtherTypesAreLibTorchs) {
  torch::manual_seed(3);
  const auto q = torch::randn({2, 12, 5}, torch::kFloat64),
             k = torch::randn({2, 12, 5}, torch::kFloat64),
             v = torch::randn({2, 6, 5}, torch::kFloat64);
  const auto out = axial_attention(q, k, v, kHeads, kScale);
  EXPECT_EQ(out.scalar_type(), torch::kFloat64);
  EXPECT_LT((out - expected(q, k, v)).abs().max().item<double>(), 1e-12);
}

TEST(AxialAttention, ShapesThatDoNotFitAreRefused) {
  const auto q = torch::randn({2, 12, 5}), k = torch::randn({2, 12, 5}),
             v = torch::randn({2, 6, 5});
  EXPECT_THROW(axial_attention(q, k, v, 5, kScale), c10::Error);
  EXPECT_THROW(axial_attention(q, torch::randn({2, 12, 6}), v, kHeads, kScale), c10::Error);
  EXPECT_THROW(axial_attention(q, k, torch::randn({2, 6, 4}), kHeads, kScale), c10::Error);
}

}  // namespace
}  // namespace lightavseg
