// SPDX-License-Identifier: LGPL-2.1-or-later
// Models, pictures and sounds that the tests of the engine run.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <vector>

#include "model/engine/engine.h"
#include "model/network/model_file.h"
#include "tests/model/files/temporary_folder.h"
#include "tests/model/network/golden_fill.h"

namespace lightavseg::testing {

inline ModelConfig config_of(Variant variant, Head head = Head::kMask) {
  ModelConfig config;
  config.variant = variant;
  config.head = head;
  if (head != Head::kMask) config.class_names = {"background", "dog", "violin", "car", "drum"};
  config.train_height = 64;
  config.train_width = 64;
  return config;
}

inline torch::Tensor sound(int frames = 101, int number = 0) {
  return hash_tensor("sound" + std::to_string(number), {1, 1, frames, 64}).to(torch::kFloat32) *
             20 -
         30;
}

inline torch::Tensor picture(int height, int width, int number = 0) {
  return hash_tensor("picture" + std::to_string(number), {1, 3, height, width})
             .to(torch::kFloat32) *
         2;
}

// A network whose every number matters, and the file that holds it.
class Model {
 public:
  explicit Model(const ModelConfig& config, Storage storage = Storage::kFloat32)
      : network_(config) {
    golden_fill(*network_);
    network_->eval();
    save_model(path(), network_, storage);
  }
  std::filesystem::path path() const { return folder_ / "model.safetensors"; }
  LightAVSeg& network() { return network_; }

 private:
  TemporaryFolder folder_;
  LightAVSeg network_;
};

inline std::vector<float> values(const torch::Tensor& tensor) {
  const auto flat = tensor.contiguous();
  return {flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel()};
}

inline std::vector<float> logits_of(const EngineState& state) {
  const auto& engine = state.engine();
  const int channels = engine.config().logit_channels();
  std::vector<float> all;
  for (int i = 0; i < engine.logit_height() * engine.logit_width(); ++i) {
    const float* cell = state.logits() + std::ptrdiff_t(i) * state.logit_stride();
    all.insert(all.end(), cell, cell + channels);
  }
  return all;
}

inline std::vector<float> look(EngineState& state, const torch::Tensor& frame) {
  const auto last = values(frame.permute({0, 2, 3, 1}));
  std::copy(last.begin(), last.end(), state.frame());
  state.see();
  return logits_of(state);
}

inline std::vector<float> run(EngineState& state, const torch::Tensor& frame,
                              const torch::Tensor& heard) {
  state.hear(heard.data_ptr<float>(), int(heard.size(2)));
  return look(state, frame);
}

// Each value within `tolerance` of the largest one.
inline void expect_close(const std::vector<float>& found, const std::vector<float>& wanted,
                         double tolerance) {
  ASSERT_EQ(found.size(), wanted.size());
  double most = 0;
  for (const float v : wanted) most = std::max(most, std::abs(double(v)));
  const auto ends = std::minmax_element(wanted.begin(), wanted.end());
  ASSERT_GT(double(*ends.second) - double(*ends.first), 1e-3 * most) << "it says nothing";
  for (size_t i = 0; i < found.size(); ++i)
    ASSERT_NEAR(found[i], wanted[i], tolerance * most) << "at " << i;
}

}  // namespace lightavseg::testing
