// SPDX-License-Identifier: LGPL-2.1-or-later
// Mixing one colour into a frame, in the frame's own format.
#pragma once

#include <gst/video/video.h>

#include <cstdint>
#include <opencv2/core.hpp>
#include <utility>
#include <vector>

namespace lightavseg::gst {

// Blends without leaving the format: every component moves towards the colour's own sample value.
// That is exact in any colorimetry and ten times as fast as gst_video_overlay_composition_blend(),
// which unpacks, scales the rectangle and packs for each frame, and knows one matrix.
// Not thread-safe.
class OverlayBlend {
 public:
  // Whether blend() knows the format: those with direct samples (see gst/component.h), if they have
  // no alpha channel or one as fine as their colours.
  static bool suits(const GstVideoFormatInfo* format);

  // The share of the colour, 255 all, at any size: it is scaled to the video's. Kept until the next
  // call.
  void set_weights(const cv::Mat& weights, const GstVideoInfo& video);

  // frame: of the video of set_weights, mapped for reading and writing. Where the frame has alpha
  // the colour is laid over it (straight alpha, operator "over").
  void blend(GstVideoFrame* frame, std::uint32_t rgb);

 private:
  struct Weights {
    cv::Mat map;
    std::vector<std::pair<int, int>> spans;  // by row: first pixel that is not 0, and one past
  };
  static void scale(const cv::Mat& weights, cv::Size size, Weights& out);
  const std::uint8_t* over_alpha(GstVideoFrame* frame, int y, std::pair<int, int> span);

  Weights full_, chroma_;
  std::vector<std::uint8_t> row_;
};

}  // namespace lightavseg::gst
