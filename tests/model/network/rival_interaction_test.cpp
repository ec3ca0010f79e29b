// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/rival_interaction.h"

#include <gtest/gtest.h>

#include <cmath>

#include "model/network/avsegformer.h"
#include "model/network/cost.h"
#include "model/network/model_file.h"
#include "model/network/tpavi.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

ModelConfig config_of(Interaction interaction) {
  ModelConfig c;
  c.variant = Variant::kTiny;
  c.interaction = interaction;
  c.stages = {1, 2, 3, 4};
  return c;
}

class Rivals : public ::testing::TestWithParam<Interaction> {};

TEST_P(Rivals, GiveLogitsOfTheFrameAtAnySize) {
  torch::NoGradGuard no_grad;
  auto c = config_of(GetParam());
  c.head = Head::kMaskAndClasses;
  c.class_gate = true;
  c.class_names = {"background", "dog", "cat"};
  LightAVSeg network(c);
  network->eval();
  const auto log_mel = torch::randn({2, 1, 96, 64});
  for (const auto& [height, width] : {std::pair(64, 64), {33, 70}, {96, 161}}) {
    FeatureMaps maps;
    const auto out = network->forward(torch::randn({2, 3, height, width}), log_mel, &maps,
                                      LogitSize::kFinestStage);
    EXPECT_EQ(out.logits.sizes().vec(), (std::vector<int64_t>{2, 4, height, width}));
    EXPECT_TRUE(out.logits.isfinite().all().item<bool>());
    EXPECT_EQ(out.sounds.sizes().vec(), (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(maps.visual.size(), 4u);
    EXPECT_EQ(maps.decoded.size(), 1u);
    EXPECT_TRUE(maps.audio.empty());
    ASSERT_EQ(out.pairs.size(), GetParam() == Interaction::kTpavi ? 4u : 1u);
    for (const auto& pair : out.pairs) {
      EXPECT_EQ(pair.visual.size(1), 256);
      EXPECT_EQ(pair.audio.sizes().vec(), (std::vector<int64_t>{2, 256, 1, 1}));
    }
  }
}

TEST_P(Rivals, OneSoundServesManyFramesAndMatters) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  LightAVSeg network(config_of(GetParam()));
  // The block of TPAVI begins as the identity, which hears nothing.
  for (auto& p : network->named_parameters())
    if (p.key().find("out_norm.weight") != std::string::npos) p.value().fill_(1);
  network->eval();
  const auto frames = torch::randn({3, 3, 64, 64});
  const auto one = torch::randn({1, 1024, 1, 1});
  const auto spread = network->forward_with_audio(frames, one.expand({3, -1, -1, -1})).logits;
  EXPECT_TRUE(torch::allclose(network->forward_with_audio(frames, one).logits, spread, 1e-4, 1e-5));
  EXPECT_FALSE(torch::allclose(network->forward_with_audio(frames, -one).logits, spread));
  // Frames do not look at each other.
  EXPECT_TRUE(torch::allclose(network->forward_with_audio(frames.slice(0, 1, 2), one).logits,
                              spread.slice(0, 1, 2), 1e-4, 1e-5));
}

TEST_P(Rivals, GradientsReachEveryParameterThatIsUsed) {
  torch::manual_seed(3);
  LightAVSeg network(config_of(GetParam()));
  network->train();
  const auto out = network->forward(torch::randn({2, 3, 64, 64}), torch::randn({2, 1, 96, 64}));
  out.logits.square().mean().backward();
  for (const auto& p : network->named_parameters()) {
    const auto& name = p.key();
    // The deepest stage, the frozen audio network, and a unit that only the published files need.
    if (name.find("visual.smb5") == 0 || name.find("visual.trans2") == 0 ||
        name.find("audio.") == 0 || name.find("interaction.lateral.3") == 0)
      continue;
    EXPECT_TRUE(p.value().grad().defined()) << name;
  }
}

TEST_P(Rivals, TravelInAModelFile) {
  const TemporaryFolder folder;
  const auto file = folder / "rival.safetensors";
  LightAVSeg network(config_of(GetParam()));
  network->eval();
  save_model(file, network, Storage::kFloat32);
  const auto back = load_model(file);
  EXPECT_EQ(back->config().interaction, GetParam());
  torch::NoGradGuard no_grad;
  const auto frames = torch::randn({1, 3, 64, 64}), log_mel = torch::randn({1, 1, 96, 64});
  auto loaded = back;
  EXPECT_TRUE(torch::equal(network->forward(frames, log_mel).logits,
                           loaded->forward(frames, log_mel).logits));
}

TEST_P(Rivals, RefuseWhatIsLightAvSegs) {
  const auto field_of = [](ModelConfig c) {
    try {
      c.validate();
    } catch (const ConfigError& error) {
      return error.field();
    }
    return std::string("(none)");
  };
  const auto good = config_of(GetParam());
  EXPECT_EQ(field_of(good), "(none)");
  auto c = good;
  c.stages = {1, 2, 3, 4, 5};
  EXPECT_EQ(field_of(c), "stages");
  for (bool ModelConfig::*part : {&ModelConfig::har, &ModelConfig::agve, &ModelConfig::cmfd}) {
    c = good;
    c.*part = false;
    EXPECT_NE(field_of(c), "(none)");
  }
  c = good;
  c.head_similarity = true;
  EXPECT_EQ(field_of(c), "head_similarity");
}

INSTANTIATE_TEST_SUITE_P(Both, Rivals,
                         ::testing::Values(Interaction::kTpavi, Interaction::kAvSegFormer),
                         [](const auto& tested) { return to_string(tested.param); });

TEST(RivalInteraction, IsAbsentFromFilesOfLightAvSeg) {
  EXPECT_EQ(ModelConfig().to_json().find("interaction"), std::string::npos);
  EXPECT_EQ(ModelConfig::from_json(config_of(Interaction::kTpavi).to_json()).interaction,
            Interaction::kTpavi);
  EXPECT_EQ(interaction_from_string("avsegformer"), Interaction::kAvSegFormer);
  try {
    interaction_from_string("selm");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.field(), "interaction");
    EXPECT_NE(std::string(error.what()).find("lightavseg, tpavi, avsegformer"), std::string::npos);
  }
}

ModelConfig published(Interaction interaction) {
  auto c = config_of(interaction);
  c.variant = Variant::kLarge;
  c.visual_net = VisualNet::kResNet50;
  c.audio_net = AudioNet::kVggish;
  c.front_end = dsp::FrontEnd::kVggish;
  return c;
}

// Parameters of the published models on ResNet-50 and VGGish, counted module by module.
TEST(RivalInteraction, HasTheParametersOfThePublishedTpavi) {
  const TpaviDecoderImpl decoder(published(Interaction::kTpavi));
  const int64_t dilated = 18875392 + 9438208 + 4719616 + 2360320;
  EXPECT_EQ(count_parameters(decoder), dilated + 4 * 2360320 + 4 * 165760 + 331969);
}

TEST(RivalInteraction, HasTheParametersOfThePublishedAvSegFormer) {
  const AvSegFormerDecoderImpl decoder(published(Interaction::kAvSegFormer));
  // Without the two modules that nothing uses, and with the projection of the sound, which the
  // published code has outside of its head.
  const int64_t unused = 1770240 + 331968, projection = 128 * 256 + 256;
  EXPECT_EQ(count_parameters(decoder), 33157184 - unused + projection);
}

int64_t interaction_macs(LightAVSeg& network, int size) {
  for (const auto& m : measure_cost(network, size, size, 96).modules)
    if (m.name == "interaction") return m.macs;
  return 0;
}

// 36.42 G were counted in PyTorch for the published head on maps of ResNet-50 at 224 x 224.
TEST(RivalInteraction, AvSegFormerCostsWhatThePublishedOneCosts) {
  LightAVSeg network(published(Interaction::kAvSegFormer));
  const auto macs = double(interaction_macs(network, 224));
  EXPECT_GT(macs, 0.98 * 36.42e9);
  EXPECT_LT(macs, 1.02 * 36.42e9);
}

TEST(RivalInteraction, TpaviGrowsWithTheSquareOfThePixels) {
  LightAVSeg network(config_of(Interaction::kTpavi));
  // What attends: two products of pixels x pixels x 128 at each scale.
  const auto attention = [](int size) {
    int64_t macs = 0;
    for (const int stride : {4, 8, 16, 32}) {
      const int64_t pixels = int64_t(size / stride) * (size / stride);
      macs += 2 * 128 * pixels * pixels;
    }
    return macs;
  };
  const auto small = interaction_macs(network, 64), large = interaction_macs(network, 128);
  // The rest are convolutions: four times the pixels, four times the work, but for the projections
  // of the sound, which happen once.
  const int64_t sound = 1024 * 128 + 4 * 128 * 256;
  EXPECT_EQ(large - attention(128) - sound, 4 * (small - attention(64) - sound));
  EXPECT_EQ(attention(128), 16 * attention(64));
}

TEST(RivalInteraction, AvSegFormerGrowsWithThePixels) {
  LightAVSeg network(config_of(Interaction::kAvSegFormer));
  // What the queries do among themselves does not depend on the size.
  const auto small = interaction_macs(network, 64), middle = interaction_macs(network, 128);
  EXPECT_EQ(interaction_macs(network, 256) - middle, 4 * (middle - small));
}

TEST(RivalInteraction, PositionsTellRowsAndColumnsApart) {
  const auto p = sine_positions(3, 5);
  EXPECT_EQ(p.sizes().vec(), (std::vector<int64_t>{15, 256}));
  // Pixels of a row share the first half, those of a column the second.
  EXPECT_TRUE(torch::equal(p[0].slice(0, 0, 128), p[4].slice(0, 0, 128)));
  EXPECT_TRUE(torch::equal(p[1].slice(0, 128), p[6].slice(0, 128)));
  EXPECT_FALSE(torch::equal(p[0].slice(0, 0, 128), p[5].slice(0, 0, 128)));
  EXPECT_NEAR(p[0][0].item<double>(), std::sin(2 * M_PI / 3), 1e-4);
  EXPECT_NEAR(p[0][1].item<double>(), std::cos(2 * M_PI / 3), 1e-4);
  EXPECT_NEAR(p[0][128].item<double>(), std::sin(2 * M_PI / 5), 1e-4);
}

TEST(RivalInteraction, DeformableAttentionLooksWhereItsOffsetsSay) {
  torch::NoGradGuard no_grad;
  DeformableAttention attention;
  // One weight for all points, no offsets, values and output unchanged: every pixel sees the three
  // maps at its own place.
  attention->offsets->bias.zero_();
  for (auto& linear : {attention->value, attention->out}) {
    linear->weight.copy_(torch::eye(256));
    linear->bias.zero_();
  }
  const std::vector<std::pair<int64_t, int64_t>> sizes = {{4, 4}, {2, 2}, {1, 1}};
  auto values = torch::zeros({1, 21, 256});
  values.slice(1, 0, 16).copy_(torch::arange(16, torch::kFloat32).view({1, 16, 1}));
  values.slice(1, 16, 20).fill_(3);
  values.slice(1, 20).fill_(6);
  // The centre of the second pixel of the second row of the first map.
  auto places = torch::full({21, 2}, 0.375);
  const auto out = attention(torch::zeros({1, 21, 256}), places, values, sizes);
  EXPECT_NEAR(out[0][0][0].item<double>(), (5.0 + 3 + 6 * 0.875 * 0.875) / 3, 1e-4)
      << "a map of one pixel fades towards its border";
}

}  // namespace
}  // namespace lightavseg
