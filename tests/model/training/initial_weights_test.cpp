// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/initial_weights.h"

#include <gtest/gtest.h>

#include "model/network/model_file.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

class InitialWeightsTest : public ::testing::Test {
 protected:
  static ModelConfig tiny() {
    ModelConfig c;
    c.variant = Variant::kTiny;
    return c;
  }
  LightAVSeg save(const ModelConfig& model) {
    torch::manual_seed(1);
    LightAVSeg network(model);
    save_model(file_, network, Storage::kFloat32);
    return network;
  }

  TemporaryFolder folder_;
  const fs::path file_ = folder_ / "other.safetensors";
};

TEST_F(InitialWeightsTest, TakesOneBackboneAndNothingElse) {
  auto other = tiny();
  other.har = other.agve = other.cmfd = false;  // nothing but the backbones is alike
  const auto from = named_state(*save(other));
  for (const bool visual : {true, false}) {
    TrainConfig config;
    (visual ? config.visual_init : config.audio_init) = file_;
    torch::manual_seed(2);
    LightAVSeg network(tiny()), before(tiny());
    {
      torch::NoGradGuard no_grad;
      const auto state = named_state(*network);
      for (auto& [name, tensor] : named_state(*before)) tensor.copy_(state.at(name));
    }
    load_initial_weights(config, network);
    const std::string prefix = visual ? "visual." : "audio.";
    const auto untouched = named_state(*before);
    int taken = 0;
    for (const auto& [name, tensor] : named_state(*network)) {
      const bool mine = name.rfind(prefix, 0) == 0;
      EXPECT_TRUE(torch::equal(tensor, mine ? from.at(name) : untouched.at(name))) << name;
      taken += mine;
    }
    EXPECT_GT(taken, 50);
  }
}

TEST_F(InitialWeightsTest, AnotherBackboneIsRefusedByName) {
  auto other = tiny();
  other.variant = Variant::kSmall;
  other.audio_state = AudioState::kPooled;
  save(other);
  LightAVSeg network(tiny());
  const auto error_of = [&](const TrainConfig& config) {
    try {
      load_initial_weights(config, network);
    } catch (const TrainConfigError& error) {
      return std::string(error.what());
    }
    return std::string("(none)");
  };
  TrainConfig config;
  config.visual_init = file_;
  const auto visual = error_of(config);
  EXPECT_NE(visual.find("model.visual_init"), std::string::npos) << visual;
  EXPECT_NE(visual.find("has seaformer small, this network has seaformer tiny"), std::string::npos)
      << visual;
  config = TrainConfig();
  config.audio_init = file_;
  const auto audio = error_of(config);
  EXPECT_NE(audio.find("model.audio_init"), std::string::npos) << audio;
  EXPECT_NE(audio.find("mobilenetv2 with pooled"), std::string::npos) << audio;
}

}  // namespace
}  // namespace lightavseg
