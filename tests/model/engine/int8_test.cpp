// SPDX-License-Identifier: LGPL-2.1-or-later
// Bytes in the place of floats: how they are made, multiplied and refused.
#include "model/engine/int8_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "model/engine/kernels.h"
#include "model/engine/plan.h"
#include "model/files/safetensors_writer.h"
#include "model/inference/engine_segmenter.h"
#include "model/inference/model_description.h"
#include "tests/model/engine/engine_model.h"

namespace lightavseg {
namespace {

TEST(Quantise, RoundsToTheNearestAndEndsAtTheLimits) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> values = {0, 1, -1, 0.74f, 0.76f, -0.76f, 63, 64, -64, -70, 1e9f, kNaN};
  const std::vector<std::int8_t> with_sign = {0, 2, -2, 1, 2, -2, 126, 127, -128, -128, 127, -128};
  const std::vector<std::uint8_t> without = {0, 2, 0, 1, 2, 0, 126, 128, 0, 0, 255, 0};
  std::vector<std::int8_t> a(values.size());
  std::vector<std::uint8_t> b(values.size());
  kernels::quantise(values.data(), int(values.size()), 2, a.data());
  kernels::quantise(values.data(), int(values.size()), 2, b.data());
  EXPECT_EQ(a, with_sign);
  EXPECT_EQ(b, without);
  std::vector<BFloat16> halves(values.size());
  kernels::round_off(values.data(), int(values.size()), halves.data());
  for (const int i : {0, 1, 2, 6, 7, 8, 9, 10, 11}) {
    kernels::quantise(halves.data() + i, 1, 2, a.data());
    kernels::quantise(halves.data() + i, 1, 2, b.data());
    EXPECT_EQ(a[0], with_sign[size_t(i)]) << values[size_t(i)];
    EXPECT_EQ(b[0], without[size_t(i)]) << values[size_t(i)];
  }
}

TEST(Largest, CountsMagnitudesAndNoNaN) {
  std::vector<float> values(40, 0.5f);
  values[7] = -3;
  values[33] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(kernels::largest(values.data(), 40), 3);
  EXPECT_EQ(kernels::largest(values.data(), 0), 0);
}

// Steps and weights are chosen so that no byte is rounded: the numbers are those of floats.
TEST(Int8Convolutions, EqualThoseOfFloats) {
  if (!is_supported(Arithmetic::kInt8)) GTEST_SKIP() << "this processor adds no products of bytes";
  const TemporaryFolder folder;
  const auto path = folder / "ranges.safetensors";
  write_safetensors(path, {},
                    {{kInt8RangesKey, R"({"wide": 127, "sums": 15.9375, "mix": 15.9375})"}});
  const Int8Ranges ranges(SafetensorsFile::open(path));
  // 2 channels to 4, depthwise sums of 3x3, back to 2 and added to what is there.
  std::vector<float> wide = {127, 0, 0, 127, 127, 64, -127, 3}, mix = {1, 127, 0, 2, 127, 1, 9, 0};
  for (auto* weights : {&wide, &mix})
    for (float& w : *weights) w /= 16;
  const ConvolutionValues widening{4, 2, 1, 1, wide, {0, 0.0625f, 0, 0}};
  const ConvolutionValues summing{4, 4, 3, 4, std::vector<float>(36, 1), {0, 0, 1, -0.5f}};
  const ConvolutionValues mixing{2, 4, 1, 1, mix, {0.25f, -7}};
  const std::vector<float> values = {1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, -1, 0};
  const auto run = [&](const Int8Ranges* used) {
    PlanBuilder builder(std::make_shared<MemoryPool>(), Element::kFloat32, used);
    const Map in = builder.map_read_by("wide", 3, 3, 2, true), out = builder.map(3, 3, 2);
    const Map a = builder.map_read_by("sums", 3, 3, 4, false);
    const Map b = builder.map_read_by("mix", 3, 3, 4, false);
    builder.is_input(in);
    builder.keep(out);
    EXPECT_EQ(a.element, used ? Element::kUInt8 : Element::kFloat32);
    const auto packed = [](const auto& w) { return std::make_shared<PackedWeights>(w); };
    builder.convolve("wide", packed(widening), in, a, {Activation::kRelu});
    builder.convolve("sums", packed(summing), a, b, {Activation::kRelu});
    builder.convolve("mix", packed(mixing), b, out, {Activation::kNone, 1, -1, true});
    PlanRunner runner(std::make_shared<const Plan>(builder.finish()));
    std::fill_n(runner[out], out.size(), 100.0f);
    if (used)
      kernels::quantise(values.data(), in.size(), 1 / in.step,
                        reinterpret_cast<std::int8_t*>(runner[in]));
    else
      std::copy(values.begin(), values.end(), runner[in]);
    runner.run(0, runner.steps());
    return std::vector<float>(runner[out], runner[out] + out.size());
  };
  const auto wanted = run(nullptr), found = run(&ranges);
  EXPECT_GT(*std::max_element(wanted.begin(), wanted.end()), 110);
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(found[i], wanted[i], 1e-4) << i;
}

// Clamps are where activations end, whatever the step of the bytes.
TEST(Int8Convolutions, EndAtSixAndOne) {
  if (!is_supported(Arithmetic::kInt8)) GTEST_SKIP() << "this processor adds no products of bytes";
  const TemporaryFolder folder;
  const auto path = folder / "ranges.safetensors";
  write_safetensors(path, {}, {{kInt8RangesKey, R"({"first": 127, "second": 12.75})"}});
  const Int8Ranges ranges(SafetensorsFile::open(path));
  PlanBuilder builder(std::make_shared<MemoryPool>(), Element::kFloat32, &ranges);
  const Map in = builder.map_read_by("first", 1, 3, 1, true);
  const Map middle = builder.map_read_by("second", 1, 3, 1, false), out = builder.map(1, 3, 1);
  builder.is_input(in);
  builder.is_output(middle);
  builder.is_output(out);
  const auto weight = [](float w) {
    return std::make_shared<PackedWeights>(ConvolutionValues{1, 1, 1, 1, {w}, {0}});
  };
  builder.convolve("first", weight(1), in, middle, {Activation::kRelu6});
  builder.convolve("second", weight(0.25f), middle, out, {Activation::kUnit});
  PlanRunner runner(std::make_shared<const Plan>(builder.finish()));
  const float values[] = {-3, 2, 100};
  kernels::quantise(values, 3, 1, reinterpret_cast<std::int8_t*>(runner[in]));
  runner.run(0, 2);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(runner[middle]);
  EXPECT_EQ(std::vector<int>(bytes, bytes + 3), (std::vector<int>{0, 40, 120}));
  EXPECT_NEAR(runner[out][0], 0, 1e-6);
  EXPECT_NEAR(runner[out][1], 0.5f, 1e-6);
  EXPECT_NEAR(runner[out][2], 1, 1e-6);
}

TEST(Int8Steps, TheLargestWeightOfAChannelIs127) {
  PackedWeights weights(ConvolutionValues{2, 3, 1, 1, {1, -2, 0.5f, 0, 0, 0}, {0, 0}});
  EXPECT_FLOAT_EQ(weights.int8_steps()[0], 2.0f / 127);
  EXPECT_GT(weights.int8_steps()[1], 0);
  EXPECT_EQ(&weights.int8_steps(), &weights.int8_steps());
}

// A model whose file says that.
class RangesOfAFile : public ::testing::Test {
 protected:
  std::filesystem::path saved(const Metadata& metadata) {
    const auto path = folder_ / "model.safetensors";
    save_model(path, model_.network(), Storage::kFloat32, metadata);
    return path;
  }
  std::map<std::string, float> measured() {
    EngineState state(Engine::open(model_.path()));
    state.watch_ranges();
    testing::run(state, testing::picture(64, 64), testing::sound());
    return state.ranges();
  }
  static void expect_refusal(const std::filesystem::path& path, const std::string& field,
                             const std::vector<std::string>& parts) {
    EngineOptions options;
    options.arithmetic = Arithmetic::kInt8;
    expect_file_error([&] { Engine::open(path, options); }, path, field, parts);
  }

  TemporaryFolder folder_;
  testing::Model model_{testing::config_of(Variant::kTiny)};
};

TEST_F(RangesOfAFile, MustBeThere) {
  if (!is_supported(Arithmetic::kInt8)) GTEST_SKIP() << "this processor adds no products of bytes";
  auto ranges = measured();
  ASSERT_EQ(ranges.count("1.layer2.expand"), 1u);
  ranges.erase("1.layer2.expand");
  const std::string key = kInt8RangesKey;
  expect_refusal(saved({{key, to_json(ranges)}}), key + ".1.layer2.expand",
                 {"missing", "lightavseg calibrate"});
  expect_refusal(model_.path(), key + ".1.layer2.depthwise", {"missing", "lightavseg calibrate"});
}

TEST_F(RangesOfAFile, MustBePositiveNumbers) {
  if (!is_supported(Arithmetic::kInt8)) GTEST_SKIP() << "this processor adds no products of bytes";
  const std::string key = kInt8RangesKey;
  for (const char* bad : {"0", "-1", "1e40", "\"1\"", "null", "[2]"})
    expect_refusal(saved({{key, std::string("{\"a\": ") + bad + "}"}}), key + ".a",
                   {"positive number"});
  for (const char* bad : {"", "[]", "{", "1", "{\"a\": 1} x"})
    expect_refusal(saved({{key, bad}}), key, {"JSON object"});
}

TEST_F(RangesOfAFile, AreNotReadForFloats) {
  EXPECT_NO_THROW(Engine::open(saved({{kInt8RangesKey, "{"}})));
}

TEST_F(RangesOfAFile, LetAutoTakeInt8) {
  if (!is_supported(Arithmetic::kInt8)) GTEST_SKIP() << "this processor adds no products of bytes";
  const auto path = saved({{kInt8RangesKey, to_json(measured())}, {kPrecisionsKey, "bf16,int8"}});
  SegmenterOptions options;
  options.precision = "auto";
  EXPECT_EQ(open_engine_segmenter(path.string(), options)->engine()->options().arithmetic,
            Arithmetic::kInt8);
  options.precision = "int8";
  const auto one = open_engine_segmenter(path.string(), options);
  EXPECT_EQ(one->engine()->options().arithmetic, Arithmetic::kInt8);
  // The same bits from another state.
  const auto two = one->share();
  const std::vector<std::uint8_t> rgb(64 * 64 * 3, 90);
  const auto heard = testing::sound();
  Segmentation a, b;
  one->segment(rgb.data(), heard.data_ptr<float>(), 101, false, {}, a);
  two->segment(rgb.data(), heard.data_ptr<float>(), 101, false, {}, b);
  EXPECT_EQ(a.mask, b.mask);
}

}  // namespace
}  // namespace lightavseg
