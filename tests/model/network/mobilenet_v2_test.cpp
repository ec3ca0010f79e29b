// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/mobilenet_v2.h"

#include <gtest/gtest.h>

#include "model/network/cost.h"

namespace lightavseg {
namespace {

TEST(MobileNetV2, SizesMatchPanns) {
  MobileNetV2 net;
  EXPECT_EQ(count_parameters(*net), 128 + 2223296 + 1311744);
  MobileNetV2 pooled(false);
  EXPECT_EQ(count_parameters(*pooled), 128 + 2223296);
  const auto parameters = net->named_parameters();
  const int64_t per_index[] = {352,    896,    5136,   8832,   10000, 14848,  14848,
                               21056,  54272,  54272,  54272,  66624, 118272, 118272,
                               155264, 320000, 320000, 473920, 412160};
  for (int i = 0; i < 19; ++i) {
    int64_t n = 0;
    const std::string prefix = "features." + std::to_string(i) + ".";
    for (const auto& p : parameters)
      if (p.key().compare(0, prefix.size(), prefix) == 0) n += p.value().numel();
    EXPECT_EQ(n, per_index[i]) << prefix;
  }
}

TEST(MobileNetV2, NamesKeepTheIndicesOfPoolsAndActivations) {
  MobileNetV2 net;
  const auto parameters = net->named_parameters();
  for (const char* name :
       {"bn0.weight", "features.0.0.weight", "features.0.2.bias", "features.1.conv.0.weight",
        "features.1.conv.2.weight", "features.1.conv.4.weight", "features.1.conv.5.weight",
        "features.2.conv.3.weight", "features.2.conv.5.weight", "features.17.conv.7.weight",
        "features.17.conv.8.bias", "features.18.0.weight", "features.18.1.weight", "fc1.bias"})
    EXPECT_NE(parameters.find(name), nullptr) << name;
}

TEST(MobileNetV2, StaysFrozenWhileItsParentTrains) {
  MobileNetV2 net;
  EXPECT_FALSE(net->is_training());
  EXPECT_FALSE(net->bn0->is_training());
  net->train();
  EXPECT_FALSE(net->bn0->is_training());
  const auto before = net->bn0->running_mean.clone();
  net(torch::randn({2, 1, 101, 64}));
  EXPECT_TRUE(torch::equal(before, net->bn0->running_mean));
  for (const auto& p : net->parameters()) EXPECT_FALSE(p.requires_grad());

  net->set_trainable(true);
  EXPECT_TRUE(net->bn0->is_training());
  net(torch::randn({2, 1, 101, 64}));
  EXPECT_FALSE(torch::equal(before, net->bn0->running_mean));
}

TEST(MobileNetV2, RefusesWrongShapesByName) {
  MobileNetV2 net;
  const auto message = [&](torch::Tensor x) -> std::string {
    try {
      net(x);
    } catch (const c10::Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message(torch::zeros({1, 1, 96, 128})).find("[N, 1, T, 64]"), std::string::npos);
  EXPECT_NE(message(torch::zeros({1, 1, 31, 64})).find("at least 32 frames"), std::string::npos);
}

}  // namespace
}  // namespace lightavseg
