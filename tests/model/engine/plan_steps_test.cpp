// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "model/engine/network_plan.h"

namespace lightavseg {
namespace {

std::shared_ptr<PackedWeights> filled(int out, int in, int kernel, int groups) {
  std::vector<float> weight(size_t(out) * (in / groups) * kernel * kernel), bias(size_t(out), 0);
  for (size_t i = 0; i < weight.size(); ++i) weight[i] = float(i * 37 % 101) / 200 - 0.25f;
  for (size_t i = 0; i < bias.size(); ++i) bias[i] = float(i % 7) / 10;
  return std::make_shared<PackedWeights>(ConvolutionValues{out, in, kernel, groups, weight, bias});
}

// A widened map of 4.5 MiB is made in strips; the same three convolutions over whole maps tell what
// must come out. `stride` 1 adds the skip in place.
void compare_with_whole_maps(int kernel, int stride) {
  constexpr int kIn = 16, kWide = 96, kHeight = 111, kWidth = 110;
  InvertedResidualWeights weights;
  weights.expand = filled(kWide, kIn, 1, 1);
  weights.depthwise = filled(kWide, kWide, kernel, kWide);
  weights.project = filled(kIn, kWide, 1, 1);
  weights.stride = stride;
  weights.skip = stride == 1;
  PlanBuilder builder(std::make_shared<MemoryPool>());
  const int height = (kHeight + stride - 1) / stride, width = (kWidth + stride - 1) / stride;
  const Map in = builder.map(kHeight, kWidth, kIn), same = builder.map(kHeight, kWidth, kIn);
  const Map wide = builder.map(kHeight, kWidth, kWide), narrow = builder.map(height, width, kWide);
  const Map wanted = weights.skip ? same : builder.map(height, width, kIn);
  for (const auto& map : {in, same}) builder.is_input(map);
  builder.convolve("expand", weights.expand, same, wide, {Activation::kRelu});
  builder.convolve("depthwise", weights.depthwise, wide, narrow, {Activation::kRelu, stride});
  builder.convolve("project", weights.project, narrow, wanted,
                   {Activation::kNone, 1, -1, weights.skip});
  builder.is_output(wanted);
  const auto whole_steps = builder.steps();
  const Map out = steps::inverted_residual(builder, "strips", weights, in, Activation::kRelu);
  builder.is_output(out);
  EXPECT_GT(builder.steps(), whole_steps + 3) << "the map was not made in strips";

  PlanRunner runner(std::make_shared<const Plan>(builder.finish()));
  for (const auto& map : {in, same})
    for (int i = 0; i < map.size(); ++i) runner[map][i] = float(i * 31 % 97) / 48 - 1;
  runner.run(0, runner.steps());
  ASSERT_EQ(out.size(), wanted.size());
  for (int i = 0; i < out.size(); ++i)
    ASSERT_NEAR(runner[out][i], runner[wanted][i], 1e-4f) << "value " << i;
}

TEST(InvertedResidual, StripsEqualWholeMaps) {
  for (const int kernel : {3, 5})
    for (const int stride : {1, 2}) {
      SCOPED_TRACE(testing::Message() << "kernel " << kernel << ", stride " << stride);
      compare_with_whole_maps(kernel, stride);
    }
}

}  // namespace
}  // namespace lightavseg
