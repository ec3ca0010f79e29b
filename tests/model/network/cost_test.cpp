// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/cost.h"

#include <gtest/gtest.h>

#include <map>

namespace lightavseg {
namespace {

struct Expected {
  Variant variant;
  int64_t parameters;
  double mega_macs;  // at 224 x 224 with a 96 x 64 log-mel
};

class Cost : public ::testing::TestWithParam<Expected> {};

TEST_P(Cost, OfAllVariants) {
  ModelConfig config;
  config.variant = GetParam().variant;
  LightAVSeg network(config);
  const auto cost = measure_cost(network, 224, 224, 96);
  EXPECT_EQ(cost.parameters, GetParam().parameters);
  EXPECT_EQ(cost.parameters, count_parameters(*network));
  EXPECT_NEAR(double(cost.macs) * 1e-6, GetParam().mega_macs, 0.005);
}

INSTANTIATE_TEST_SUITE_P(All, Cost,
                         ::testing::Values(Expected{Variant::kTiny, 5836417, 138.65},
                                           Expected{Variant::kSmall, 8544225, 235.87},
                                           Expected{Variant::kBase, 13751777, 391.91},
                                           Expected{Variant::kLarge, 20532545, 1350.07}));

TEST(Cost, OfTheModulesOfLarge) {
  LightAVSeg network{ModelConfig()};
  std::map<std::string, ModuleCost> modules;
  for (const auto& m : measure_cost(network, 224, 224, 96).modules) modules[m.name] = m;
  const auto mega = [&](const char* name) { return double(modules.at(name).macs) * 1e-6; };
  EXPECT_NEAR(mega("visual.1"), 289.42, 0.01);
  EXPECT_NEAR(mega("visual.2"), 194.88, 0.01);
  EXPECT_NEAR(mega("visual.3"), 130.71 + 241.91, 0.02);
  EXPECT_NEAR(mega("visual.4"), 39.48 + 143.93, 0.02);
  EXPECT_NEAR(mega("visual.5"), 27.35 + 93.23, 0.02);
  EXPECT_NEAR(mega("audio"), 34.093, 0.01);  // the trunk's 32.781 and fc1's 1.311
  EXPECT_EQ(modules["visual.1"].parameters, 58688);
  EXPECT_EQ(modules["audio"].parameters, 3535168);
  EXPECT_EQ(modules["reciprocal_encoder"].parameters, 456576);
  EXPECT_EQ(modules["fusion_decoder"].parameters, 2555712);
  EXPECT_EQ(modules["top_down"].parameters, 165120 + 57408);
  EXPECT_EQ(modules["head"].parameters, 37057);
}

TEST(Cost, GrowsWithTheFrameAsInThePaper) {
  LightAVSeg network{ModelConfig()};
  const std::map<int, double> giga_flops = {{256, 3.438}, {384, 7.621}, {512, 13.470}};
  for (const auto& [size, expected] : giga_flops)
    EXPECT_NEAR(2e-9 * double(measure_cost(network, size, size, 96).macs), expected, 0.001);
}

}  // namespace
}  // namespace lightavseg
