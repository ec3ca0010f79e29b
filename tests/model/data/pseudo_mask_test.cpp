// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/pseudo_mask.h"

#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>
#include <stdexcept>

#include "model/data/random.h"

namespace lightavseg {
namespace {

constexpr int kObject = 255, kPerhaps = 128;

// A blue ellipse with a handle on grass or on white; `truth` gets its mask.
cv::Mat picture(const cv::Size& size, bool plain, cv::Mat* truth) {
  cv::Mat rgb(size, CV_8UC3, cv::Scalar::all(250));
  Random random(7);
  for (int y = 0; y < size.height && !plain; ++y)
    for (int x = 0; x < size.width; ++x)
      rgb.at<cv::Vec3b>(y, x) = cv::Vec3b(static_cast<std::uint8_t>(random.uniform(60, 130)),
                                          static_cast<std::uint8_t>(random.uniform(110, 220)),
                                          static_cast<std::uint8_t>(random.uniform(20, 70)));
  *truth = cv::Mat::zeros(size, CV_8U);
  const cv::Point centre(size.width / 2, size.height / 2);
  cv::ellipse(*truth, centre, {size.width / 4, size.height / 5}, 0, 0, 360, kObject, cv::FILLED);
  cv::rectangle(*truth, cv::Rect(centre.x - 3, size.height / 8, 6, size.height / 2), kObject,
                cv::FILLED);
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x)
      if (truth->at<std::uint8_t>(y, x) != 0)
        rgb.at<cv::Vec3b>(y, x) =
            cv::Vec3b(30, 40, static_cast<std::uint8_t>(random.uniform(120, 200)));
  return rgb;
}

// What a model makes of a mask: coarse, and not sure of itself.
cv::Mat seen(const cv::Mat& truth) {
  cv::Mat out;
  truth.convertTo(out, CV_32F, 0.97 / 255);
  const double sigma = truth.cols / 24.0;
  cv::GaussianBlur(out, out, {}, sigma);
  return out;
}

double iou(const cv::Mat& a, const cv::Mat& b) {
  return cv::countNonZero(a & b) / static_cast<double>(cv::countNonZero(a | b));
}

TEST(PseudoMaskTest, FollowsTheEdgesOfThePicture) {
  for (const cv::Size size : {cv::Size(160, 120), cv::Size(97, 131), cv::Size(64, 64)}) {
    for (const bool plain : {false, true}) {
      cv::Mat truth;
      const cv::Mat rgb = picture(size, plain, &truth);
      const cv::Mat object = seen(truth);
      const auto made = pseudo_mask(rgb, object);
      ASSERT_TRUE(made) << size;
      EXPECT_EQ(made->plain_background, plain) << size;
      const cv::Mat certain = made->mask == kObject, perhaps = made->mask == kPerhaps;
      EXPECT_EQ(cv::countNonZero(made->mask),
                cv::countNonZero(certain) + cv::countNonZero(perhaps));
      EXPECT_NEAR(made->object_fraction,
                  cv::countNonZero(certain) / static_cast<double>(size.area()), 1e-9);
      // What is certain is right, and leaving the doubtful out it is closer than what was seen.
      EXPECT_LT(cv::countNonZero(certain & (truth == 0)), 0.01 * cv::countNonZero(truth)) << size;
      EXPECT_GT(iou(certain, truth & ~perhaps), 0.97) << size;
      EXPECT_LT(iou(object > 0.5, truth), 0.95) << "else there is nothing to correct";
    }
  }
}

TEST(PseudoMaskTest, IsTheSameTwice) {
  cv::Mat truth;
  const cv::Mat rgb = picture({120, 90}, false, &truth);
  const auto first = pseudo_mask(rgb, seen(truth));
  cv::theRNG().next();  // GrabCut draws from it
  const auto second = pseudo_mask(rgb, seen(truth));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(cv::countNonZero(first->mask != second->mask), 0);
}

TEST(PseudoMaskTest, SaysWhyThereIsNone) {
  cv::Mat truth;
  const cv::Mat rgb = picture({120, 90}, false, &truth);
  std::string why;
  EXPECT_FALSE(pseudo_mask(rgb, cv::Mat::zeros(90, 120, CV_32F), &why));
  EXPECT_EQ(why, "the model takes 0 % of the picture for an object");
  EXPECT_FALSE(pseudo_mask(rgb, cv::Mat::ones(90, 120, CV_32F), &why));
  EXPECT_EQ(why, "the model takes 100 % of the picture for an object");
  // A model that sees a corner of the grass as well as the object: GrabCut keeps to one of them.
  cv::Mat wrong = 0.6 * seen(truth);
  wrong(cv::Rect(0, 0, 120, 30)).setTo(0.6);
  wrong(cv::Rect(0, 60, 120, 30)).setTo(0.6);
  EXPECT_FALSE(pseudo_mask(rgb, wrong, &why));
  EXPECT_EQ(why.rfind("the model and GrabCut agree on ", 0), 0u) << why;
  EXPECT_FALSE(pseudo_mask(rgb, wrong)) << "a reason is not wanted";
  const cv::Range strip(30, 61);
  EXPECT_FALSE(pseudo_mask(rgb.rowRange(strip), seen(truth).rowRange(strip), &why));
  EXPECT_EQ(why, "120 x 31 pixels are too few");
}

TEST(PseudoMaskTest, RefusesWhatIsNoPictureWithItsMap) {
  cv::Mat truth;
  const cv::Mat rgb = picture({120, 90}, false, &truth), object = seen(truth);
  EXPECT_THROW(pseudo_mask(rgb, truth), std::invalid_argument);
  EXPECT_THROW(pseudo_mask(truth, object), std::invalid_argument);
  EXPECT_THROW(pseudo_mask(rgb.rowRange(0, 80), object), std::invalid_argument);
}

}  // namespace
}  // namespace lightavseg
