// SPDX-License-Identifier: LGPL-2.1-or-later
// How much of each pixel the mask covers, at the network's size and at the video's.
#pragma once

#include <cstdint>
#include <opencv2/core.hpp>
#include <vector>

#include "gst/mask.h"

namespace lightavseg::gst {

// Enlarges maps bilinearly, so that edges are no stairs; reduces them by areas. Pixel centres, as
// in the network's own resizing (align_corners = false). Bytes or 16 bit words, the same on every
// processor.
void resize_map(const cv::Mat& map, cv::Size size, cv::Mat& out);

// The coverage of the mask shown last: computed once per mask and look, however many frames show
// it. Not thread-safe.
class Coverage {
 public:
  // look: its feather is in pixels of a video that is `video_width` wide. A mask without pixels is
  // one of zeros.
  void update(const Mask& mask, const MaskLook& look, int video_width);

  // Counts updates that may have changed the coverage: equal versions mean equal bytes.
  std::uint64_t version() const { return version_; }
  // [height, width] of the mask, one byte each: 255 is covered. Valid until the next update.
  cv::Mat map() const;

  // The map at that size, in bytes or in words (255 * 257 = 65535 is covered). Valid until the next
  // update or the next call of the same function with another size.
  const cv::Mat& bytes(cv::Size size);
  const cv::Mat& words(cv::Size size);

 private:
  struct Scaled {
    cv::Mat map;
    std::uint64_t version = 0;
  };

  std::uint64_t version_ = 0, serial_ = 0;
  MaskLook look_;
  int height_ = 0, width_ = 0;
  std::vector<std::uint8_t> map_;
  Scaled bytes_, words_;
};

}  // namespace lightavseg::gst
