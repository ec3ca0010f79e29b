// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/replicas.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace lightavseg {
namespace {

class ReplicasTest : public ::testing::Test {
 protected:
  static TrainConfig config() {
    TrainConfig c;
    c.replicas = 1;
    return c;
  }
  static ModelConfig model() {
    ModelConfig m;
    m.variant = Variant::kTiny;
    return m;
  }
  LightAVSeg& network() { return replicas_.master()->network; }

  // Whether a batch changes the statistics of that part.
  bool drifts(const std::string& part) {
    std::map<std::string, torch::Tensor> before;
    for (const auto& b : network()->named_buffers()) before[b.key()] = b.value().clone();
    const auto audio = torch::rand({1, network()->config().audio_channels(), 1, 1});
    network()->forward_with_audio(torch::rand({2, 3, 64, 64}), audio);
    for (const auto& b : network()->named_buffers())
      if (b.key().rfind(part + ".", 0) == 0 && !torch::equal(b.value(), before.at(b.key())))
        return true;
    return false;
  }

  Replicas replicas_{config(), model(), {}, 1, 1, torch::kCPU};
};

TEST_F(ReplicasTest, OnlyWhatIsNamedLearns) {
  replicas_.set_trainable({"network.har", "network.head"});
  int learning = 0;
  for (const auto& p : replicas_.master()->named_parameters()) {
    const bool named =
        p.key().rfind("network.har", 0) == 0 || p.key().rfind("network.head", 0) == 0;
    EXPECT_EQ(p.value().requires_grad(), named) << p.key();
    learning += named;
  }
  EXPECT_GT(learning, 0);
}

TEST_F(ReplicasTest, StatisticsOfAPartThatDoesNotLearnStay) {
  replicas_.set_trainable({"network.visual", "network.head"});
  EXPECT_TRUE(drifts("visual"));
  EXPECT_TRUE(drifts("head"));
  EXPECT_FALSE(drifts("up"));
  // Though other parts of the visual side learn.
  replicas_.set_trainable({"network.har", "network.head"});
  EXPECT_FALSE(drifts("visual"));
  EXPECT_TRUE(drifts("head"));
}

}  // namespace
}  // namespace lightavseg
