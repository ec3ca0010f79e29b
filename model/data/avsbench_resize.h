// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <opencv2/core.hpp>

namespace lightavseg {

// The published loaders (OpenNLPLab/AVSBench, vvvb-github/AVSegFormer) resize with Pillow, whose
// filters differ from OpenCV's: its bilinear filter widens when shrinking, so that no pixel is
// skipped, and its nearest neighbour looks at pixel centres. These two give Pillow's pixels
// exactly, which keeps pictures and masks aligned with figures published for the sets.

/// Bilinear as Pillow does it: a triangle filter of support max(1, in / out), columns first, with
/// intermediate results rounded to 8 bits.
/// @param image CV_8UC1 or CV_8UC3, not empty
/// @param size above 0 both ways
cv::Mat resize_bilinear(const cv::Mat& image, cv::Size size);

/// Nearest neighbour of the output pixel's centre.
/// @param image any type, not empty
/// @param size above 0 both ways
cv::Mat resize_nearest(const cv::Mat& image, cv::Size size);

/// Size of a picture once its shorter side is `side`; the longer one is rounded down.
cv::Size short_side_size(cv::Size image, int side);

/// The square of `side` pixels in the middle; half pixels are rounded to the even neighbour.
/// @param image neither side shorter than `side`
cv::Rect centre_square(cv::Size image, int side);

}  // namespace lightavseg
