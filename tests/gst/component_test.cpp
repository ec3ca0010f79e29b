// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/component.h"

#include "gst/overlay_blend.h"
#include "tests/gst/test_frames.h"

namespace lightavseg::gst {
namespace {

// Where GStreamer's table of a format is trusted, its own unpacking must find what was written.
TEST(Component, FindsTheSamplesThatGStreamerFinds) {
  int direct = 0;
  for (const GstVideoFormat format : raw_video_formats()) {
    const GstVideoInfo info = video_info(format, 32, 16);
    if (!has_direct_samples(info.finfo)) continue;
    SCOPED_TRACE(name_of(format));
    ++direct;
    const int count = static_cast<int>(info.finfo->n_components);
    for (int changed = 0; changed < count; ++changed) {
      BufferPtr buffer = empty_frame(info);
      GstVideoFrame frame;
      ASSERT_TRUE(gst_video_frame_map(&frame, &info, buffer.get(), GST_MAP_READWRITE));
      const Component c = component(frame, changed);
      for (int y = 0; y < c.height; ++y)
        for (int x = 0; x < c.width; ++x) store_sample(c, c.row(y) + x * c.step, c.maximum());
      EXPECT_EQ(load_sample(c, c.row(3) + 5 * c.step), c.maximum());
      gst_video_frame_unmap(&frame);
      const auto pixels = unpacked(buffer.get(), info);
      const bool has_alpha = count == 4;
      for (std::size_t i = 0; i < pixels.size(); ++i) {
        const int part = static_cast<int>(i % 4) - 1;  // -1 is alpha
        if (part >= count || (count == 1 && part != 0)) continue;
        if (part == -1 && !has_alpha) continue;
        const bool set = part == (changed == 3 ? -1 : changed);
        // Its top 8 bits: layouts differ in how they fill up the lower ones.
        ASSERT_EQ(pixels[i] >> 8, set ? 255 : 0) << "component " << changed << " value " << i;
      }
    }
  }
  EXPECT_GT(direct, 70);
}

TEST(OverlayBlend, KnowsTheFormatsThatAreCommon) {
  for (const char* name :
       {"I420",      "YV12",      "NV12",      "NV21",  "NV16",      "NV24",      "YUY2",
        "UYVY",      "YVYU",      "Y444",      "Y42B",  "Y41B",      "AYUV",      "RGBx",
        "BGRx",      "xRGB",      "xBGR",      "RGBA",  "BGRA",      "ARGB",      "ABGR",
        "RGB",       "BGR",       "GBR",       "GRAY8", "GRAY16_LE", "I420_10LE", "I422_10LE",
        "Y444_10LE", "P010_10LE", "I420_10BE", "ARGB64"}) {
    EXPECT_TRUE(OverlayBlend::suits(gst_video_format_get_info(gst_video_format_from_string(name))))
        << name;
  }
  for (const char* name : {"v210", "UYVP", "NV12_32L32", "RGB16", "RGB8P", "A420", "Y210", "r210"})
    EXPECT_FALSE(OverlayBlend::suits(gst_video_format_get_info(gst_video_format_from_string(name))))
        << name;
}

}  // namespace
}  // namespace lightavseg::gst
