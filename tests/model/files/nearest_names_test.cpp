// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/nearest_names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace lightavseg {
namespace {

using Names = std::vector<std::string>;

TEST(NearestNames, PutsTheFewestEditsFirst) {
  const Names names = {"conv1.bias", "conv1.weight", "conv2.weight", "head.bias"};
  EXPECT_EQ(nearest_names("conv1.wieght", names, 2), (Names{"conv1.weight", "conv2.weight"}));
  EXPECT_EQ(nearest_names("conv1.wieght", names, 1), (Names{"conv1.weight"}));
}

TEST(NearestNames, SeesThroughAMissingOrAddedPrefix) {
  const Names names = {"a.b", "model.backbone.conv.weight"};
  EXPECT_EQ(nearest_names("conv.weight", names, 3), (Names{"model.backbone.conv.weight"}));
  EXPECT_EQ(nearest_names("module.network.a.b", names, 3), (Names{"a.b"}));
}

TEST(NearestNames, KeepsTheGivenOrderAmongEquals) {
  EXPECT_EQ(nearest_names("x1y", {"x3y", "x2y"}, 2), (Names{"x3y", "x2y"}));
}

TEST(NearestNames, LeavesOutWhatDoesNotResemble) {
  EXPECT_TRUE(nearest_names("audio", {"backbone", "z"}, 3).empty());
  EXPECT_TRUE(nearest_names("audio", {}, 3).empty());
  EXPECT_TRUE(nearest_names("audio", {"audio"}, 0).empty());
}

TEST(NearestNames, LeavesOutVeryLongNames) {
  const std::string longest(257, 'x');
  EXPECT_TRUE(nearest_names(longest, {longest}, 3).empty());
  EXPECT_TRUE(nearest_names("x", {longest}, 3).empty());
}

}  // namespace
}  // namespace lightavseg
