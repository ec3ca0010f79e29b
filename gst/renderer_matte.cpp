// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/renderer_matte.h"

#include <cstring>

#include "gst/component.h"
#include "gst/frame_metadata.h"
#include "gst/mapped_frame.h"

namespace lightavseg::gst {

bool is_matte_format(GstVideoFormat format) {
  return format == GST_VIDEO_FORMAT_GRAY8 || format == GST_VIDEO_FORMAT_GRAY16_LE;
}

void write_matte(const GstVideoFrame& frame, Coverage& coverage) {
  const Component gray = component(frame, GST_VIDEO_COMP_Y);
  const cv::Size size(gray.width, gray.height);
  const cv::Mat& map = gray.wide ? coverage.words(size) : coverage.bytes(size);
  for (int y = 0; y < gray.height; ++y) {
    std::uint8_t* to = gray.row(y);
    if (!gray.wide) {
      std::memcpy(to, map.ptr<std::uint8_t>(y), static_cast<std::size_t>(gray.width));
      continue;
    }
    const std::uint16_t* from = map.ptr<std::uint16_t>(y);
    for (int x = 0; x < gray.width; ++x, to += gray.step) store_sample(gray, to, from[x]);
  }
}

GstBuffer* matte_of(GstBuffer* frame, const GstVideoInfo& output, Coverage& coverage) {
  Owned<GstBuffer> buffer = new_frame(output);
  {
    MappedFrame mapped(buffer.get(), output, GST_MAP_WRITE);
    write_matte(*mapped, coverage);
  }
  copy_frame_metadata(frame, buffer.get(), true);
  return buffer.release();
}

}  // namespace lightavseg::gst
