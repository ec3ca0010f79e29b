// SPDX-License-Identifier: LGPL-2.1-or-later
// The planned engine against the network in LibTorch.
#include "model/engine/engine.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>
#include <thread>

#include "model/network/model_file.h"
#include "tests/model/files/temporary_folder.h"
#include "tests/model/network/golden_fill.h"

namespace lightavseg {
namespace {

constexpr double kTolerance = 1e-4;  // of the largest value

// Everything off the common path unless a case says so.
ModelConfig config_of(Variant variant, Head head = Head::kMask) {
  ModelConfig config;
  config.variant = variant;
  config.head = head;
  if (head != Head::kMask) config.class_names = {"background", "dog", "violin", "car", "drum"};
  config.train_height = 64;
  config.train_width = 64;
  return config;
}

torch::Tensor sound(int frames = 101) {
  return testing::hash_tensor("sound", {1, 1, frames, 64}).to(torch::kFloat32) * 20 - 30;
}

torch::Tensor picture(int height, int width) {
  return testing::hash_tensor("picture", {1, 3, height, width}).to(torch::kFloat32) * 2;
}

// A network whose every number matters, and the file that holds it.
class Model {
 public:
  explicit Model(const ModelConfig& config) : network_(config) {
    testing::golden_fill(*network_);
    network_->eval();
    save_model(path(), network_, Storage::kFloat32);
  }
  std::filesystem::path path() const { return folder_ / "model.safetensors"; }
  LightAVSeg& network() { return network_; }

 private:
  TemporaryFolder folder_;
  LightAVSeg network_;
};

std::vector<float> values(const torch::Tensor& tensor) {
  const auto flat = tensor.contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

void put(const torch::Tensor& frame, EngineState& state) {
  const auto last = values(frame.permute({0, 2, 3, 1}));
  std::copy(last.begin(), last.end(), state.frame());
}

std::vector<float> logits_of(const EngineState& state) {
  const auto& engine = state.engine();
  const int channels = engine.config().logit_channels();
  std::vector<float> all;
  for (int i = 0; i < engine.logit_height() * engine.logit_width(); ++i) {
    const float* cell = state.logits() + std::ptrdiff_t(i) * state.logit_stride();
    all.insert(all.end(), cell, cell + channels);
  }
  return all;
}

std::vector<float> run(EngineState& state, const torch::Tensor& frame, const torch::Tensor& heard) {
  state.hear(heard.data_ptr<float>(), int(heard.size(2)));
  put(frame, state);
  state.see();
  return logits_of(state);
}

void expect_close(const std::vector<float>& found, const std::vector<float>& wanted,
                  double tolerance = kTolerance) {
  ASSERT_EQ(found.size(), wanted.size());
  double most = 0, least = 1e30, largest = -1e30;
  for (const float v : wanted) {
    most = std::max(most, std::abs(double(v)));
    least = std::min(least, double(v));
    largest = std::max(largest, double(v));
  }
  ASSERT_GT(largest - least, 1e-3 * most) << "the network says nothing";
  for (size_t i = 0; i < found.size(); ++i)
    ASSERT_NEAR(found[i], wanted[i], tolerance * most) << "at " << i;
}

void expect_same_as_network(const ModelConfig& config, int height, int width, int frames = 101) {
  Model model(config);
  EngineOptions options;
  options.height = height;
  options.width = width;
  const auto engine = Engine::open(model.path(), options);
  EngineState state(engine);
  const auto heard = sound(frames);
  const auto frame = picture(height, width);
  const auto logits = run(state, frame, heard);

  torch::NoGradGuard no_grad;
  const auto audio = model.network()->audio_state(heard);
  const auto wanted =
      model.network()->forward_with_audio(frame, audio, nullptr, LogitSize::kFinestStage).logits;
  ASSERT_EQ(engine->logit_height(), wanted.size(2));
  ASSERT_EQ(engine->logit_width(), wanted.size(3));
  expect_close({state.audio_state(), state.audio_state() + config.audio_channels()}, values(audio));
  expect_close(logits, values(wanted.permute({0, 2, 3, 1})));
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

INSTANTIATE_TEST_SUITE_P(Engine, EngineCases, ::testing::ValuesIn(cases()),
                         [](const auto& c) { return c.param.name; });

}  // namespace
}  // namespace lightavseg
