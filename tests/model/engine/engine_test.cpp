// SPDX-License-Identifier: LGPL-2.1-or-later
// The planned engine against the network in LibTorch.
#include "model/engine/engine.h"

#include <gtest/gtest.h>

#include "model/engine/int8_ranges.h"
#include "tests/model/engine/engine_model.h"

namespace lightavseg {
namespace {

constexpr double kTolerance = 1e-4;  // of the largest value

using testing::config_of;

void expect_same_as_network(const ModelConfig& config, int height, int width, int frames = 101) {
  testing::Model model(config);
  EngineOptions options;
  options.height = height;
  options.width = width;
  const auto engine = Engine::open(model.path(), options);
  EngineState state(engine);
  const auto heard = testing::sound(frames);
  const auto frame = testing::picture(height, width);
  const auto logits = testing::run(state, frame, heard);

  torch::NoGradGuard no_grad;
  const auto audio = model.network()->audio_state(heard);
  const auto wanted =
      model.network()->forward_with_audio(frame, audio, nullptr, LogitSize::kFinestStage).logits;
  ASSERT_EQ(engine->logit_height(), wanted.size(2));
  ASSERT_EQ(engine->logit_width(), wanted.size(3));
  testing::expect_close({state.audio_state(), state.audio_state() + config.audio_channels()},
                        testing::values(audio), kTolerance);
  testing::expect_close(logits, testing::values(wanted.permute({0, 2, 3, 1})), kTolerance);
}

struct Case {
  const char* name;
  ModelConfig config;
  int height = 64, width = 64, frames = 101;
};

template <typename Change>
Case with(const char* name, Change change, int height = 64, int width = 64) {
  Case c{name, config_of(Variant::kTiny, Head::kMaskAndClasses), height, width};
  change(c.config);
  return c;
}

std::vector<Case> cases() {
  std::vector<Case> all = {
      {"tiny", config_of(Variant::kTiny), 96, 64},
      {"small", config_of(Variant::kSmall), 64, 96},
      {"base", config_of(Variant::kBase), 64, 64},
      {"large", config_of(Variant::kLarge), 64, 64},
      {"largest_usual_size", config_of(Variant::kTiny, Head::kMaskAndClasses), 224, 224},
      {"smallest", config_of(Variant::kTiny), 32, 32},
      {"odd", config_of(Variant::kTiny), 77, 51},
      {"odd_large", config_of(Variant::kLarge, Head::kSemantic), 45, 91},
      {"wide", config_of(Variant::kTiny), 40, 333},
      {"semantic", config_of(Variant::kSmall, Head::kSemantic), 64, 64},
      {"few_sound", config_of(Variant::kTiny), 64, 64, 32},
      {"odd_sound", config_of(Variant::kTiny), 64, 64, 57},
      {"much_sound", config_of(Variant::kTiny), 64, 64, 200},
  };
  all.push_back(with("pooled_state", [](auto& c) { c.audio_state = AudioState::kPooled; }));
  all.push_back(with("without_har", [](auto& c) { c.har = false; }));
  all.push_back(with("without_agve", [](auto& c) { c.agve = false; }));
  all.push_back(with("without_cmfd", [](auto& c) { c.cmfd = false; }));
  all.push_back(with("only_har", [](auto& c) { c.agve = c.cmfd = false; }));
  all.push_back(with("only_agve", [](auto& c) { c.har = c.cmfd = false; }));
  all.push_back(with("only_cmfd", [](auto& c) { c.har = c.agve = false; }));
  all.push_back(with("concatenation", [](auto& c) { c.har = c.agve = c.cmfd = false; }));
  all.push_back(with("average", [](auto& c) { c.pooling = Pooling::kAverage; }));
  all.push_back(with("stages_2_to_5", [](auto& c) { c.stages = {2, 3, 4, 5}; }));
  all.push_back(with("stages_1_and_3", [](auto& c) { c.stages = {1, 3}; }));
  all.push_back(with("stages_1_to_4", [](auto& c) { c.stages = {1, 2, 3, 4}; }));
  all.push_back(with("embed_width", [](auto& c) { c.embed_width = 24; }));
  all.push_back(with("no_refinement", [](auto& c) { c.refine = 0; }));
  all.push_back(with("most_refinement", [](auto& c) { c.refine = 4; }));
  all.push_back(with("similarity", [](auto& c) { c.head_similarity = true; }));
  all.push_back(with("similarity_without_cmfd", [](auto& c) {
    c.head_similarity = true;
    c.cmfd = false;
  }));
  all.push_back(with("class_gate", [](auto& c) { c.class_gate = true; }));
  all.push_back(with("class_pyramid", [](auto& c) { c.class_pyramid = true; }));
  all.push_back(with(
      "class_pyramid_of_two",
      [](auto& c) {
        c.class_pyramid = true;
        c.stages = {2, 4};
      },
      70, 54));
  all.push_back(with("class_pyramid_of_concatenation", [](auto& c) {
    c.class_pyramid = true;
    c.har = c.agve = c.cmfd = false;
  }));
  all.push_back(with(
      "everything",
      [](auto& c) {
        c.variant = Variant::kBase;
        c.head_similarity = c.class_gate = c.class_pyramid = true;
      },
      75, 109));
  all.push_back(with("front_end", [](auto& c) { c.front_end = dsp::FrontEnd::kVggish; }));
  return all;
}

class EngineCases : public ::testing::TestWithParam<Case> {};

TEST_P(EngineCases, GivesWhatTheNetworkGives) {
  const auto& c = GetParam();
  expect_same_as_network(c.config, c.height, c.width, c.frames);
}

// What eight bits leave after dozens of layers of random weights, as a share of the largest value:
// here or there, and typically.
void expect_much_the_same(const std::vector<float>& found, const std::vector<float>& wanted,
                          double here, double typically) {
  testing::expect_close(found, wanted, here);
  double most = 0, difference = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    most = std::max(most, std::abs(double(wanted[i])));
    difference += std::abs(double(found[i]) - double(wanted[i])) / double(wanted.size());
  }
  EXPECT_LT(difference, typically * most);
  EXPECT_NE(found, wanted);
}

TEST_P(EngineCases, SaysMuchTheSameInBFloat16AndInt8) {
  const auto& c = GetParam();
  testing::Model model(c.config);
  EngineOptions options;
  options.height = c.height;
  options.width = c.width;
  const auto frame = testing::picture(c.height, c.width), heard = testing::sound(c.frames);
  EngineState floats(Engine::open(model.path(), options));
  floats.watch_ranges();
  const auto wanted = testing::run(floats, frame, heard);
  if (is_supported(Arithmetic::kBFloat16)) {
    options.arithmetic = Arithmetic::kBFloat16;
    EngineState state(Engine::open(model.path(), options));
    expect_much_the_same(testing::run(state, frame, heard), wanted, 0.1, 0.01);
  }
  if (is_supported(Arithmetic::kInt8)) {
    options.arithmetic = Arithmetic::kInt8;
    const TemporaryFolder folder;
    const auto path = folder / "calibrated.safetensors";
    save_model(path, model.network(), Storage::kFloat32,
               {{kInt8RangesKey, to_json(floats.ranges())}});
    EngineState state(Engine::open(path, options));
    expect_much_the_same(testing::run(state, frame, heard), wanted, 0.3, 0.03);
  }
}

INSTANTIATE_TEST_SUITE_P(Engine, EngineCases, ::testing::ValuesIn(cases()),
                         [](const auto& c) { return c.param.name; });

}  // namespace
}  // namespace lightavseg
