// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/coverage.h"

#include <opencv2/imgproc.hpp>

namespace lightavseg::gst {

void resize_map(const cv::Mat& map, cv::Size size, cv::Mat& out) {
  const bool reduces = size.width < map.cols || size.height < map.rows;
  cv::resize(map, out, size, 0, 0, reduces ? cv::INTER_AREA : cv::INTER_LINEAR_EXACT);
}

void Coverage::update(const Mask& mask, const MaskLook& look, int video_width) {
  const bool has_pixels = mask.height > 0 && mask.width > 0;
  const int height = has_pixels ? mask.height : 1, width = has_pixels ? mask.width : 1;
  MaskLook map_look = look;
  map_look.feather = video_width > 0 ? look.feather * width / video_width : 0;
  // Serial 0 is a mask that nobody numbered; two of them may differ.
  if (version_ != 0 && mask.serial != 0 && mask.serial == serial_ && map_look == look_ &&
      height == height_ && width == width_)
    return;
  if (has_pixels) {
    apply_look(mask.probability, height, width, map_look, map_);
  } else {
    apply_look({0.0f}, height, width, map_look, map_);
  }
  serial_ = mask.serial;
  look_ = map_look;
  height_ = height;
  width_ = width;
  ++version_;
}

cv::Mat Coverage::map() const {
  return cv::Mat(height_, width_, CV_8U, const_cast<std::uint8_t*>(map_.data()));
}

const cv::Mat& Coverage::bytes(cv::Size size) {
  if (bytes_.version != version_ || bytes_.map.size() != size) {
    resize_map(map(), size, bytes_.map);
    bytes_.version = version_;
  }
  return bytes_.map;
}

const cv::Mat& Coverage::words(cv::Size size) {
  if (words_.version != version_ || words_.map.size() != size) {
    cv::Mat wide;
    map().convertTo(wide, CV_16U, 257);
    resize_map(wide, size, words_.map);
    words_.version = version_;
  }
  return words_.map;
}

}  // namespace lightavseg::gst
