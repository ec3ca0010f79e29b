// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/teacher.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

class TeacherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_.name = "eyes";
    config_.file = folder_ / "eyes.ts";
    // Eight by eight cells of the picture, and its mean.
    save_module(R"(
def forward(self, x):
    return {"cells": torch.adaptive_avg_pool2d(x, [8, 8]), "mean": x.mean(3).mean(2)}
)");
  }

  // Makes the teacher's file anew; code: its forward().
  void save_module(const char* code) const {
    torch::jit::Module module("eyes");
    module.define(code);
    module.save(config_.file.string());
  }

  // Red grows to the right, green downwards.
  static cv::Mat ramp(int width, int height) {
    cv::Mat image(height, width, CV_8UC3);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        image.at<cv::Vec3b>(y, x) = {uchar(255 * x / width), uchar(255 * y / height), 0};
    return image;
  }

  // A ramp that counts how often it is asked for.
  static std::vector<TeacherCache::Picture> counted_ramp(int& drawn) {
    const auto draw = [&drawn] {
      ++drawn;
      return ramp(32, 32);
    };
    return {{"a", draw, 32, 32}};
  }

  TemporaryFolder folder_;
  TeacherConfig config_;
};

TEST_F(TeacherTest, GivesADictionaryOfTensors) {
  const Teacher teacher(config_, torch::kCPU);
  const auto channels = teacher.channels();
  EXPECT_EQ(channels.at("cells"), 3);
  EXPECT_EQ(channels.at("mean"), 3);
  const auto out = teacher(torch::full({2, 3, 16, 16}, 0.25));
  EXPECT_EQ(out.at("cells").sizes().vec(), (std::vector<int64_t>{2, 3, 8, 8}));
  EXPECT_FALSE(out.at("cells").requires_grad());
  EXPECT_NEAR(out.at("mean").mean().item<float>(), 0.25, 1e-6);
}

TEST_F(TeacherTest, ComputesOnlyWhatIsWanted) {
  // Of "dear" it would be told if it were computed: no picture of these tests has 64 values.
  save_module(R"(
def forward(self, x):
    return {"dear": x.view([8, 8]), "mean": x.mean(3).mean(2)}
)");
  const auto x = torch::rand({2, 3, 16, 16});
  EXPECT_ANY_THROW(Teacher(config_, torch::kCPU)(x));
  const Teacher teacher(config_, torch::kCPU, {"mean"});
  const auto out = teacher(x);
  ASSERT_EQ(out.size(), 1u);
  EXPECT_TRUE(torch::allclose(out.at("mean"), x.mean(3).mean(2)));
  EXPECT_EQ(teacher.channels().size(), 1u);
}

TEST_F(TeacherTest, GivesAllOfADictionaryThatIsReadBeforeItIsReturned) {
  save_module(R"(
def forward(self, x):
    out = {"mean": x.mean(3).mean(2)}
    out["twice"] = out["mean"] * 2
    return out
)");
  const auto out = Teacher(config_, torch::kCPU, {"twice"})(torch::rand({2, 3, 16, 16}));
  EXPECT_TRUE(torch::equal(out.at("twice"), 2 * out.at("mean")));
}

TEST_F(TeacherTest, LooksAtLargerPicturesIfToldTo) {
  save_module(R"(
def forward(self, x):
    seen = torch.upsample_bilinear2d(x, [6, 8], False)
    return {"seen": seen, "smaller": torch.upsample_bilinear2d(seen, [3, 4], False)}
)");
  const auto x = torch::rand({2, 3, 24, 32});
  config_.input_scale = 2;
  for (const auto& wanted : {std::set<std::string>{}, std::set<std::string>{"seen", "smaller"}}) {
    const auto out = Teacher(config_, torch::kCPU, wanted)(x);
    EXPECT_TRUE(
        torch::allclose(out.at("seen"), torch::upsample_bilinear2d(x, {12, 16}, false), 0, 1e-6));
    // What it resizes later is no picture.
    EXPECT_EQ(out.at("smaller").sizes().vec(), (std::vector<int64_t>{2, 3, 3, 4}));
  }
  config_.input_scale = 0.5;
  EXPECT_EQ(Teacher(config_, torch::kCPU, {"seen"})(x).at("seen").sizes().vec(),
            (std::vector<int64_t>{2, 3, 3, 4}));
}

TEST_F(TeacherTest, RefusesLargerPicturesForAModuleThatTakesThemAsTheyAre) {
  config_.input_scale = 2;
  try {
    Teacher teacher(config_, torch::kCPU, {"mean"});
    FAIL();
  } catch (const TrainConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("'eyes': input_scale is 2"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("eyes.ts"), std::string::npos);
  }
}

TEST_F(TeacherTest, RefusesWhatIsNoModuleByName) {
  std::ofstream(config_.file) << "import os";
  try {
    Teacher teacher(config_, torch::kCPU);
    FAIL();
  } catch (const TrainConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("eyes.ts"), std::string::npos);
  }
  save_module("def forward(self, x):\n    return x\n");
  const Teacher teacher(config_, torch::kCPU);
  EXPECT_THROW(teacher(torch::zeros({1, 3, 8, 8})), TrainConfigError);
}

TEST_F(TeacherTest, CachedMapsAreSampledWhereTheSceneLooks) {
  const Teacher teacher(config_, torch::kCPU);
  std::vector<TeacherCache::Picture> pictures = {{"a", [] { return ramp(128, 64); }, 128, 64}};
  const auto file = folder_ / "cache.safetensors";
  const TeacherCache cache(teacher, {"cells"}, pictures, file, 2);
  EXPECT_TRUE(cache.has("a"));
  EXPECT_FALSE(cache.has("b"));
  EXPECT_FALSE(cache.has(""));
  // A scene of 32 pixels that shows the right half of the photograph, mirrored.
  const double scale_x = 64.0 / 32, scale_y = 64.0 / 32;
  const cv::Matx23d map{-scale_x, 0, 127 - 0.5 * scale_x + 0.5, 0, scale_y, 0.5 * scale_y - 0.5};
  const auto sample = cache.sample("a", "cells", map, 32, 4, false);
  ASSERT_EQ(sample.sizes().vec(), (std::vector<int64_t>{3, 4, 4}));
  for (int64_t x = 0; x < 4; ++x) {
    // Centres of the four columns in the photograph, from the right.
    const double centre = 127.5 - (x + 0.5) * 16;
    EXPECT_NEAR(sample[0][1][x].item<float>(), centre / 128, 0.02) << x;
    EXPECT_NEAR(sample[1][x][0].item<float>(), (x + 0.5) / 4, 0.02) << x;
  }
}

TEST_F(TeacherTest, CacheIsReadAgainAndMadeAnewForOtherPictures) {
  const Teacher teacher(config_, torch::kCPU);
  const auto file = folder_ / "cache.safetensors";
  int drawn = 0;
  const auto pictures = counted_ramp(drawn);
  TeacherCache(teacher, {"cells"}, pictures, file, 1);
  EXPECT_EQ(drawn, 1);
  const TeacherCache again(teacher, {"cells"}, pictures, file, 1);
  EXPECT_EQ(drawn, 1);
  EXPECT_TRUE(again.has("a"));
  TeacherCache(teacher, {"cells", "mean"}, pictures, file, 1);
  EXPECT_EQ(drawn, 2);
}

TEST_F(TeacherTest, CacheOfLargerPicturesIsAnother) {
  save_module(R"(
def forward(self, x):
    return {"seen": torch.upsample_bilinear2d(x, [4, 4], False)}
)");
  int drawn = 0;
  const auto pictures = counted_ramp(drawn);
  const auto file = folder_ / "cache.safetensors";
  for (const double scale : {1.0, 2.0, 2.0}) {
    config_.input_scale = scale;
    TeacherCache(Teacher(config_, torch::kCPU), {"seen"}, pictures, file, 1);
  }
  EXPECT_EQ(drawn, 2);
}

}  // namespace
}  // namespace lightavseg
