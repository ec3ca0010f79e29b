// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/renderer_matte.h"

#include <cstring>

#include "gst/component.h"
#include "gst/frame_metadata.h"
#include "gst/mapped_frame.h"

namespace lightavseg::gst {
namespace {

void write_row(const Component& gray, int y, const cv::Mat& map) {
  std::uint8_t* to = gray.row(y);
  if (!gray.wide) {
    std::memcpy(to, map.ptr<std::uint8_t>(y), static_cast<std::size_t>(gray.width));
  } else {
    const std::uint16_t* from = map.ptr<std::uint16_t>(y);
    for (int x = 0; x < gray.width; ++x, to += gray.step) store_sample(gray, to, from[x]);
  }
  const int written = gray.width * gray.step;  // the rest is padding: the same in every run
  std::memset(gray.row(y) + written, 0, static_cast<std::size_t>(gray.stride - written));
}

}  // namespace

bool is_matte_format(GstVideoFormat format) {
  return format == GST_VIDEO_FORMAT_GRAY8 || format == GST_VIDEO_FORMAT_GRAY16_LE;
}

GstBuffer* matte_of(GstBuffer* frame, const GstVideoInfo& output, Coverage& coverage,
                    std::string* reason) {
  const cv::Size size(output.width, output.height);
  const cv::Mat& map = GST_VIDEO_INFO_FORMAT(&output) == GST_VIDEO_FORMAT_GRAY8
                           ? coverage.bytes(size)
                           : coverage.words(size);
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&output), nullptr);
  if (buffer == nullptr) {
    *reason = "out of memory for a video frame";
    return nullptr;
  }
  {
    MappedFrame mapped(buffer, output, GST_MAP_WRITE);
    const Component gray = component(*mapped, GST_VIDEO_COMP_Y);
    for (int y = 0; y < gray.height; ++y) write_row(gray, y, map);
  }
  copy_frame_metadata(frame, buffer, true);
  return buffer;
}

}  // namespace lightavseg::gst
