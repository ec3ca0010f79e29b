// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/lightavseg.h"

#include <gtest/gtest.h>

#include <thread>

#include "model/network/cost.h"
#include "tests/model/network/golden_fill.h"

namespace lightavseg {
namespace {

using testing::golden_fill;
using testing::hash_tensor;

LightAVSeg golden_network(Variant variant) {
  ModelConfig config;
  config.variant = variant;
  LightAVSeg network(config);
  golden_fill(*network);
  network->to(torch::kFloat64);
  network->eval();
  return network;
}

double at(const torch::Tensor& t, int64_t flat) {
  return t.reshape(-1)[flat < 0 ? t.numel() + flat : flat].item<double>();
}

// mean, mean of magnitudes, first, last
using Row = std::array<double, 4>;

void expect_row(const torch::Tensor& t, const Row& row) {
  EXPECT_NEAR(t.mean().item<double>(), row[0], 2e-6);
  EXPECT_NEAR(t.abs().mean().item<double>(), row[1], 2e-6);
  EXPECT_NEAR(at(t, 0), row[2], 2e-6);
  EXPECT_NEAR(at(t, -1), row[3], 2e-6);
}

struct Golden {
  Variant variant;
  std::array<Row, 5> visual;  // stages 1..5 without audio
  // Levels 5..1: V_dec mean, mean of magnitudes, first; A^ mean, first, last.
  std::array<std::array<double, 6>, 5> decoder;
  std::array<double, 3> logits;  // mean, min, max
  std::array<double, 4> pixels;  // (0,0), (10,20), (112,112), (223,223)
};

class GoldenNetwork : public ::testing::TestWithParam<Golden> {};

TEST_P(GoldenNetwork, IsTheSpecifiedOne) {
  torch::NoGradGuard no_grad;
  const auto& g = GetParam();
  auto network = golden_network(g.variant);
  const auto frames = hash_tensor("frames", {1, 3, 224, 224});
  const auto log_mel = 2 * hash_tensor("logmel", {1, 1, 96, 64});

  const auto embedding = network->audio_state(log_mel);
  EXPECT_NEAR(embedding.mean().item<double>(), 0.111403, 1e-6);
  EXPECT_NEAR(at(embedding, 0), 0.507969, 1e-6);
  EXPECT_EQ(at(embedding, 1), 0);
  EXPECT_NEAR(at(embedding, 2), 0.440560, 1e-6);
  EXPECT_NEAR(at(embedding, 500), 0.160803, 1e-6);
  EXPECT_NEAR(at(embedding, 1023), 0.210493, 1e-6);

  auto x = frames;
  for (int s = 0; s < 5; ++s) {
    SCOPED_TRACE("visual stage " + std::to_string(s + 1));
    x = network->visual->stage(s, x);
    expect_row(x, g.visual[size_t(s)]);
  }

  FeatureMaps maps;
  const auto out = network->forward(frames, log_mel, &maps);
  for (int level = 5; level >= 1; --level) {
    SCOPED_TRACE("decoder level " + std::to_string(level));
    const auto& d = g.decoder[size_t(5 - level)];
    const auto& map = maps.decoded[size_t(level - 1)];
    const auto& state = maps.decoder_audio[size_t(level - 1)];
    EXPECT_NEAR(map.mean().item<double>(), d[0], 2e-6);
    EXPECT_NEAR(map.abs().mean().item<double>(), d[1], 2e-6);
    EXPECT_NEAR(at(map, 0), d[2], 2e-6);
    EXPECT_NEAR(state.mean().item<double>(), d[3], 2e-6);
    EXPECT_NEAR(at(state, 0), d[4], 2e-6);
    EXPECT_NEAR(at(state, -1), d[5], 2e-6);
  }
  ASSERT_EQ(out.logits.sizes().vec(), (std::vector<int64_t>{1, 1, 224, 224}));
  EXPECT_NEAR(out.logits.mean().item<double>(), g.logits[0], 2e-6);
  EXPECT_NEAR(out.logits.min().item<double>(), g.logits[1], 2e-6);
  EXPECT_NEAR(out.logits.max().item<double>(), g.logits[2], 2e-6);
  const int64_t where[] = {0, 10 * 224 + 20, 112 * 224 + 112, 223 * 224 + 223};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(at(out.logits, where[i]), g.pixels[i], 2e-6);

  ASSERT_EQ(out.pairs.size(), 3u);
  EXPECT_TRUE(torch::equal(out.pairs[0].visual, maps.decoded[2]));
  EXPECT_TRUE(torch::equal(out.pairs[2].audio, maps.decoder_audio[0]));

  // Single precision stays close enough for any use.
  network->to(torch::kFloat32);
  const auto single = network->forward(frames.to(torch::kFloat32), log_mel.to(torch::kFloat32));
  EXPECT_LT((single.logits.to(torch::kFloat64) - out.logits).abs().max().item<double>(),
            1e-4 * out.logits.abs().max().item<double>());
}

INSTANTIATE_TEST_SUITE_P(
    TinyAndLarge, GoldenNetwork,
    ::testing::Values(Golden{Variant::kTiny,
                             {{{-0.115355, 0.256149, 0.141589, -0.359704},
                               {0.100619, 0.213412, 0.268411, 0.253441},
                               {-0.028243, 0.191585, -0.212966, -0.088987},
                               {-0.005885, 0.204767, 0.226329, -0.195779},
                               {-0.000300, 0.247689, 0.161749, 0.200248}}},
                             {{{0.010315, 0.256783, 0.128949, 0.019018, 0, 0.014223},
                               {-0.024704, 0.323258, 0.716842, 0.019750, 0, 0.006497},
                               {-0.208389, 0.482760, -0.125490, 0.021526, 0.018219, 0},
                               {-0.037861, 0.772264, -0.230436, 0.030492, 0.062279, 0.081213},
                               {0.080542, 0.819904, -0.119734, 0.025993, 0.147216, 0}}},
                             {0.274982, -0.335511, 0.977210},
                             {-0.042010, 0.620035, 0.064067, -0.067252}},
                      Golden{Variant::kLarge,
                             {{{-0.004759, 0.335855, 0.126917, 0.059859},
                               {-0.027149, 0.257114, 0.000121, 0.002211},
                               {0.023151, 0.473760, 0.134593, 0.210987},
                               {-0.088197, 0.748354, 0.134974, 1.369135},
                               {0.039122, 0.809393, -0.088172, -0.042900}}},
                             {{{0.042163, 0.832994, -0.101553, 0.019970, 0.028836, 0.036144},
                               {-0.085447, 1.131687, 0.328903, 0.018797, 0, 0},
                               {-0.012270, 1.562296, -0.200283, 0.022130, 0.031925, 0},
                               {0.027938, 2.236458, -0.545478, 0.020699, 0, 0},
                               {-0.228432, 1.986399, -0.267614, 0.030034, 0, 0}}},
                             {-1.798352, -3.699012, 0.787259},
                             {-0.603294, -0.270785, -2.835644, 0.710109}}));

TEST(LightAVSeg, GoldenAtAWideSize) {
  torch::NoGradGuard no_grad;
  auto network = golden_network(Variant::kTiny);
  FeatureMaps maps;
  const auto out = network->forward(hash_tensor("frames", {1, 3, 180, 320}),
                                    2 * hash_tensor("logmel", {1, 1, 96, 64}), &maps);
  EXPECT_NEAR(out.logits.mean().item<double>(), 0.285975, 1e-6);
  EXPECT_NEAR(out.logits.index({0, 0, 90, 160}).item<double>(), 0.176924, 1e-6);
  const int64_t sizes[5][2] = {{45, 80}, {23, 40}, {12, 20}, {6, 10}, {3, 5}};
  for (size_t k = 0; k < 5; ++k) {
    EXPECT_EQ(maps.decoded[k].size(2), sizes[k][0]);
    EXPECT_EQ(maps.decoded[k].size(3), sizes[k][1]);
  }
}

TEST(LightAVSeg, HasTheEntriesOfThePublishedLayout) {
  LightAVSeg network{ModelConfig()};
  EXPECT_EQ(network->named_parameters().size() + network->named_buffers().size(), 1207u);
  const auto p = network->named_parameters();
  using Shape = std::vector<int64_t>;
  EXPECT_EQ(p.find("har.0.conv_a.weight")->sizes().vec(), (Shape{64, 1024, 1, 1}));
  EXPECT_EQ(p.find("cmfd.3.proj_dec.weight")->sizes().vec(), (Shape{512, 320, 1, 1}));
  EXPECT_EQ(p.find("cmfd.4.proj_dec.weight")->sizes().vec(), (Shape{512, 320, 1, 1}));
  EXPECT_EQ(p.find("up.0.c.weight")->sizes().vec(), (Shape{64, 128, 1, 1}));
  EXPECT_EQ(p.find("refine.2.pw.bn.bias")->sizes().vec(), (Shape{192}));
  EXPECT_EQ(p.find("head.3.weight")->sizes().vec(), (Shape{1, 64, 1, 1}));
  int64_t trainable = 0;
  for (const auto& q : network->parameters()) trainable += q.requires_grad() ? q.numel() : 0;
  EXPECT_EQ(trainable, 16997377);
}

TEST(LightAVSeg, LevelsHaveTheSpecifiedSizes) {
  LightAVSeg network{ModelConfig()};
  const int64_t har[] = {69760, 24832, 61824, 115200, 184960};
  const int64_t cmfd[] = {173248, 329088, 501312, 689920, 862144};
  const int64_t up[] = {8320, 24832, 49536, 82432};
  for (size_t k = 0; k < 5; ++k) {
    EXPECT_EQ(count_parameters(*network->har[k]), har[k]) << k;
    EXPECT_EQ(count_parameters(*network->cmfd[k]), cmfd[k]) << k;
    if (k < 4) {
      EXPECT_EQ(count_parameters(*network->up[k]), up[k]) << k;
    }
  }
  EXPECT_EQ(count_parameters(*network->refine[1]), 18048);
  EXPECT_EQ(count_parameters(*network->refine[2]), 39360);
  EXPECT_TRUE(network->refine[0].is_empty());
  EXPECT_TRUE(network->refine[3].is_empty());
}

TEST(LightAVSeg, TakesAnySizeAndAspect) {
  torch::NoGradGuard no_grad;
  for (auto variant : {Variant::kTiny, Variant::kLarge}) {
    ModelConfig config;
    config.variant = variant;
    LightAVSeg network(config);
    network->eval();
    for (auto [h, w] : {std::pair(32, 32), {33, 97}, {101, 35}, {64, 256}, {250, 333}}) {
      const auto y = network->forward(torch::randn({2, 3, h, w}), torch::randn({2, 1, 101, 64}));
      EXPECT_EQ(y.logits.sizes().vec(), (std::vector<int64_t>{2, 1, h, w}));
      EXPECT_TRUE(torch::isfinite(y.logits).all().item<bool>());
    }
  }
}

TEST(LightAVSeg, FramesAreIndependentAndShareAnAudioState) {
  torch::NoGradGuard no_grad;
  auto network = golden_network(Variant::kTiny);
  const auto frames = torch::randn({3, 3, 64, 96}, torch::kFloat64);
  const auto audio = network->audio_state(torch::randn({1, 1, 101, 64}, torch::kFloat64));
  const auto together = network->forward_with_audio(frames, audio).logits;
  for (int64_t b = 0; b < 3; ++b) {
    const auto alone = network->forward_with_audio(frames.slice(0, b, b + 1), audio).logits;
    EXPECT_TRUE(torch::allclose(together.slice(0, b, b + 1), alone, 1e-9, 1e-9));
  }
}

TEST(LightAVSeg, SoundChangesTheMask) {
  torch::NoGradGuard no_grad;
  auto network = golden_network(Variant::kTiny);
  const auto frames = hash_tensor("frames", {1, 3, 64, 64});
  const auto a = network->forward(frames, hash_tensor("a", {1, 1, 101, 64})).logits;
  const auto b = network->forward(frames, hash_tensor("b", {1, 1, 101, 64}) * 30).logits;
  EXPECT_GT((a - b).abs().max().item<double>(), 1e-3);
}

TEST(LightAVSeg, SwitchesChangeWhatIsBuilt) {
  torch::NoGradGuard no_grad;
  for (int bits = 0; bits < 8; ++bits) {
    ModelConfig config;
    config.variant = Variant::kTiny;
    config.har = bits & 1;
    config.agve = bits & 2;
    config.cmfd = bits & 4;
    LightAVSeg network(config);
    network->eval();
    golden_fill(*network);
    const auto frames = hash_tensor("frames", {1, 3, 64, 64}).to(torch::kFloat32);
    const auto out =
        network->forward(frames, hash_tensor("a", {1, 1, 101, 64}).to(torch::kFloat32));
    const auto names = network->named_parameters();
    EXPECT_EQ(names.find("har.0.conv_a.weight") != nullptr, bits != 0);
    EXPECT_EQ(names.find("har.0.conv_v.weight") != nullptr, config.har);
    EXPECT_EQ(names.find("cmfd.0.fuse.weight") != nullptr, config.cmfd);
    EXPECT_EQ(names.find("concat.weight") != nullptr, bits == 0);
    EXPECT_EQ(out.pairs.size(), bits == 0 ? 0u : 3u);
    const auto louder =
        network->forward(frames, hash_tensor("a", {1, 1, 101, 64}).to(torch::kFloat32) * 40);
    // Audio reaches the mask unless nothing carries it there: HAR alone feeds nobody.
    const bool connected = config.agve || config.cmfd || bits == 0;
    EXPECT_EQ((louder.logits - out.logits).abs().max().item<float>() > 1e-6f, connected) << bits;
  }
}

TEST(LightAVSeg, SubsetsOfStagesWork) {
  torch::NoGradGuard no_grad;
  for (const auto& stages : {std::vector<int>{1, 2, 3, 4}, {2, 3, 4, 5}, {1, 5}}) {
    ModelConfig config;
    config.variant = Variant::kSmall;
    config.stages = stages;
    LightAVSeg network(config);
    network->eval();
    const auto out = network->forward(torch::randn({1, 3, 70, 90}), torch::randn({1, 1, 96, 64}));
    EXPECT_EQ(out.logits.sizes().vec(), (std::vector<int64_t>{1, 1, 70, 90}));
    EXPECT_EQ(out.pairs.size(), std::min<size_t>(3, stages.size()));
  }
}

TEST(LightAVSeg, HeadsAndSimilarity) {
  torch::NoGradGuard no_grad;
  ModelConfig config;
  config.variant = Variant::kTiny;
  config.head = Head::kMaskAndClasses;
  config.class_names = {"background", "dog", "cat"};
  config.head_similarity = true;
  config.pooling = Pooling::kAverage;
  LightAVSeg network(config);
  network->eval();
  const auto out = network->forward(torch::randn({1, 3, 64, 64}), torch::randn({1, 1, 96, 64}));
  EXPECT_EQ(out.logits.size(1), 4);
  EXPECT_EQ(network->named_parameters().find("head.0.c.weight")->size(1), 17);

  config = ModelConfig();
  config.head = Head::kSemantic;
  config.class_names.assign(71, "");
  for (size_t i = 0; i < 71; ++i)
    config.class_names[i] = i == 0 ? "background" : "class " + std::to_string(i);
  EXPECT_EQ(count_parameters(*LightAVSeg(config)), 20532545 + 4550);
}

TEST(LightAVSeg, ClassGateRaisesTheMaskWhereTheClassIsHeard) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  ModelConfig config;
  config.variant = Variant::kTiny;
  config.head = Head::kMaskAndClasses;
  config.class_names = {"background", "dog", "cat"};
  LightAVSeg plain(config);
  config.class_gate = true;
  LightAVSeg gated(config);
  for (auto& p : plain->named_parameters()) gated->named_parameters()[p.key()].copy_(p.value());
  for (auto& b : plain->named_buffers()) gated->named_buffers()[b.key()].copy_(b.value());
  plain->eval();
  gated->eval();
  const auto frames = torch::randn({2, 3, 64, 64});
  const auto audio = torch::rand({2, 1024, 1, 1});
  gated->gate.copy_(torch::tensor({2.0f, 0.5f}));
  const auto without = plain->forward_with_audio(frames, audio, nullptr, LogitSize::kFinestStage);
  const auto with = gated->forward_with_audio(frames, audio, nullptr, LogitSize::kFinestStage);
  EXPECT_FALSE(without.sounds.defined());
  ASSERT_EQ(with.sounds.sizes().vec(), (std::vector<int64_t>{2, 3}));
  // The sum over classes, written out.
  const auto classes = without.logits.slice(1, 1);
  const auto weights = (classes - classes.amax(1, true)).exp();
  const auto shares = weights / weights.sum(1, true);
  auto expected = without.logits.slice(1, 0, 1) + 0.5;
  for (int64_t k = 0; k < 3; ++k)
    expected =
        expected + 2 * shares.slice(1, k, k + 1) * with.sounds.select(1, k).view({2, 1, 1, 1});
  const auto off = (with.logits.slice(1, 0, 1) - expected).abs().max().item<double>();
  EXPECT_LE(off, 1e-5 * expected.abs().max().item<double>());
  EXPECT_TRUE(torch::equal(with.logits.slice(1, 1), classes));
}

TEST(LightAVSeg, ClassPyramidAddsClassesOfTheCoarseMaps) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(2);
  ModelConfig config;
  config.variant = Variant::kTiny;
  config.head = Head::kMaskAndClasses;
  config.class_names = {"background", "dog", "cat"};
  LightAVSeg plain(config);
  config.class_pyramid = true;
  LightAVSeg pyramid(config);
  for (auto& p : plain->named_parameters()) pyramid->named_parameters()[p.key()].copy_(p.value());
  for (auto& b : plain->named_buffers()) pyramid->named_buffers()[b.key()].copy_(b.value());
  plain->eval();
  pyramid->eval();
  const auto frames = torch::randn({2, 3, 96, 64});
  const auto audio = torch::rand({2, 1024, 1, 1});
  FeatureMaps maps;
  const auto without = plain->forward_with_audio(frames, audio, &maps, LogitSize::kFinestStage);
  // A model trained without goes on as it was.
  EXPECT_TRUE(torch::equal(
      pyramid->forward_with_audio(frames, audio, nullptr, LogitSize::kFinestStage).logits,
      without.logits));

  ASSERT_EQ(pyramid->class_levels.size(), 3u);
  torch::Tensor coarse;
  for (size_t i = 3; i-- > 0;) {
    auto& level = pyramid->class_levels[i];
    level->weight.normal_(0, 0.1);
    level->bias.normal_();
    const auto& map = maps.visual[2 + i];
    auto own = torch::einsum("bchw,kc->bkhw", {map, level->weight.flatten(1)}) +
               level->bias.view({1, 3, 1, 1});
    if (coarse.defined()) own = own + resize_bilinear(coarse, map.size(2), map.size(3));
    coarse = own;
  }
  const auto with = pyramid->forward_with_audio(frames, audio, nullptr, LogitSize::kFinestStage);
  const auto expected = without.logits.slice(1, 1) + resize_bilinear(coarse, 24, 16);
  EXPECT_TRUE(torch::allclose(with.logits.slice(1, 1), expected, 1e-4, 1e-4));
  EXPECT_TRUE(torch::equal(with.logits.slice(1, 0, 1), without.logits.slice(1, 0, 1)));
}

TEST(LightAVSeg, SeveralThreadsGiveTheSameMask) {
  auto network = golden_network(Variant::kTiny);
  network->to(torch::kFloat32);
  const auto frames = torch::randn({1, 3, 64, 64});
  const auto mel = torch::randn({1, 1, 101, 64});
  std::vector<torch::Tensor> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results)
    threads.emplace_back([&] {
      torch::NoGradGuard no_grad;
      result = network->forward(frames, mel).logits;
    });
  for (auto& t : threads) t.join();
  for (const auto& result : results) EXPECT_TRUE(torch::equal(result, results[0]));
}

TEST(LightAVSeg, NamesWrongInputs) {
  ModelConfig config;
  config.variant = Variant::kTiny;
  LightAVSeg network(config);
  const auto message = [&](torch::Tensor frames, torch::Tensor audio) -> std::string {
    try {
      network->forward_with_audio(frames, audio);
    } catch (const c10::Error& error) {
      return error.what();
    }
    return "";
  };
  const auto state = torch::zeros({1, 1024, 1, 1});
  EXPECT_NE(message(torch::zeros({1, 1, 64, 64}), state).find("[B, 3, H, W]"), std::string::npos);
  EXPECT_NE(message(torch::zeros({1, 3, 31, 64}), state).find("32 x 32"), std::string::npos);
  EXPECT_NE(
      message(torch::zeros({3, 3, 64, 64}), torch::zeros({2, 1024, 1, 1})).find("audio state"),
      std::string::npos);
  EXPECT_NE(message(torch::zeros({1, 3, 64, 64}), torch::zeros({1, 1280, 1, 1})).find("1024"),
            std::string::npos);
}

}  // namespace
}  // namespace lightavseg
