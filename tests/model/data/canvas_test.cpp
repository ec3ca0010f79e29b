// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/canvas.h"

#include <gtest/gtest.h>

#include "model/data/label_codes.h"

namespace lightavseg {
namespace {

Canvas blank(int size) {
  Canvas canvas;
  canvas.rgb = cv::Mat(size, size, CV_8UC3, cv::Scalar::all(100));
  canvas.labels = cv::Mat::zeros(size, size, CV_8U);
  return canvas;
}

Sprite square(int size) {
  Sprite sprite;
  sprite.rgb = cv::Mat(size, size, CV_8UC3, cv::Scalar(200, 0, 0));
  sprite.alpha = cv::Mat(size, size, CV_8U, cv::Scalar(255));
  return sprite;
}

Placement at(double x, double y, double side) {
  Placement placement;
  placement.centre_x = x;
  placement.centre_y = y;
  placement.long_side = side;
  return placement;
}

TEST(CanvasTest, LaterObjectsHideEarlierOnes) {
  Canvas canvas = blank(100);
  EXPECT_EQ(paste(square(20), at(50, 50, 40), 3, &canvas), cv::Rect(30, 30, 40, 40));
  EXPECT_EQ(count_labels(canvas.labels)[3], 1600);
  paste(square(20), at(70, 50, 40), 4, &canvas);
  EXPECT_EQ(count_labels(canvas.labels)[3], 800);
  EXPECT_EQ(count_labels(canvas.labels)[4], 1600);
  paste(square(20), at(50, 50, 20), kBackgroundLabel, &canvas);
  EXPECT_EQ(count_labels(canvas.labels)[3], 600) << "a silent object in front";
}

TEST(CanvasTest, ObjectsBeyondTheEdgeAreCutOrIgnored) {
  Canvas canvas = blank(50);
  EXPECT_EQ(paste(square(10), at(0, 25, 20), 2, &canvas).width, 10);
  EXPECT_EQ(paste(square(10), at(-40, 25, 20), 2, &canvas).area(), 0);
  EXPECT_EQ(count_labels(canvas.labels)[2], 200);
}

TEST(CanvasTest, AlphaDecidesPixelsAndLabels) {
  Canvas canvas = blank(40);
  Sprite sprite = square(20);
  sprite.alpha(cv::Rect(0, 0, 10, 20)).setTo(100);
  paste(sprite, at(20, 20, 20), 5, &canvas);
  EXPECT_EQ(canvas.labels.at<std::uint8_t>(20, 12), 0);
  EXPECT_EQ(canvas.labels.at<std::uint8_t>(20, 25), 5);
  EXPECT_EQ(canvas.rgb.at<cv::Vec3b>(20, 25)[0], 200);
  EXPECT_EQ(canvas.rgb.at<cv::Vec3b>(20, 12)[0], (200 * 100 + 100 * 155 + 127) / 255);
}

TEST(CanvasTest, TurnedSpritesKeepTheirArea) {
  Canvas canvas = blank(120);
  Placement placement = at(60, 60, 40);
  placement.angle = 45;
  placement.flip = true;
  placement.blur = 0.5;
  placement.tone = 0.5;
  paste(square(20), placement, 5, &canvas);
  EXPECT_NEAR(count_labels(canvas.labels)[5], 1600, 100);
}

TEST(CanvasTest, SpritesOfPhotographsLoseTheirRim) {
  Picture picture;
  picture.rgb = cv::Mat(80, 80, CV_8UC3, cv::Scalar::all(50));
  picture.labels = cv::Mat::zeros(80, 80, CV_8U);
  picture.labels(cv::Rect(20, 30, 30, 50)).setTo(2);
  const Sprite sprite = sprite_of_photo(picture, 2);
  EXPECT_TRUE(sprite.cut_bottom);
  EXPECT_FALSE(sprite.cut_top || sprite.cut_left || sprite.cut_right);
  EXPECT_EQ(sprite.rgb.size(), sprite.alpha.size());
  const int solid = cv::countNonZero(sprite.alpha >= 128);
  EXPECT_EQ(solid, 28 * 49) << "one pixel less at three sides, none at the photograph's edge";
  picture.labels.setTo(0);
  picture.labels(cv::Rect(0, 0, 5, 5)).setTo(2);
  EXPECT_TRUE(sprite_of_photo(picture, 2).rgb.empty());
}

TEST(CanvasTest, ThinObjectsAreNotErodedAway) {
  Picture picture;
  picture.rgb = cv::Mat(80, 80, CV_8UC3, cv::Scalar::all(50));
  picture.labels = cv::Mat::zeros(80, 80, CV_8U);
  picture.labels(cv::Rect(10, 40, 60, 2)).setTo(2);
  EXPECT_GE(cv::countNonZero(sprite_of_photo(picture, 2).alpha >= 100), 100);
}

TEST(CanvasTest, TheMaskSaysWhatSounds) {
  Canvas canvas = blank(10);
  canvas.labels.row(0).setTo(3);
  canvas.labels.row(1).setTo(perhaps(3));
  canvas.labels.row(2).setTo(kUnknownLabel);
  canvas.labels.row(3).setTo(4);
  const cv::Mat mask = sounding_mask(canvas, {3});
  EXPECT_EQ(mask.at<std::uint8_t>(0, 5), 255);
  EXPECT_EQ(mask.at<std::uint8_t>(1, 5), 128);
  EXPECT_EQ(mask.at<std::uint8_t>(2, 5), 128);
  EXPECT_EQ(mask.at<std::uint8_t>(3, 5), 0);
  EXPECT_EQ(mask.at<std::uint8_t>(9, 5), 0);
  const cv::Mat other = sounding_mask(canvas, {4});
  EXPECT_EQ(other.at<std::uint8_t>(1, 5), 0) << "the rim of another class is silent";
  EXPECT_EQ(cv::countNonZero(sounding_mask(canvas, {})), 0);
  EXPECT_EQ(cv::countNonZero(sounding_mask(canvas, {7})), 0) << "not in the picture";
  canvas.may_show = {7};
  EXPECT_EQ(sounding_mask(canvas, {7}).at<std::uint8_t>(2, 5), 128);
}

TEST(CanvasTest, ListsWhatIsSeenForSureAndWhatMayBe) {
  Canvas canvas = blank(10);
  canvas.labels.row(0).setTo(3);
  canvas.labels.at<std::uint8_t>(5, 5) = 4;
  canvas.labels.row(1).setTo(perhaps(6));
  canvas.may_show = {9};
  EXPECT_EQ(visible_classes(canvas, 2), std::vector<int>{3});
  EXPECT_EQ(visible_classes(canvas, 1), (std::vector<int>{3, 4}));
  EXPECT_EQ(classes_that_may_be_seen(canvas), (std::vector<int>{3, 4, 6, 9}));
  const cv::Mat labels = plain_labels(canvas.labels);
  EXPECT_EQ(labels.at<std::uint8_t>(1, 0), 255);
  EXPECT_EQ(labels.at<std::uint8_t>(0, 0), 3);
}

}  // namespace
}  // namespace lightavseg
