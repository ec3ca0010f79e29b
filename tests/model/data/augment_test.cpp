// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/augment.h"

#include <gtest/gtest.h>

#include <cmath>

namespace lightavseg {
namespace {

// Red grows with x, green with y: a pixel tells where it came from.
cv::Mat position_image(int width, int height) {
  cv::Mat image(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.at<cv::Vec3b>(y, x) = {static_cast<std::uint8_t>(x), static_cast<std::uint8_t>(y), 0};
    }
  }
  return image;
}

bool same(const cv::Mat& a, const cv::Mat& b) {
  return cv::norm(a, b, cv::NORM_INF) == 0;
}

SoundSamples tone(int count) {
  SoundSamples sound;
  for (int i = 0; i < count; ++i) {
    sound.samples.push_back(static_cast<std::int16_t>(8000 * std::sin(0.2 * i)));
  }
  sound.active_starts = {0};
  return sound;
}

TEST(AugmentTest, CropsStayInsideAndWithinTheirRanges) {
  Random random(1);
  const cv::Size size(200, 100);
  for (int i = 0; i < 500; ++i) {
    const Crop crop = random_crop(random, size, {});
    EXPECT_EQ(crop.box & cv::Rect(cv::Point(), size), crop.box);
    EXPECT_GE(crop.box.area(), 0.3 * size.area());
  }
  const Crop tiny = random_crop(random, {1, 1}, {});
  EXPECT_EQ(tiny.box, cv::Rect(0, 0, 1, 1));
}

TEST(AugmentTest, CropsKeepTheObject) {
  cv::Mat labels = cv::Mat::zeros(100, 100, CV_8U);
  labels(cv::Rect(80, 80, 15, 15)).setTo(3);
  Random random(2);
  for (int i = 0; i < 200; ++i) {
    const Crop crop = random_crop_keeping(random, labels, 3, {});
    EXPECT_GE(2 * cv::countNonZero(labels(crop.box) == 3), 225);
  }
}

TEST(AugmentTest, SceneMapLeadsBackToTheFile) {
  const cv::Mat image = position_image(240, 180);
  for (const bool flip : {false, true}) {
    const Crop crop{cv::Rect(20, 30, 160, 120), flip};
    const cv::Size size(80, 60);
    const cv::Mat scene = crop_image(image, crop, size);
    const cv::Matx23d map = scene_to_file(crop, size, 1, 1);
    for (const cv::Point p : {cv::Point(0, 0), cv::Point(79, 59), cv::Point(11, 40)}) {
      const cv::Vec3b value = scene.at<cv::Vec3b>(p);
      EXPECT_NEAR(value[0], map(0, 0) * p.x + map(0, 2), 1.01) << flip;
      EXPECT_NEAR(value[1], map(1, 1) * p.y + map(1, 2), 1.01) << flip;
    }
  }
  const cv::Matx23d twice = scene_to_file({cv::Rect(0, 0, 10, 10), false}, {10, 10}, 2, 2);
  EXPECT_DOUBLE_EQ(twice(0, 0), 2);
  EXPECT_DOUBLE_EQ(twice(0, 2), 0.5) << "the centre of a pixel that covers two";
}

TEST(AugmentTest, LabelsAreNeverMixed) {
  cv::Mat labels = cv::Mat::zeros(90, 120, CV_8U);
  labels(cv::Rect(30, 20, 50, 40)).setTo(200);
  const cv::Mat out = crop_labels(labels, {cv::Rect(5, 5, 100, 80), true}, {64, 64});
  EXPECT_EQ(cv::countNonZero((out != 0) & (out != 200)), 0);
  EXPECT_GT(cv::countNonZero(out), 0);
}

TEST(AugmentTest, DegradingIsDeterministicAndKeepsTheSize) {
  ImageAugmentOptions all;
  all.colour = all.grey = all.blur = all.motion_blur = all.rescale = all.noise = all.jpeg = 1;
  cv::Mat a = position_image(64, 64), b = a.clone();
  Random first(5), second(5);
  degrade_image(first, all, &a);
  degrade_image(second, all, &b);
  EXPECT_TRUE(same(a, b));
  EXPECT_EQ(a.size(), cv::Size(64, 64));
  EXPECT_EQ(a.type(), CV_8UC3);
  EXPECT_FALSE(same(a, position_image(64, 64)));
}

TEST(AugmentTest, DegradingWithoutAnyProbabilityChangesNothing) {
  ImageAugmentOptions none;
  none.colour = none.grey = none.blur = none.motion_blur = none.rescale = none.noise = none.jpeg =
      0;
  cv::Mat image = position_image(32, 32);
  Random random(6);
  degrade_image(random, none, &image);
  EXPECT_TRUE(same(image, position_image(32, 32)));
}

TEST(AugmentTest, GreyHasThreeEqualChannels) {
  ImageAugmentOptions options;
  options.colour = options.blur = options.motion_blur = options.rescale = options.noise =
      options.jpeg = 0;
  options.grey = 1;
  cv::Mat image = position_image(32, 32);
  Random random(7);
  degrade_image(random, options, &image);
  for (int x = 0; x < 32; ++x) {
    const cv::Vec3b pixel = image.at<cv::Vec3b>(5, x);
    EXPECT_EQ(pixel[0], pixel[1]);
    EXPECT_EQ(pixel[1], pixel[2]);
  }
}

TEST(AugmentTest, WindowsAreOneSecondOfAnyRecording) {
  Random random(8);
  for (const int count : {100, 8000, 15999, 16000, 16001, 50000}) {
    const SoundSamples sound = tone(count);
    for (int i = 0; i < 30; ++i) {
      const std::vector<float> window = cut_window(random, {}, {}, sound);
      ASSERT_EQ(window.size(), static_cast<std::size_t>(kSceneSamples));
      EXPECT_GT(rms(window), 0) << count;
      for (const float sample : window) ASSERT_LE(std::abs(sample), 0.26f);
    }
  }
}

TEST(AugmentTest, BestWindowsArePreferred) {
  SoundSamples sound;
  sound.samples.assign(64000, 0);
  for (std::size_t i = 40000; i < 56000; ++i) sound.samples[i] = 1000;
  sound.active_starts = {0};
  SoundClip clip;
  clip.best_windows = {2.5f};
  SoundAugmentOptions options;
  options.best_window = 1;
  options.speed = 0;
  Random random(9);
  for (int i = 0; i < 20; ++i) {
    EXPECT_GT(rms(cut_window(random, options, clip, sound)), 0.9 * 1000 / 32768.0);
  }
}

TEST(AugmentTest, ClearestWindowIsTheBestOrTheLoudest) {
  SoundSamples sound;
  sound.samples.assign(48000, 100);
  for (std::size_t i = 20000; i < 36000; ++i) sound.samples[i] = 2000;
  sound.active_starts = {0, 2000, 20000, 32000};
  SoundClip clip;
  EXPECT_FLOAT_EQ(clearest_window(clip, sound).front(), 2000 / 32768.0f);
  EXPECT_FLOAT_EQ(clearest_window(clip, sound).back(), 2000 / 32768.0f);
  clip.best_windows = {0.0f};
  EXPECT_FLOAT_EQ(clearest_window(clip, sound).front(), 100 / 32768.0f);
  sound.samples.resize(10);
  EXPECT_FLOAT_EQ(clearest_window(clip, sound).back(), 0);
}

TEST(AugmentTest, ShapingIsFiniteAndLeavesSoundBehind) {
  SoundAugmentOptions options;
  options.equalise = options.reverb = options.fade = 1;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Random random(seed);
    std::vector<float> sound = cut_window(random, {}, {}, tone(32000));
    shape_sound(random, options, &sound);
    for (const float sample : sound) ASSERT_TRUE(std::isfinite(sample));
    EXPECT_GT(rms(sound), 1e-4);
  }
}

TEST(AugmentTest, LevelsAreInDecibelsOfFullScale) {
  EXPECT_NEAR(from_db(-20), 0.1, 1e-12);
  std::vector<float> sound(1000, 0.3f);
  set_level(-40, &sound);
  EXPECT_NEAR(rms(sound), 0.01, 1e-6);
  std::vector<float> silence(10, 0.0f);
  set_level(-10, &silence);
  EXPECT_EQ(rms(silence), 0);
  std::vector<float> loud = {2.0f, -4.0f};
  avoid_clipping(&loud);
  EXPECT_FLOAT_EQ(loud[1], -0.999f);
  EXPECT_FLOAT_EQ(loud[0], 0.4995f);
  Random random(3);
  EXPECT_NEAR(rms(synthetic_noise(random)), 1, 1e-3);
  EXPECT_EQ(rms({}), 0);
}

}  // namespace
}  // namespace lightavseg
