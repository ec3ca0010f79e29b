// SPDX-License-Identifier: LGPL-2.1-or-later
/// Masks for photographs whose class is known but whose object nobody has outlined: what a model
/// takes for an object, drawn along the edges of the picture by GrabCut (Rother, Kolmogorov and
/// Blake, "GrabCut", SIGGRAPH 2004; OpenCV's implementation).
#pragma once

#include <opencv2/core.hpp>
#include <optional>
#include <string>

namespace lightavseg {

/// A mask as material manifests have it.
struct PseudoMask {
  cv::Mat mask;                   ///< CV_8UC1: 255 object, 128 object or background, 0 background
  double object_fraction = 0;     ///< share of the picture that is 255
  bool plain_background = false;  ///< one colour along the edge of the photograph
};

/// rgb: CV_8UC3, RGB. object: CV_32FC1 of the same size, 0 .. 1, how probable it
/// is that a pixel belongs to the object. Pixels on which `object` (above one half) and GrabCut
/// disagree become 128.
///
/// Nothing comes back, and `why` (if not null) gets the reason, where that cannot be a whole
/// object: hardly anything or nearly all of the picture, a mask of which the two agree on less
/// than three fifths, or a picture of less than 32 x 32.
///
/// The same picture gives the same mask. Thread-safe; GrabCut's random start is seeded per thread,
/// by cv::setRNGSeed. Throws std::invalid_argument for other sizes or types.
std::optional<PseudoMask> pseudo_mask(const cv::Mat& rgb, const cv::Mat& object,
                                      std::string* why = nullptr);

}  // namespace lightavseg
