// SPDX-License-Identifier: LGPL-2.1-or-later
// The checksums were computed with Pillow 9.4 on the same pictures.
#include "model/data/avsbench_resize.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace lightavseg {
namespace {

cv::Mat pattern(cv::Size size) {
  cv::Mat picture(size, CV_8UC3);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        picture.at<cv::Vec3b>(y, x)[c] =
            static_cast<uint8_t>(((x * 37 + y * 59 + c * 101) ^ (x * y * 7)) & 255);
      }
    }
  }
  return picture;
}

// CRC-32 as zlib has it.
uint32_t crc32(const cv::Mat& picture) {
  uint32_t crc = 0xffffffff;
  for (int y = 0; y < picture.rows; ++y) {
    const uint8_t* row = picture.ptr<uint8_t>(y);
    for (size_t i = 0; i < static_cast<size_t>(picture.cols) * picture.elemSize(); ++i) {
      crc ^= row[i];
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return ~crc;
}

struct Golden {
  cv::Size in;
  cv::Size out;
  uint32_t bilinear;
  uint32_t nearest;
};

class AvsBenchResizeGolden : public ::testing::TestWithParam<Golden> {};

TEST_P(AvsBenchResizeGolden, EqualsPillow) {
  const Golden& golden = GetParam();
  const cv::Mat picture = pattern(golden.in);
  const cv::Mat bilinear = resize_bilinear(picture, golden.out);
  const cv::Mat nearest = resize_nearest(picture, golden.out);
  EXPECT_EQ(bilinear.size(), golden.out);
  EXPECT_EQ(crc32(bilinear), golden.bilinear);
  EXPECT_EQ(nearest.size(), golden.out);
  EXPECT_EQ(crc32(nearest), golden.nearest);
}

INSTANTIATE_TEST_SUITE_P(Sizes, AvsBenchResizeGolden,
                         ::testing::Values(Golden{{40, 30}, {16, 16}, 3898500901U, 2754813398U},
                                           Golden{{10, 7}, {16, 16}, 3472666746U, 1879156298U},
                                           Golden{{64, 48}, {20, 15}, 1657084900U, 1500521077U},
                                           Golden{{33, 57}, {16, 27}, 1360482906U, 3942677984U},
                                           Golden{
                                               {1280, 720}, {224, 224}, 1692685610U, 1804063239U},
                                           Golden{{16, 12}, {16, 12}, 3499979762U, 3499979762U}));

struct CropGolden {
  cv::Size in;
  int side;
  cv::Size scaled;
  cv::Point corner;
  uint32_t crc;
};

class AvsBenchCropGolden : public ::testing::TestWithParam<CropGolden> {};

TEST_P(AvsBenchCropGolden, EqualsThePublishedLoader) {
  const CropGolden& golden = GetParam();
  const cv::Size scaled = short_side_size(golden.in, golden.side);
  EXPECT_EQ(scaled, golden.scaled);
  const cv::Rect square = centre_square(scaled, golden.side);
  EXPECT_EQ(square, cv::Rect(golden.corner, cv::Size(golden.side, golden.side)));
  EXPECT_EQ(crc32(resize_bilinear(pattern(golden.in), scaled)(square)), golden.crc);
}

// 50 x 31 and 40 x 30 end on half pixels: 4.5 becomes 4, 2.5 becomes 2.
INSTANTIATE_TEST_SUITE_P(Sizes, AvsBenchCropGolden,
                         ::testing::Values(CropGolden{{40, 30}, 16, {21, 16}, {2, 0}, 2961981580U},
                                           CropGolden{{30, 41}, 16, {16, 21}, {0, 2}, 770476342U},
                                           CropGolden{{50, 31}, 16, {25, 16}, {4, 0}, 2420643756U},
                                           CropGolden{{24, 24}, 16, {16, 16}, {0, 0}, 1882585616U},
                                           CropGolden{
                                               {1280, 720}, 224, {398, 224}, {87, 0}, 1290587440U},
                                           CropGolden{{38, 32}, 16, {19, 16}, {2, 0}, 555725403U}));

TEST(AvsBenchResize, RoundsHalfPixelsToTheEvenNeighbour) {
  EXPECT_EQ(centre_square({17, 16}, 16).x, 0);  // 0.5
  EXPECT_EQ(centre_square({19, 16}, 16).x, 2);  // 1.5
  EXPECT_EQ(centre_square({21, 16}, 16).x, 2);  // 2.5
  EXPECT_EQ(centre_square({16, 23}, 16).y, 4);  // 3.5
}

TEST(AvsBenchResize, KeepsAConstantPicture) {
  const cv::Mat grey(37, 53, CV_8UC3, cv::Scalar(7, 128, 255));
  const cv::Mat resized = resize_bilinear(grey, {16, 90});
  const cv::Mat expected(90, 16, CV_8UC3, cv::Scalar(7, 128, 255));
  EXPECT_EQ(cv::norm(resized, expected, cv::NORM_INF), 0);
}

TEST(AvsBenchResize, ReturnsACopyOfTheSameSize) {
  cv::Mat picture = pattern({20, 20});
  cv::Mat resized = resize_bilinear(picture, {20, 20});
  resized.setTo(0);
  EXPECT_GT(cv::norm(picture, cv::NORM_INF), 0);
}

TEST(AvsBenchResize, NearestInventsNoValues) {
  cv::Mat mask(31, 45, CV_8UC1, cv::Scalar(0));
  mask(cv::Rect(10, 5, 20, 15)).setTo(70);
  const cv::Mat resized = resize_nearest(mask, {224, 224});
  EXPECT_EQ(cv::countNonZero((resized != 0) & (resized != 70)), 0);
  EXPECT_GT(cv::countNonZero(resized), 0);
}

}  // namespace
}  // namespace lightavseg
