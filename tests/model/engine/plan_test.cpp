// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/engine/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace lightavseg {
namespace {

void nothing(const Memory&) {
}

TEST(PlanBuilder, MapsThatLiveOneAfterTheOtherShareMemory) {
  PlanBuilder builder(std::make_shared<MemoryPool>());
  const Map a = builder.vector(1000), b = builder.vector(1000), c = builder.vector(1000);
  builder.step("a to b", {a, b}, nothing);
  builder.step("b to c", {b, c}, nothing);
  const auto plan = builder.finish();
  const auto at = [&](const Map& map) { return plan.offsets[size_t(map.id)]; };
  EXPECT_EQ(at(a), at(c));
  EXPECT_NE(at(a), at(b));
  EXPECT_LT(plan.bytes, 3u * 4000);
}

TEST(PlanBuilder, KeptMapsShareNothing) {
  PlanBuilder builder(std::make_shared<MemoryPool>());
  const Map kept = builder.vector(10), in = builder.vector(1000), out = builder.vector(1000);
  builder.keep(kept);
  builder.is_input(in);
  builder.is_output(out);
  const Map a = builder.vector(1000), b = builder.vector(1000);
  builder.step("1", {in, a}, nothing);
  builder.step("2", {a, b}, nothing);
  builder.step("3", {b, out}, nothing);
  const auto plan = builder.finish();
  const auto overlap = [&](const Map& x, const Map& y) {
    const auto p = plan.offsets[size_t(x.id)], q = plan.offsets[size_t(y.id)];
    return p < q + size_t(y.size()) * 4 && q < p + size_t(x.size()) * 4;
  };
  for (const auto& map : {in, out, a, b}) EXPECT_FALSE(overlap(kept, map)) << map.id;
  EXPECT_FALSE(overlap(in, a));
  EXPECT_FALSE(overlap(a, b));
  EXPECT_FALSE(overlap(b, out));
  for (const auto offset : plan.offsets) EXPECT_EQ(offset % 64, 0u);
}

TEST(PlanRunner, RunsAConvolution) {
  // Depthwise 3x3 sums with ReLU, and a 1x1 that is added to what is there.
  auto sums = std::make_shared<PackedWeights>(
      ConvolutionValues{2, 2, 3, 2, std::vector<float>(18, 1.0f), {0, -100}});
  auto mix = std::make_shared<PackedWeights>(ConvolutionValues{1, 2, 1, 1, {10, 1}, {0.5f}});
  PlanBuilder builder(std::make_shared<MemoryPool>());
  const Map in = builder.map(2, 2, 2), middle = builder.map(2, 2, 2), out = builder.map(2, 2, 1);
  builder.is_input(in);
  builder.is_input(out);
  builder.is_output(out);
  builder.module("test");
  builder.convolve("sums", sums, in, middle, {Activation::kRelu});
  builder.convolve("mix", mix, middle, out, {Activation::kNone, 1, -1, true});
  PlanRunner runner(std::make_shared<const Plan>(builder.finish()));
  for (int i = 0; i < 8; ++i) runner[in][i] = float(i);
  for (int i = 0; i < 4; ++i) runner[out][i] = 1000;
  runner.run(0, 2);
  for (int i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(runner[out][i], 1000 + 10 * 12 + 0.5f) << i;
  std::vector<StepTime> times;
  runner.append_times(times);
  ASSERT_EQ(times.size(), 2u);
  EXPECT_EQ(times[0].step, "sums");
  EXPECT_EQ(times[0].multiplications, 4 * 2 * 9);
  EXPECT_EQ(times[1].multiplications, 4 * 2);
}

TEST(PlanRunner, RowsOfAConvolutionEqualTheWhole) {
  const int channels = 8, width = 9;
  for (const auto& [kernel, stride, height] :
       {std::tuple{3, 1, 13}, {3, 2, 13}, {5, 1, 12}, {5, 2, 12}, {1, 1, 7}}) {
    std::vector<float> weight(size_t(channels) * kernel * kernel), bias(channels, 0.25f);
    for (size_t i = 0; i < weight.size(); ++i) weight[i] = float(i * 37 % 101) / 50 - 1;
    auto weights = std::make_shared<PackedWeights>(
        ConvolutionValues{channels, channels, kernel, channels, weight, bias});
    PlanBuilder builder(std::make_shared<MemoryPool>());
    const int out_height = (height + stride - 1) / stride,
              out_width = (width + stride - 1) / stride;
    const Map in = builder.map(height, width, channels);
    const Map whole = builder.map(out_height, out_width, channels);
    const Map parts = builder.map(out_height, out_width, channels);
    builder.is_input(in);
    builder.is_output(whole);
    builder.is_output(parts);
    builder.convolve("whole", weights, in, whole, {Activation::kRelu, stride});
    for (const auto& [first, rows] : {std::pair{0, 1}, {1, 3}, {4, out_height - 4}})
      builder.convolve("part", weights, in, parts,
                       {Activation::kRelu, stride, -1, false, first, rows});
    PlanRunner runner(std::make_shared<const Plan>(builder.finish()));
    for (int i = 0; i < in.size(); ++i) runner[in][i] = float(i * 31 % 97) / 48 - 1;
    runner.run(0, runner.steps());
    for (int i = 0; i < whole.size(); ++i)
      ASSERT_FLOAT_EQ(runner[parts][i], runner[whole][i])
          << "kernel " << kernel << ", stride " << stride << ", value " << i;
  }
}

}  // namespace
}  // namespace lightavseg
