// SPDX-License-Identifier: LGPL-2.1-or-later
// Any raw video frame -> RGB bytes of the network's size, by GstVideoConverter.
#pragma once

#include <gst/video/video.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gst/color_values.h"

namespace lightavseg::gst {

// Not thread-safe. The whole picture is scaled to the size, as training does; the aspect ratio of
// the video is not kept. Strides and offsets of GstVideoMeta are honoured, interlaced frames are
// taken as progressive ones.
class FrameScaler {
 public:
  FrameScaler() = default;
  ~FrameScaler();
  FrameScaler(const FrameScaler&) = delete;
  FrameScaler& operator=(const FrameScaler&) = delete;

  // Cheap when nothing changed. False when GstVideoConverter cannot read the format, when a buffer
  // holds single fields (interlace-mode=alternate), or when a size is not positive.
  bool configure(const GstVideoInfo& video, int height, int width);

  // buffer: of the configured video. out: [height, width, 3]. False when not configured, or when
  // the buffer cannot be mapped (shorter than its caps or its GstVideoMeta say); `reason`, if not
  // null, then tells why.
  bool scale(GstBuffer* buffer, std::vector<std::uint8_t>& out, std::string* reason = nullptr);

 private:
  void clear();

  GstVideoInfo in_{}, small_{};  // small_: what the converter writes
  RgbOfSamples to_rgb_;
  GstVideoConverter* converter_ = nullptr;
  GstBuffer* scaled_ = nullptr;
};

}  // namespace lightavseg::gst
