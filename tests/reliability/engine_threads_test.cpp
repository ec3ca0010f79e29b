// SPDX-License-Identifier: LGPL-2.1-or-later
// The planned engine in several threads, without LibTorch, so that the thread sanitizer sees all
// of it that is ours.
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "model/engine/engine.h"

namespace lightavseg {
namespace {

constexpr int kSize = 96, kThreads = 4, kFrames = 6;

EngineOptions options_of(Arithmetic arithmetic) {
  EngineOptions options;
  options.height = options.width = kSize;
  options.arithmetic = arithmetic;
  return options;
}

// The logits of picture and sound number `i`; lengths of sound differ, so that plans are made, too.
std::vector<float> logits_of(EngineState& state, int i) {
  const int frames = 90 + i % 3;
  std::vector<float> heard(size_t(frames) * 64);
  for (size_t k = 0; k < heard.size(); ++k) heard[k] = float((k * (i + 3)) % 41) - 30;
  state.hear(heard.data(), frames);
  for (int k = 0; k < kSize * kSize * 3; ++k)
    state.frame()[k] = float((k * (i + 7)) % 101) / 50 - 1;
  state.see();
  const Engine& engine = state.engine();
  const size_t count =
      size_t(engine.logit_height()) * size_t(engine.logit_width()) * size_t(state.logit_stride());
  return {state.logits(), state.logits() + count};
}

class EngineThreads : public ::testing::TestWithParam<Arithmetic> {};

INSTANTIATE_TEST_SUITE_P(Engine, EngineThreads,
                         ::testing::Values(Arithmetic::kFloat32, Arithmetic::kBFloat16,
                                           Arithmetic::kInt8),
                         [](const auto& test) { return to_string(test.param); });

TEST_P(EngineThreads, ShareAnEngineAndOpenOthers) {
  if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << to_string(GetParam());
  const auto options = options_of(GetParam());
  const auto shared = Engine::open(LIGHTAVSEG_TEST_MODEL, options);
  std::vector<std::vector<float>> wanted, found[kThreads];
  {
    EngineState alone(shared);
    for (int i = 0; i < kFrames; ++i) wanted.push_back(logits_of(alone, i));
  }
  EXPECT_NE(wanted[0], wanted[1]);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      // Half of them share the engine, the others open the file at the same time.
      EngineState state(t % 2 == 0 ? shared : Engine::open(LIGHTAVSEG_TEST_MODEL, options));
      for (int i = 0; i < kFrames; ++i) found[t].push_back(logits_of(state, i));
    });
  for (auto& thread : threads) thread.join();
  for (int t = 0; t < kThreads; ++t) EXPECT_EQ(found[t], wanted) << t;
}

TEST_P(EngineThreads, AStateGoesFromThreadToThread) {
  if (!is_supported(GetParam())) GTEST_SKIP() << "this processor has no " << to_string(GetParam());
  EngineState state(Engine::open(LIGHTAVSEG_TEST_MODEL, options_of(GetParam())));
  const auto here = logits_of(state, 1);
  std::vector<float> there;
  std::thread([&] { there = logits_of(state, 1); }).join();
  EXPECT_EQ(here, there);
}

}  // namespace
}  // namespace lightavseg
