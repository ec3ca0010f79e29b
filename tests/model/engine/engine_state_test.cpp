// SPDX-License-Identifier: LGPL-2.1-or-later
// What an engine and its states promise beside the numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <thread>

#include "model/files/safetensors_writer.h"
#include "model/inference/engine_segmenter.h"
#include "model/inference/model_description.h"
#include "model/inference/model_path.h"
#include "model/inference/reference_module.h"
#include "tests/model/engine/allocations.h"
#include "tests/model/engine/engine_model.h"

namespace lightavseg {
namespace {

using testing::config_of;
using testing::look;
using testing::Model;
using testing::picture;
using testing::run;
using testing::sound;

Model& small_model() {
  static Model model(config_of(Variant::kTiny, Head::kMaskAndClasses));
  return model;
}

std::shared_ptr<const Engine> small_engine() {
  static const auto engine = Engine::open(small_model().path());
  return engine;
}

TEST(EngineState, GivesTheSameBitsOnEveryRun) {
  EngineState state(small_engine()), another(small_engine());
  const auto first = run(state, picture(64, 64), sound());
  run(state, picture(64, 64, 1), sound(101, 1));
  EXPECT_EQ(run(state, picture(64, 64), sound()), first);
  EXPECT_EQ(run(another, picture(64, 64), sound()), first);
}

TEST(EngineState, GivesTheSameBitsInThreadsThatShareAnEngine) {
  constexpr int kThreads = 4, kFrames = 8;
  std::vector<std::vector<float>> wanted, found[kThreads];
  EngineState alone(small_engine());
  for (int i = 0; i < kFrames; ++i) wanted.push_back(run(alone, picture(64, 64, i), sound(101, i)));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      EngineState state(small_engine());
      for (int i = 0; i < kFrames; ++i)
        found[t].push_back(run(state, picture(64, 64, i), sound(101, i)));
    });
  for (auto& thread : threads) thread.join();
  for (const auto& f : found) EXPECT_EQ(f, wanted);
}

TEST(EngineState, PlansLengthsOfSoundInSeveralThreads) {
  EngineState alone(small_engine());
  std::map<int, std::vector<float>> wanted;
  for (int frames = 40; frames < 52; ++frames)
    wanted[frames] = run(alone, picture(64, 64), sound(frames));
  std::vector<std::thread> threads;
  std::map<int, std::vector<float>> found[2];
  for (auto& f : found)
    threads.emplace_back([&f] {
      EngineState state(small_engine());
      for (int frames = 51; frames >= 40; --frames)
        f[frames] = run(state, picture(64, 64), sound(frames));
    });
  for (auto& thread : threads) thread.join();
  for (const auto& f : found) EXPECT_EQ(f, wanted);
}

TEST(EngineState, KeepsTheSoundForTheNextFrames) {
  EngineState state(small_engine()), another(small_engine());
  run(state, picture(64, 64), sound(101, 1));
  const auto kept = look(state, picture(64, 64, 2));
  EXPECT_EQ(run(another, picture(64, 64, 2), sound(101, 1)), kept);
  EXPECT_NE(run(another, picture(64, 64, 2), sound(101, 2)), kept);
}

TEST(EngineState, TakesAnAudioStateInThePlaceOfASound) {
  EngineState state(small_engine()), another(small_engine());
  const auto heard = run(state, picture(64, 64), sound());
  another.set_audio_state(state.audio_state());
  EXPECT_EQ(look(another, picture(64, 64)), heard);
}

TEST(Allocations, AreCounted) {
  if (!testing::Allocations::can_count()) GTEST_SKIP() << "the heap is another one";
  const testing::Allocations allocations;
  const std::vector<char> block(5000);
  EXPECT_EQ(allocations.count(), 1u);
  EXPECT_EQ(allocations.largest(), block.size());
}

TEST(EngineState, AllocatesNothingOfItsOwnOnceItRuns) {
  if (!testing::Allocations::can_count()) GTEST_SKIP() << "the heap is another one";
  EngineState state(small_engine());
  const auto frame = testing::values(picture(64, 64).permute({0, 2, 3, 1}));
  const auto heard = sound();
  const auto once = [&] {
    state.hear(heard.data_ptr<float>(), 101);
    std::copy(frame.begin(), frame.end(), state.frame());
    state.see();
  };
  once();
  const testing::Allocations allocations;
  once();
  // oneDNN makes a small list of the arguments of each convolution it runs.
  EXPECT_LT(allocations.largest(), 1024u);
}

TEST(EngineState, FeaturesThatAreNoNumbersGiveLogitsThatAreNone) {
  EngineState state(small_engine());
  const auto right = run(state, picture(64, 64), sound());
  auto broken = sound();
  broken[0][0][50][3] = std::numeric_limits<float>::quiet_NaN();
  for (const float v : run(state, picture(64, 64), broken)) ASSERT_TRUE(std::isnan(v));
  EXPECT_EQ(run(state, picture(64, 64), sound()), right);
}

TEST(EngineState, RefusesToSeeBeforeItHears) {
  EngineState state(small_engine());
  EXPECT_FALSE(state.has_heard());
  EXPECT_THROW(state.see(), std::logic_error);
  EXPECT_THROW(state.hear(sound().data_ptr<float>(), 31), std::runtime_error);
  EXPECT_THROW(state.see(), std::logic_error);
  run(state, picture(64, 64), sound());
  EXPECT_TRUE(state.has_heard());
}

TEST(EngineState, MeasuresEachStep) {
  EngineState state(small_engine());
  run(state, picture(64, 64), sound());
  for (const auto& time : state.step_times()) ASSERT_EQ(time.runs, 0) << time.step;
  state.measure(true);
  run(state, picture(64, 64), sound());
  run(state, picture(64, 64), sound());
  std::map<std::string, std::int64_t> multiplications;
  for (const auto& time : state.step_times()) {
    EXPECT_EQ(time.runs, 2) << time.module << " " << time.step;
    EXPECT_GE(time.nanoseconds, 0);
    multiplications[time.module] += time.multiplications;
  }
  for (const char* module : {"audio", "visual", "top_down", "head"})
    EXPECT_GT(multiplications[module], 0) << module;
  EXPECT_EQ(multiplications.count("reciprocal_encoder"), 1u);
  EXPECT_EQ(multiplications.count("fusion_decoder"), 1u);
  state.measure(false);
  run(state, picture(64, 64), sound());
  EXPECT_EQ(state.step_times()[0].runs, 2);
}

TEST(Engine, SaysWhatItIs) {
  const auto engine = small_engine();
  EXPECT_EQ(engine->config(), config_of(Variant::kTiny, Head::kMaskAndClasses));
  EXPECT_EQ(engine->height(), 64);
  EXPECT_EQ(engine->width(), 64);
  EXPECT_EQ(engine->logit_height(), 16);
  EXPECT_EQ(engine->logit_width(), 16);
}

TEST(Engine, KeepsOneCopyOfTheWeights) {
  std::size_t parameters = 0;
  for (const auto& p : small_model().network()->parameters()) parameters += size_t(p.numel());
  // Blocked layouts round channels up; kernels of pooled convolutions grow from 9 to 16.
  EXPECT_LT(small_engine()->weight_bytes(), parameters * 4 * 5 / 4);
}

TEST(Engine, MapsShareMemory) {
  EngineOptions options;
  options.height = options.width = 224;
  // Alone the three largest maps of 112 x 112 pixels have 16 + 16 + 64 channels, and what is made
  // of the largest in strips lies beside it; one after another all maps would need ten times as
  // much.
  EXPECT_LT(Engine::open(small_model().path(), options)->state_bytes(), 112u * 112 * 108 * 4);
}

TEST(Engine, ReadsHalves) {
  Model model(config_of(Variant::kTiny), Storage::kFloat16);
  const auto rounded = load_model(model.path());
  EngineState state(Engine::open(model.path()));
  torch::NoGradGuard no_grad;
  auto network = rounded;
  const auto wanted = network->forward(picture(64, 64), sound(), nullptr, LogitSize::kFinestStage);
  testing::expect_close(run(state, picture(64, 64), sound()),
                        testing::values(wanted.logits.permute({0, 2, 3, 1})), 1e-4);
}

void expect_refusal(const std::filesystem::path& path, const EngineOptions& options,
                    const std::vector<std::string>& parts) {
  try {
    Engine::open(path, options);
  } catch (const std::runtime_error& error) {
    for (const auto& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    return;
  }
  ADD_FAILURE() << "no error";
}

TEST(EngineErrors, Sizes) {
  for (const int size : {31, -1, 8193}) {
    EngineOptions options;
    options.height = size;
    expect_refusal(small_model().path(), options, {"height", std::to_string(size), "32", "8192"});
    options = {};
    options.width = size;
    expect_refusal(small_model().path(), options, {"width", std::to_string(size), "32", "8192"});
  }
}

TEST(EngineErrors, MissingFile) {
  TemporaryFolder folder;
  const auto path = folder / "nothing.safetensors";
  expect_file_error([&] { Engine::open(path); }, path, "", {"no such file"});
}

// The weights of the small model with one of them changed, as a file.
template <typename Change>
void expect_weight_error(const std::string& field, const std::vector<std::string>& parts,
                         Change change) {
  std::map<std::string, torch::Tensor> tensors = named_state(*small_model().network());
  change(tensors);
  TemporaryFolder folder;
  const auto path = folder / "broken.safetensors";
  write_tensors(path, tensors, {{kConfigKey, small_engine()->config().to_json()}});
  expect_file_error([&] { Engine::open(path); }, path, field, parts);
  // The reference says the same.
  expect_file_error([&] { load_model(path); }, path, field, parts);
}

TEST(EngineErrors, WeightsMissing) {
  expect_weight_error("head.3.bias", {"2 tensors", "lacks", "head.3.bias, up.1.c.weight"},
                      [](auto& tensors) {
                        tensors.erase("up.1.c.weight");
                        tensors.erase("head.3.bias");
                      });
}

TEST(EngineErrors, WeightsUnknown) {
  expect_weight_error("head.4.bias", {"1 tensors", "does not have"},
                      [](auto& tensors) { tensors["head.4.bias"] = torch::zeros({3}); });
}

TEST(EngineErrors, WeightsOfAnotherShape) {
  expect_weight_error("cmfd.2.gate.weight", {"[3, 4]", "[64, 64, 1, 1]"}, [](auto& tensors) {
    tensors["cmfd.2.gate.weight"] = torch::zeros({3, 4});
  });
}

TEST(EngineErrors, WeightsThatAreIntegers) {
  expect_weight_error("head.3.bias", {"integers", "F16"}, [](auto& tensors) {
    tensors["head.3.bias"] = tensors["head.3.bias"].to(torch::kInt32);
  });
}

TEST(EngineErrors, WeightsThatAreNoNumbers) {
  expect_weight_error("visual.smb5.layer1.conv.0.c.weight", {"1 values", "NaN"}, [](auto& tensors) {
    auto& t = tensors["visual.smb5.layer1.conv.0.c.weight"];
    t = t.clone();
    t[0][0][0][0] = std::numeric_limits<float>::infinity();
  });
}

TEST(EngineErrors, NegativeVariances) {
  expect_weight_error("up.0.bn.running_var", {"negative"},
                      [](auto& tensors) { tensors["up.0.bn.running_var"] = -torch::ones({16}); });
}

// The model that ships: its masks are those of the reference.
TEST(ShippedModel, HasTheMasksOfTheReference) {
  std::filesystem::path path;
  try {
    path = shipped_model();
  } catch (const FileError&) {
    GTEST_SKIP() << "no model is shipped";
  }
  const auto planned = open_engine_segmenter(path.string());
  const auto reference = open_reference_segmenter(path.string());
  const auto& d = planned->description();
  for (int number = 0; number < 3; ++number) {
    // Soft shapes rather than noise, of which a trained network makes nothing.
    const auto noise = torch::nn::functional::interpolate(
        picture(7, 7, number), torch::nn::functional::InterpolateFuncOptions()
                                   .size(std::vector<int64_t>{d.height, d.width})
                                   .mode(torch::kBilinear)
                                   .align_corners(false));
    std::vector<std::uint8_t> rgb;
    for (const float v : testing::values(noise.permute({0, 2, 3, 1})))
      rgb.push_back(std::uint8_t(std::min(255.0f, std::max(0.0f, 127.5f + 60 * v))));
    const auto heard = sound(101, number);
    Segmentation a, b;
    ClassSelection selection(d.class_names.size(), true);
    if (number > 0 && !selection.empty()) selection[0] = false;
    planned->segment(rgb.data(), heard.data_ptr<float>(), 101, false, selection, a);
    reference->segment(rgb.data(), heard.data_ptr<float>(), 101, false, selection, b);
    ASSERT_EQ(a.mask.size(), b.mask.size());
    ASSERT_EQ(a.labels.size(), b.labels.size());
    for (size_t i = 0; i < a.mask.size(); ++i) ASSERT_NEAR(a.mask[i], b.mask[i], 1e-4) << i;
    size_t differ = 0;  // two classes that are equally likely may change places
    for (size_t i = 0; i < a.labels.size(); ++i) differ += a.labels[i] != b.labels[i];
    EXPECT_LE(differ, a.labels.size() / 1000);
  }
}

TEST(EngineSegmenter, TakesBFloat16WhereTheModelSaysThatItIsAsGood) {
  if (!is_supported(Arithmetic::kBFloat16))
    GTEST_SKIP() << "this processor has no instructions for bfloat16";
  testing::Model plain(config_of(Variant::kTiny));
  const auto arithmetic_of = [](const std::filesystem::path& path, const char* precision) {
    SegmenterOptions options;
    options.precision = precision;
    return open_engine_segmenter(path.string(), options)->engine()->options().arithmetic;
  };
  EXPECT_EQ(arithmetic_of(plain.path(), "fp32"), Arithmetic::kFloat32);
  EXPECT_EQ(arithmetic_of(plain.path(), "auto"), Arithmetic::kFloat32);
  EXPECT_EQ(arithmetic_of(plain.path(), "bf16"), Arithmetic::kBFloat16);
  const TemporaryFolder folder;
  const auto path = folder / "measured.safetensors";
  save_model(path, plain.network(), Storage::kFloat32, {{kPrecisionsKey, "int4,bf16"}});
  EXPECT_EQ(arithmetic_of(path, "fp32"), Arithmetic::kFloat32);
  EXPECT_EQ(arithmetic_of(path, "auto"), Arithmetic::kBFloat16);
  const auto other = folder / "other.safetensors";
  save_model(other, plain.network(), Storage::kFloat32, {{kPrecisionsKey, "xbf16"}});
  EXPECT_EQ(arithmetic_of(other, "auto"), Arithmetic::kFloat32);
}

TEST(Engine, IsSmallerInBFloat16) {
  if (!is_supported(Arithmetic::kBFloat16))
    GTEST_SKIP() << "this processor has no instructions for bfloat16";
  EngineOptions options;
  const auto path = small_model().path();
  const auto floats = Engine::open(path, options);
  options.arithmetic = Arithmetic::kBFloat16;
  const auto halves = Engine::open(path, options);
  EXPECT_LT(halves->weight_bytes(), floats->weight_bytes());
  EXPECT_LT(halves->state_bytes(), floats->state_bytes());
}

TEST(EngineErrors, BFloat16WithoutInstructions) {
  if (is_supported(Arithmetic::kBFloat16))
    GTEST_SKIP() << "this processor has instructions for bfloat16";
  EngineOptions options;
  options.arithmetic = Arithmetic::kBFloat16;
  EXPECT_THROW(Engine::open(small_model().path(), options), UnsupportedModel);
}

TEST(EngineSegmenter, SharesItsEngineAndMeasures) {
  const auto one = open_engine_segmenter(small_model().path().string());
  const auto shared = one->share();
  auto* two = dynamic_cast<EngineSegmenter*>(shared.get());
  ASSERT_NE(two, nullptr);
  EXPECT_EQ(one->engine(), two->engine());
  const std::vector<std::uint8_t> rgb(64 * 64 * 3, 100);
  const auto heard = sound();
  Segmentation a, b;
  two->measure(true);
  one->segment(rgb.data(), heard.data_ptr<float>(), 101, false, {}, a);
  two->segment(rgb.data(), heard.data_ptr<float>(), 101, false, {}, b);
  EXPECT_EQ(a.mask, b.mask);
  EXPECT_EQ(a.labels, b.labels);
  const auto times = two->step_times();
  EXPECT_EQ(times.front().module, "pre");
  EXPECT_EQ(times.back().module, "post");
  for (const auto& time : times) EXPECT_EQ(time.runs, 1) << time.step;
}

}  // namespace
}  // namespace lightavseg
