// SPDX-License-Identifier: LGPL-2.1-or-later
// VGGish, YAMNet and ResNet-50: sizes, names, numbers of tests/reference/other_backbones_torch.py
// in float64, and networks that have them.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "model/network/cost.h"
#include "model/network/lightavseg.h"
#include "model/network/resnet50.h"
#include "model/network/vggish.h"
#include "model/network/yamnet.h"
#include "tests/model/network/golden_fill.h"

namespace lightavseg {
namespace {

using testing::golden_fill;
using testing::hash_tensor;

// Mean, first value, last value.
using Row = std::array<double, 3>;

void expect_row(const torch::Tensor& t, const Row& row) {
  const auto flat = t.reshape(-1);
  EXPECT_NEAR(flat.mean().item<double>(), row[0], 2e-6);
  EXPECT_NEAR(flat[0].item<double>(), row[1], 2e-6);
  EXPECT_NEAR(flat[-1].item<double>(), row[2], 2e-6);
}

torch::Tensor log_mel(int64_t frames) {
  return 2 * hash_tensor("logmel", {1, 1, frames, 64});
}

std::string message(AudioBackbone& net, const torch::Tensor& x) {
  try {
    net.forward(x);
  } catch (const c10::Error& error) {
    return error.what();
  }
  return "";
}

void expect_names(const torch::nn::Module& net, const std::vector<const char*>& names) {
  const auto parameters = net.named_parameters();
  for (const char* name : names) EXPECT_NE(parameters.find(name), nullptr) << name;
}

// What both audio networks promise.
void expect_frozen_patch_network(AudioBackbone& net) {
  torch::NoGradGuard no_grad;
  net.train();
  EXPECT_FALSE(net.is_training());
  for (const auto& p : net.parameters()) EXPECT_FALSE(p.requires_grad());
  // A second has 98 frames, the patch is the first 96 of them.
  const auto second = log_mel(98).to(torch::kFloat32);
  EXPECT_TRUE(torch::equal(net.forward(second), net.forward(second.slice(2, 0, 96))));
  EXPECT_NE(message(net, torch::zeros({1, 1, 95, 64})).find("at least 96 frames, found 95"),
            std::string::npos);
  EXPECT_NE(message(net, torch::zeros({1, 1, 96, 128})).find("[N, 1, T, 64]"), std::string::npos);
  net.set_trainable(true);
  EXPECT_TRUE(net.is_training());
  net.set_trainable(false);
}

TEST(Vggish, IsThePublishedNetwork) {
  torch::NoGradGuard no_grad;
  Vggish net;
  EXPECT_EQ(count_parameters(*net), 72'141'184);
  expect_names(*net, {"features.0.weight", "features.3.bias", "features.6.weight",
                      "features.8.weight", "features.11.weight", "features.13.weight",
                      "embeddings.0.weight", "embeddings.2.bias", "embeddings.4.weight"});
  expect_frozen_patch_network(*net);
  golden_fill(*net);
  net->to(torch::kFloat64);
  const auto embedding = net(log_mel(96));
  EXPECT_EQ(embedding.sizes(), (std::vector<int64_t>{1, 128}));
  expect_row(embedding, {0.127083, 0, 0.677226});
  EXPECT_NEAR(embedding[0][2].item<double>(), 0.409776, 2e-6);
}

TEST(Yamnet, IsThePublishedNetwork) {
  torch::NoGradGuard no_grad;
  Yamnet net;
  EXPECT_EQ(count_parameters(*net), 3'206'400);
  expect_names(*net, {"layer1.fused.conv.weight", "layer1.fused.bn.bias",
                      "layer2.depthwise_conv.conv.weight", "layer14.pointwise_conv.bn.weight"});
  expect_frozen_patch_network(*net);
  golden_fill(*net);
  net->to(torch::kFloat64);
  const auto embedding = net(log_mel(96));
  EXPECT_EQ(embedding.sizes(), (std::vector<int64_t>{1, 1024}));
  expect_row(embedding, {0.046306, 0.005283, 0.038870});
  EXPECT_NEAR(embedding[0][1].item<double>(), 0.135550, 2e-6);
}

TEST(Yamnet, PadsAsTensorFlowDoes) {
  torch::NoGradGuard no_grad;
  // A mean of three columns tells where the zeros went.
  YamnetConv layer(1, 1, 3, 2, 1);
  layer->eval();
  layer->conv->weight.zero_();
  layer->conv->weight[0][0][1].fill_(1);
  const auto sums = [&](int64_t width) {
    const auto y = layer(torch::ones({1, 1, 1, width})) * std::sqrt(1 + 1e-4);
    return std::vector<int>{int(std::lround(y[0][0][0][0].item<double>())),
                            int(std::lround(y[0][0][0][-1].item<double>()))};
  };
  EXPECT_EQ(sums(6), (std::vector<int>{3, 2})) << "one zero, at the end";
  EXPECT_EQ(sums(5), (std::vector<int>{2, 2})) << "one at each end";
}

TEST(ResNet50, IsThePublishedNetwork) {
  torch::NoGradGuard no_grad;
  ResNet50 net;
  EXPECT_EQ(count_parameters(*net), 23'508'032) << "25,557,032 with the classifier";
  expect_names(*net, {"conv1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer1.0.bn3.weight",
                      "layer1.0.downsample.0.weight", "layer1.0.downsample.1.bias",
                      "layer3.5.conv2.weight", "layer4.2.bn2.weight"});
  golden_fill(*net);
  net->to(torch::kFloat64);
  net->eval();
  const Row rows[] = {{0.719630, 0.942210, 0.556378},
                      {0.781599, 0, 0.704967},
                      {1.081823, 0, 0.333887},
                      {0.914364, 0.175732, 0}};
  const std::vector<int64_t> sizes[] = {
      {1, 256, 18, 26}, {1, 512, 9, 13}, {1, 1024, 5, 7}, {1, 2048, 3, 4}};
  auto x = hash_tensor("frames", {1, 3, 70, 101});
  for (int s = 0; s < 4; ++s) {
    SCOPED_TRACE(s);
    x = net->stage(s, x);
    EXPECT_EQ(x.sizes(), sizes[s]);
    expect_row(x, rows[s]);
  }
  EXPECT_THROW(net->stage(4, x), c10::Error);
}

ModelConfig with_audio(AudioNet net) {
  ModelConfig config;
  config.audio_net = net;
  config.front_end = usual_front_end(net);
  return config;
}

struct Audio {
  AudioNet net;
  int64_t parameters;
  double macs, paper;  // of a 96 x 64 patch; 2 x MACs of the large network at 224, of table 4
};

class CostOfAudio : public ::testing::TestWithParam<Audio> {};

TEST_P(CostOfAudio, IsThatOfThePaper) {
  LightAVSeg network(with_audio(GetParam().net));
  const auto cost = measure_cost(network, 224, 224, 96);
  EXPECT_NEAR(2e-9 * double(cost.macs), GetParam().paper, 0.01 * GetParam().paper);
  for (const auto& m : cost.modules)
    if (m.name == "audio") {
      EXPECT_EQ(m.parameters, GetParam().parameters);
      EXPECT_NEAR(1e-6 * double(m.macs), GetParam().macs, 0.002);
    }
}

INSTANTIATE_TEST_SUITE_P(Table4, CostOfAudio,
                         ::testing::Values(Audio{AudioNet::kVggish, 72'141'184, 863.896, 4.37},
                                           Audio{AudioNet::kYamnet, 3'206'400, 68.632, 2.77},
                                           Audio{AudioNet::kMobileNetV2, 3'535'168, 34.092, 2.70}));

TEST(OtherBackbones, ResNetCostsAsPublished) {
  ModelConfig config;
  config.visual_net = VisualNet::kResNet50;
  config.stages = {1, 2, 3, 4};
  LightAVSeg network(config);
  int64_t macs = 0, parameters = 0;
  for (const auto& m : measure_cost(network, 224, 224, 96).modules)
    if (m.name.rfind("visual.", 0) == 0) {
      macs += m.macs;
      parameters += m.parameters;
    }
  EXPECT_EQ(parameters, 23'508'032);
  EXPECT_NEAR(1e-9 * double(macs), 4.0871, 0.0001);
}

TEST(OtherBackbones, AFrameThroughThem) {
  torch::NoGradGuard no_grad;
  auto config = with_audio(AudioNet::kYamnet);
  config.visual_net = VisualNet::kResNet50;
  config.stages = {1, 2, 3, 4};
  LightAVSeg network(config);
  network->eval();
  FeatureMaps maps;
  const auto out =
      network->forward(torch::rand({2, 3, 65, 97}), log_mel(98).to(torch::kFloat32), &maps);
  EXPECT_EQ(out.logits.sizes(), (std::vector<int64_t>{2, 1, 65, 97}));
  EXPECT_EQ(maps.visual.back().sizes(), (std::vector<int64_t>{2, 2048, 3, 4}));
  EXPECT_TRUE(torch::isfinite(out.logits).all().item<bool>());
}

TEST(OtherBackbones, TravelThroughJson) {
  auto config = with_audio(AudioNet::kVggish);
  config.visual_net = VisualNet::kResNet50;
  config.stages = {2, 4};
  const auto back = ModelConfig::from_json(config.to_json());
  EXPECT_EQ(back, config);
  EXPECT_EQ(back.visual_net, VisualNet::kResNet50);
  EXPECT_EQ(back.audio_net, AudioNet::kVggish);
  EXPECT_EQ(back.audio_channels(), 128);
  EXPECT_EQ(back.stage_channels()[3], 2048);
  EXPECT_EQ(back.embed_channels(), 512);
  EXPECT_EQ(ModelConfig().to_json().find("visual_net"), std::string::npos)
      << "older versions read files without it";
}

// The field that is refused, or "".
std::string refused(const ModelConfig& config) {
  try {
    config.validate();
  } catch (const ConfigError& error) {
    return error.field();
  }
  return "";
}

TEST(OtherBackbones, WhatDoesNotGoTogether) {
  auto config = with_audio(AudioNet::kYamnet);
  EXPECT_EQ(refused(config), "");
  config.front_end = dsp::FrontEnd::kVggish;
  EXPECT_EQ(refused(config), "front_end");
  config = with_audio(AudioNet::kVggish);
  config.audio_state = AudioState::kPooled;
  EXPECT_EQ(refused(config), "audio_state");
  config = ModelConfig();
  config.visual_net = VisualNet::kResNet50;
  EXPECT_EQ(refused(config), "stages");
  config.stages = {1, 2, 3, 4};
  EXPECT_EQ(refused(config), "");
  config.variant = Variant::kTiny;
  EXPECT_EQ(refused(config), "variant");
  EXPECT_THROW(visual_net_from_string("resnet"), ConfigError);
  EXPECT_EQ(audio_net_from_string("yamnet"), AudioNet::kYamnet);
}

}  // namespace
}  // namespace lightavseg
