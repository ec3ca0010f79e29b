// SPDX-License-Identifier: LGPL-2.1-or-later
/// A picture under construction: pixels with labels, onto which objects are pasted.
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/data/augment.h"
#include "model/data/material.h"

namespace lightavseg {

/// Where a sprite goes. Lengths are pixels of the canvas.
struct Placement {
  double centre_x = 0, centre_y = 0;
  double long_side = 0;  ///< of the unrotated sprite
  double angle = 0;      ///< degrees, counter-clockwise
  bool flip = false;
  double tone = 0;  ///< 0 .. 1: how far its brightness moves to that of its surroundings
  double blur = 0;  ///< sigma of a Gaussian blur of the sprite, 0: none
};

struct Canvas {
  cv::Mat rgb;                ///< CV_8UC3, RGB, square
  cv::Mat labels;             ///< CV_8UC1, codes of label_codes.h
  std::vector<int> may_show;  ///< visible classes that may be there without a label
  std::vector<std::pair<int, std::string>> objects;  ///< class and sub-class of what is shown
};

/// The object of a photograph as a sprite: pixels labelled `cls`, edge drawn in by a pixel and
/// softened, so that no rim of the old background comes along. Empty if fewer than 80 pixels.
Sprite sprite_of_photo(const Picture& picture, int cls);

/// Pastes with soft edges. Where the sprite covers more than half, `label` replaces what was
/// there: later objects hide earlier ones. Returns the box that was touched (may be empty).
cv::Rect paste(const Sprite& sprite, const Placement& placement, int label, Canvas* canvas);

/// Pixels of each certain label 0 .. 127.
std::vector<int> count_labels(const cv::Mat& labels);

/// Classes that any pixel names, certainly or perhaps, and those of may_show; ascending.
std::vector<int> classes_that_may_be_seen(const Canvas& canvas);

/// Classes with at least `min_pixels` certain pixels, ascending.
std::vector<int> visible_classes(const Canvas& canvas, int min_pixels);

/// The mask of what sounds: 255 where a pixel's class is in `sounding`, 128 where that cannot be
/// told, 0 elsewhere (everywhere, if nothing sounds).
cv::Mat sounding_mask(const Canvas& canvas, const std::vector<int>& sounding);

/// Labels for users: 0 background, class numbers, 255 unknown.
cv::Mat plain_labels(const cv::Mat& labels);

}  // namespace lightavseg
