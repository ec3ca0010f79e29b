// SPDX-License-Identifier: LGPL-2.1-or-later
// Models that the planned engine does not run.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/engine/engine.h"
#include "model/inference/segmenter.h"
#include "model/network/model_file.h"
#include "tests/model/files/temporary_folder.h"
#include "tests/model/network/golden_fill.h"

namespace lightavseg {
namespace {

class OtherNetworks : public ::testing::TestWithParam<const char*> {
 protected:
  OtherNetworks() {
    ModelConfig config;
    config.train_height = config.train_width = 64;
    const std::string kind = GetParam();
    if (kind == "resnet50") {
      config.visual_net = VisualNet::kResNet50;
      config.stages = {1, 2, 3, 4};
    } else if (kind != "yamnet") {
      config.variant = Variant::kTiny;
      config.interaction = interaction_from_string(kind);
      config.stages = {1, 2, 3, 4};
    } else {
      config.variant = Variant::kTiny;
      config.audio_net = AudioNet::kYamnet;
      config.front_end = dsp::FrontEnd::kYamnet;
    }
    LightAVSeg network(config);
    testing::golden_fill(*network);
    network->eval();
    save_model(path_, network, Storage::kFloat16);
  }

  std::unique_ptr<Segmenter> open(const std::string& engine) const {
    SegmenterOptions options;
    options.engine = engine;
    return open_segmenter(path_.string(), options);
  }

  TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "model.safetensors";
};

TEST_P(OtherNetworks, AreRefusedByThePlannedEngine) {
  try {
    open("planned");
    ADD_FAILURE() << "taken";
  } catch (const UnsupportedModel& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.rfind(path_.string() + ": lightavseg.config.", 0), 0u) << text;
    EXPECT_NE(text.find(std::string("has no ") + GetParam()), std::string::npos) << text;
    EXPECT_NE(text.find("the reference engine does"), std::string::npos) << text;
  }
}

TEST_P(OtherNetworks, RunOnTheReferenceWhereTheChoiceIsFree) {
  const auto chosen = open("auto"), reference = open("reference");
  const int frames = dsp::spec(chosen->description().front_end).frames_per_second;
  const std::vector<std::uint8_t> rgb(64 * 64 * 3, 100);
  const std::vector<float> log_mel(size_t(frames) * 64, -3.0f);
  Segmentation found, wanted;
  chosen->segment(rgb.data(), log_mel.data(), frames, false, {}, found);
  reference->segment(rgb.data(), log_mel.data(), frames, false, {}, wanted);
  EXPECT_EQ(found.mask.size(), 64u * 64u);
  EXPECT_EQ(found.mask, wanted.mask);
}

INSTANTIATE_TEST_SUITE_P(All, OtherNetworks,
                         ::testing::Values("yamnet", "resnet50", "tpavi", "avsegformer"),
                         [](const auto& net) { return std::string(net.param); });

}  // namespace
}  // namespace lightavseg
