// SPDX-License-Identifier: LGPL-2.1-or-later
// Masks and rendering for the tests of the renderer.
#pragma once

#include <string>
#include <utility>

#include "gst/renderer.h"
#include "tests/gst/test_frames.h"

namespace lightavseg::gst {

// A numbered mask whose probability at (x, y) is `value(x, y)`.
template <typename Value>
Mask& fill_mask(Mask& mask, int width, int height, Value value) {
  static std::uint64_t serial = 0;
  mask.serial = ++serial;
  mask.width = width;
  mask.height = height;
  mask.probability.clear();
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) mask.probability.push_back(value(x, y));
  return mask;
}

inline Mask& fill_mask(Mask& mask, float value) {
  return fill_mask(mask, 8, 8, [value](int, int) { return value; });
}

// Coverage is the probability itself: no threshold, no feather.
inline RenderSettings plain(Output output) {
  RenderSettings settings;
  settings.output = output;
  settings.look.threshold = 0;
  return settings;
}

// Configures, renders a reference of `frame` and expects both to succeed.
inline BufferPtr rendered(Renderer& renderer, const BufferPtr& frame, const Mask& mask,
                          const RenderSettings& settings) {
  std::string reason;
  BufferPtr out(renderer.render(gst_buffer_ref(frame.get()), mask, settings, &reason));
  EXPECT_TRUE(out) << reason;
  return out;
}

inline void configure(Renderer& renderer, const GstVideoInfo& in, const GstVideoInfo& out,
                      bool attach = false) {
  std::string reason;
  EXPECT_TRUE(renderer.configure(in, out, attach, &reason)) << reason;
  EXPECT_EQ(reason, "");
}

inline std::vector<GstVideoFormat> formats_with_alpha() {
  std::vector<GstVideoFormat> formats;
  for (const GstVideoFormat format : raw_video_formats()) {
    const GstVideoFormatInfo* info = gst_video_format_get_info(format);
    if (GST_VIDEO_FORMAT_INFO_HAS_ALPHA(info) && !GST_VIDEO_FORMAT_INFO_HAS_PALETTE(info))
      formats.push_back(format);
  }
  return formats;
}

}  // namespace lightavseg::gst
