// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/color_values.h"

#include "tests/gst/test_frames.h"

namespace lightavseg::gst {
namespace {

TEST(ColorSamples, Goldens) {
  GstVideoColorimetry bt601, bt709, full;
  gst_video_colorimetry_from_string(&bt601, "bt601");
  gst_video_colorimetry_from_string(&bt709, "bt709");
  gst_video_colorimetry_from_string(&full, "1:4:0:0");
  const struct {
    GstVideoFormat format;
    const GstVideoColorimetry* colorimetry;
    std::uint32_t rgb;
    int a, b, c;
  } cases[] = {
      {GST_VIDEO_FORMAT_I420, &bt601, 0xff0000, 81, 90, 240},
      {GST_VIDEO_FORMAT_I420, &bt709, 0xff0000, 63, 102, 240},
      {GST_VIDEO_FORMAT_I420, &bt601, 0xffffff, 235, 128, 128},
      {GST_VIDEO_FORMAT_I420, &full, 0xffffff, 255, 128, 128},
      {GST_VIDEO_FORMAT_I420, &full, 0x0000ff, 29, 255, 107},
      {GST_VIDEO_FORMAT_I420, &bt601, 0xab000000, 16, 128, 128},
      {GST_VIDEO_FORMAT_I420_10LE, &bt601, 0xffffff, 940, 512, 512},
      {GST_VIDEO_FORMAT_GRAY8, &bt601, 0xff0000, 81, 0, 0},
      {GST_VIDEO_FORMAT_RGB, &full, 0x123456, 0x12, 0x34, 0x56},
      {GST_VIDEO_FORMAT_GBR_10LE, &full, 0xff0080, 1023, 0, 514},
  };
  for (const auto& c : cases) {
    const GstVideoFormatInfo* layout = gst_video_format_get_info(c.format);
    const auto got = color_samples(layout, *c.colorimetry, c.rgb);
    EXPECT_EQ(got[0], c.a) << name_of(c.format) << std::hex << c.rgb;
    EXPECT_EQ(got[1], c.b) << name_of(c.format) << std::hex << c.rgb;
    EXPECT_EQ(got[2], c.c) << name_of(c.format) << std::hex << c.rgb;
  }
}

TEST(ColorSamples, AndBackAgain) {
  for (const char* name : {"bt601", "bt709", "bt2020", "1:4:0:0"}) {
    GstVideoColorimetry colorimetry;
    gst_video_colorimetry_from_string(&colorimetry, name);
    for (const GstVideoFormat format : {GST_VIDEO_FORMAT_AYUV64, GST_VIDEO_FORMAT_ARGB64}) {
      const GstVideoFormatInfo* layout = gst_video_format_get_info(format);
      const RgbOfSamples back(layout, colorimetry);
      for (std::uint32_t i = 0; i < 500; ++i) {
        const std::uint32_t rgb = hash32(i) & 0xffffff;
        const auto samples = color_samples(layout, colorimetry, rgb);
        const std::uint16_t words[3] = {static_cast<std::uint16_t>(samples[0]),
                                        static_cast<std::uint16_t>(samples[1]),
                                        static_cast<std::uint16_t>(samples[2])};
        std::uint8_t got[3];
        back.convert(words, got);
        EXPECT_EQ(static_cast<std::uint32_t>(got[0] << 16 | got[1] << 8 | got[2]), rgb) << name;
      }
    }
  }
}

}  // namespace
}  // namespace lightavseg::gst
