// SPDX-License-Identifier: LGPL-2.1-or-later
// The renderer as a whole: configuring, mattes, metadata, what a buffer keeps.
#include "gst/renderer.h"

#include <algorithm>
#include <tuple>

#include "tests/gst/test_masks.h"

namespace lightavseg::gst {
namespace {

constexpr GstVideoFormat kGray8 = GST_VIDEO_FORMAT_GRAY8;
constexpr GstVideoFormat kGray16 = GST_VIDEO_FORMAT_GRAY16_LE;
constexpr GstVideoFormat kI420 = GST_VIDEO_FORMAT_I420;
constexpr GstVideoFormat kRgba = GST_VIDEO_FORMAT_RGBA;

std::string refusal(const GstVideoInfo& in, const GstVideoInfo& out) {
  Renderer renderer;
  std::string reason;
  EXPECT_FALSE(renderer.configure(in, out, false, &reason));
  return reason;
}

TEST(Renderer, RefusesWhatNoModeCanMakeAndSaysWhy) {
  const GstVideoInfo i420 = video_info(kI420, 64, 48);
  EXPECT_NE(refusal(i420, video_info(GST_VIDEO_FORMAT_NV12, 64, 48)).find("NV12 has no alpha"),
            std::string::npos);
  EXPECT_NE(refusal(i420, video_info(kRgba, 32, 48)).find("RGBA 32x48"), std::string::npos);
  GstVideoInfo interlaced = i420;
  interlaced.interlace_mode = GST_VIDEO_INTERLACE_MODE_INTERLEAVED;
  EXPECT_NE(refusal(interlaced, i420).find("interleaved"), std::string::npos);
  GstVideoInfo fields = i420;
  fields.interlace_mode = GST_VIDEO_INTERLACE_MODE_ALTERNATE;
  EXPECT_NE(refusal(fields, fields).find("alternate"), std::string::npos);
  GstVideoInfo none;
  gst_video_info_init(&none);
  EXPECT_NE(refusal(none, i420).find("raw video"), std::string::npos);
  GstVideoInfo encoded;
  gst_video_info_set_format(&encoded, GST_VIDEO_FORMAT_ENCODED, 64, 48);
  EXPECT_NE(refusal(encoded, encoded).find("raw video"), std::string::npos);
}

TEST(Renderer, RendersOnlyTheModesThatItsCapsAreFor) {
  Mask mask;
  fill_mask(mask, 1);
  const struct {
    GstVideoFormat out;
    std::vector<Output> works;
  } cases[] = {{kI420, {Output::kOverlay, Output::kMetadata}},
               {kRgba, {Output::kAlpha, Output::kCutout}},
               {kGray8, {Output::kMatte}}};
  for (const auto& c : cases) {
    for (const Output mode :
         {Output::kOverlay, Output::kAlpha, Output::kCutout, Output::kMatte, Output::kMetadata}) {
      const GstVideoInfo in = video_info(kI420, 32, 16);
      Renderer renderer;
      configure(renderer, in, video_info(c.out, 32, 16));
      std::string reason;
      BufferPtr frame = empty_frame(in);
      BufferPtr out(renderer.render(gst_buffer_ref(frame.get()), mask, plain(mode), &reason));
      const bool works = std::find(c.works.begin(), c.works.end(), mode) != c.works.end();
      EXPECT_EQ(out != nullptr, works) << name_of(c.out) << " mode " << static_cast<int>(mode);
      EXPECT_EQ(reason.empty(), works);
      out.reset();
      EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(frame.get()), 1) << "released in any case";
    }
  }
}

TEST(Renderer, RendersNothingBeforeItIsConfigured) {
  Renderer renderer;
  Mask mask;
  std::string reason;
  BufferPtr frame = empty_frame(video_info(kI420, 16, 16));
  for (const Output mode : {Output::kOverlay, Output::kMetadata, Output::kMatte}) {
    EXPECT_EQ(renderer.render(gst_buffer_ref(frame.get()), mask, plain(mode), &reason), nullptr);
    EXPECT_NE(reason, "");
  }
  EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(frame.get()), 1);
}

TEST(Renderer, AFailedConfigurationLeavesNone) {
  Renderer renderer;
  const GstVideoInfo info = video_info(kI420, 16, 16);
  configure(renderer, info, info);
  std::string reason;
  EXPECT_FALSE(renderer.configure(info, video_info(kI420, 32, 16), false, &reason));
  Mask mask;
  EXPECT_EQ(renderer.render(empty_frame(info).release(), mask, plain(Output::kMetadata), &reason),
            nullptr);
}

TEST(Renderer, TakesNoFrameShorterThanItsCaps) {
  Mask mask;
  fill_mask(mask, 1);
  const GstVideoInfo in = video_info(kI420, 33, 17);
  const struct {
    GstVideoFormat out;
    Output mode;
  } cases[] = {{kI420, Output::kOverlay}, {kRgba, Output::kAlpha}, {kRgba, Output::kCutout}};
  for (const auto& c : cases) {
    Renderer renderer;
    configure(renderer, in, video_info(c.out, 33, 17));
    BufferPtr frame = empty_frame(in);
    gst_buffer_set_size(frame.get(), static_cast<gssize>(in.size) - 1);
    std::string reason;
    EXPECT_EQ(renderer.render(gst_buffer_ref(frame.get()), mask, plain(c.mode), &reason), nullptr);
    EXPECT_NE(reason.find("bytes"), std::string::npos) << reason;
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(frame.get()), 1);
  }
}

TEST(Renderer, MetadataGivesTheFrameItself) {
  const GstVideoInfo info = video_info(kI420, 16, 16);
  Renderer renderer;
  configure(renderer, info, info);
  Mask mask;
  fill_mask(mask, 1);
  const BufferPtr frame = busy_frame(info);
  EXPECT_EQ(rendered(renderer, frame, mask, plain(Output::kMetadata)).get(), frame.get());
}

// Mattes.

std::vector<int> matte(GstVideoFormat format, int width, int height, const Mask& mask,
                       const RenderSettings& settings) {
  const GstVideoInfo in = video_info(kI420, width, height);
  const GstVideoInfo out = video_info(format, width, height);
  Renderer renderer;
  configure(renderer, in, out);
  const BufferPtr buffer = rendered(renderer, empty_frame(in), mask, settings);
  const std::vector<std::uint8_t> bytes = bytes_of(buffer.get());
  EXPECT_EQ(bytes.size(), out.size);
  std::vector<int> values;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const std::uint8_t* at =
          &bytes[static_cast<std::size_t>(y * out.stride[0] + x * (format == kGray16 ? 2 : 1))];
      values.push_back(format == kGray16 ? GST_READ_UINT16_LE(at) : *at);
    }
  }
  return values;
}

TEST(Matte, KeepsFlatValuesExactly) {
  for (const int value : {0, 1, 64, 128, 254, 255}) {
    Mask mask;
    fill_mask(mask, static_cast<float>(value) / 255.0f);
    for (const auto& [w, h] : {std::pair{17, 13}, std::pair{161, 97}, std::pair{16, 16}}) {
      for (const int got : matte(kGray8, w, h, mask, plain(Output::kMatte))) ASSERT_EQ(got, value);
      for (const int got : matte(kGray16, w, h, mask, plain(Output::kMatte)))
        ASSERT_EQ(got, value * 257);
    }
  }
}

// Bilinear between pixel centres: 2 pixels to 8 give weights 0, 0, 1/8, 3/8, 5/8, 7/8, 1, 1.
TEST(Matte, IsEnlargedBilinearly) {
  Mask mask;
  fill_mask(mask, 2, 1, [](int x, int) { return static_cast<float>(x); });
  const std::vector<int> got = matte(kGray8, 8, 2, mask, plain(Output::kMatte));
  const int want[8] = {0, 0, 32, 96, 159, 223, 255, 255};
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i % 8], 1) << i;
  const std::vector<int> wide = matte(kGray16, 8, 2, mask, plain(Output::kMatte));
  const int want_wide[8] = {0, 0, 8192, 24576, 40959, 57343, 65535, 65535};
  for (std::size_t i = 0; i < wide.size(); ++i) EXPECT_NEAR(wide[i], want_wide[i % 8], 1) << i;
}

TEST(Matte, OfATallMaskOnAWideVideoIsNotTurned) {
  Mask mask;
  fill_mask(mask, 6, 12, [](int x, int y) { return x < 3 && y < 3 ? 1.0f : 0.0f; });
  const std::vector<int> got = matte(kGray8, 120, 24, mask, plain(Output::kMatte));
  EXPECT_EQ(got[0], 255);
  EXPECT_EQ(got[40], 255);
  EXPECT_EQ(got[80], 0);
  EXPECT_EQ(got[4 * 120 + 20], 255);
  EXPECT_EQ(got[8 * 120 + 20], 0);
}

TEST(Matte, IsReducedByAreas) {
  Mask mask;
  fill_mask(mask, 64, 64, [](int x, int) { return x % 2 == 0 ? 1.0f : 0.0f; });
  for (const int got : matte(kGray8, 16, 16, mask, plain(Output::kMatte))) ASSERT_NEAR(got, 128, 1);
}

TEST(Matte, OfAnEmptyMaskIsZeroOrInvertedFull) {
  const Mask mask;
  RenderSettings settings = plain(Output::kMatte);
  for (const double threshold : {0.0, 0.5}) {
    settings.look.threshold = threshold;
    settings.look.invert = false;
    for (const int got : matte(kGray8, 17, 13, mask, settings)) ASSERT_EQ(got, 0);
    settings.look.invert = true;
    for (const int got : matte(kGray8, 17, 13, mask, settings)) ASSERT_EQ(got, 255);
  }
}

// The same feather in pixels of the video gives the same soft edge whatever the map's size.
TEST(Matte, FeatherIsInPixelsOfTheVideo) {
  RenderSettings settings = plain(Output::kMatte);
  settings.look.threshold = 0.5;
  settings.look.feather = 16;
  std::vector<int> widths;
  for (const int size : {64, 128}) {
    Mask mask;
    fill_mask(mask, size, size, [size](int x, int) { return x < size / 2 ? 1.0f : 0.0f; });
    const std::vector<int> got = matte(kGray8, 256, 256, mask, settings);
    // An edge blurred by a Gaussian rises from 16 % to 84 % within two standard deviations.
    int width = 0;
    for (std::size_t x = 0; x < 256; ++x)
      width += got[128 * 256 + x] > 41 && got[128 * 256 + x] < 214;
    EXPECT_NEAR(width, 32, 6) << size;
    widths.push_back(width);
  }
  EXPECT_NEAR(widths[0], widths[1], 3);
}

TEST(Matte, TheSameMaskIsRenderedAnewOnlyForOtherSettings) {
  const GstVideoInfo in = video_info(kI420, 32, 32), out = video_info(kGray8, 32, 32);
  Renderer renderer;
  configure(renderer, in, out);
  const BufferPtr frame = empty_frame(in);
  RenderSettings settings = plain(Output::kMatte);
  Mask mask;
  fill_mask(mask, 0.25f);
  const auto first = bytes_of(rendered(renderer, frame, mask, settings).get());
  EXPECT_EQ(first[0], 64);
  mask.probability.assign(64, 0.75f);  // no other serial: nobody looks
  EXPECT_EQ(bytes_of(rendered(renderer, frame, mask, settings).get()), first);
  settings.look.invert = true;  // looks
  EXPECT_EQ(bytes_of(rendered(renderer, frame, mask, settings).get())[0], 64);
  settings.look.invert = false;
  EXPECT_EQ(bytes_of(rendered(renderer, frame, mask, settings).get())[0], 191);
  mask.serial = 0;  // never numbered: looked at each time
  mask.probability.assign(64, 0.5f);
  EXPECT_EQ(bytes_of(rendered(renderer, frame, mask, settings).get())[0], 128);
  mask.probability.assign(64, 1.0f);
  EXPECT_EQ(bytes_of(rendered(renderer, frame, mask, settings).get())[0], 255);
}

TEST(Matte, TwoRunsGiveTheSameBytesPaddingIncluded) {
  const GstVideoInfo in = video_info(kI420, 17, 13);
  Mask mask;
  fill_mask(mask, 0.5f);
  for (const GstVideoFormat format : {kGray8, kGray16}) {
    const GstVideoInfo out = video_info(format, 17, 13);
    Renderer renderer;
    configure(renderer, in, out);
    const BufferPtr buffer = rendered(renderer, empty_frame(in), mask, plain(Output::kMatte));
    const std::vector<std::uint8_t> bytes = bytes_of(buffer.get());
    const int used = format == kGray16 ? 34 : 17;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (static_cast<int>(i) % out.stride[0] < used) continue;
      EXPECT_EQ(bytes[i], 0) << i;
    }
  }
}

// What a buffer keeps.

BufferPtr stamped_frame(const GstVideoInfo& info) {
  BufferPtr frame = busy_frame(info);
  GST_BUFFER_PTS(frame.get()) = 5 * GST_SECOND;
  GST_BUFFER_DTS(frame.get()) = 4 * GST_SECOND;
  GST_BUFFER_DURATION(frame.get()) = 40 * GST_MSECOND;
  GST_BUFFER_OFFSET(frame.get()) = 125;
  GST_BUFFER_FLAG_SET(frame.get(), GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_CORRUPTED);
  gst_buffer_add_video_region_of_interest_meta(frame.get(), "thing", 1, 2, 3, 4);
  gst_buffer_add_video_meta(frame.get(), GST_VIDEO_FRAME_FLAG_NONE, info.finfo->format,
                            static_cast<guint>(info.width), static_cast<guint>(info.height));
  GstVideoCropMeta* crop = gst_buffer_add_video_crop_meta(frame.get());
  crop->width = 7;
  return frame;
}

TEST(Renderer, BuffersKeepTimesFlagsAndTheMetasThatHold) {
  const GstVideoInfo in = video_info(kI420, 32, 16);
  Mask mask;
  fill_mask(mask, 0.5f);
  const struct {
    GstVideoFormat out;
    Output mode;
  } cases[] = {{kI420, Output::kOverlay},
               {kI420, Output::kMetadata},
               {kRgba, Output::kAlpha},
               {kRgba, Output::kCutout},
               {kGray8, Output::kMatte}};
  for (const auto& c : cases) {
    SCOPED_TRACE(static_cast<int>(c.mode));
    Renderer renderer;
    configure(renderer, in, video_info(c.out, 32, 16));
    const BufferPtr out = rendered(renderer, stamped_frame(in), mask, plain(c.mode));
    EXPECT_EQ(GST_BUFFER_PTS(out.get()), 5 * GST_SECOND);
    EXPECT_EQ(GST_BUFFER_DTS(out.get()), 4 * GST_SECOND);
    EXPECT_EQ(GST_BUFFER_DURATION(out.get()), 40 * GST_MSECOND);
    EXPECT_EQ(GST_BUFFER_OFFSET(out.get()), 125u);
    EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(out.get(), GST_BUFFER_FLAG_DISCONT));
    EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(out.get(), GST_BUFFER_FLAG_CORRUPTED));
    GstVideoRegionOfInterestMeta* region = gst_buffer_get_video_region_of_interest_meta(out.get());
    ASSERT_NE(region, nullptr);
    EXPECT_EQ(region->w, 3u);
    ASSERT_NE(gst_buffer_get_video_crop_meta(out.get()), nullptr);
    EXPECT_EQ(gst_buffer_get_video_crop_meta(out.get())->width, 7u);
    // It describes memory that the new buffer does not have.
    EXPECT_EQ(gst_buffer_get_video_meta(out.get()) != nullptr, c.out == kI420);
  }
}

TEST(Renderer, SubtitlesStayOnPicturesButDoNotGoOntoMattes) {
  const GstVideoInfo in = video_info(kI420, 32, 16);
  Mask mask;
  fill_mask(mask, 0.5f);
  BufferPtr pixels(gst_buffer_new_allocate(nullptr, 4 * 4 * 4, nullptr));
  gst_buffer_add_video_meta(pixels.get(), GST_VIDEO_FRAME_FLAG_NONE,
                            GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, 4, 4);
  GstVideoOverlayRectangle* rectangle = gst_video_overlay_rectangle_new_raw(
      pixels.get(), 0, 0, 4, 4, GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE);
  GstVideoOverlayComposition* composition = gst_video_overlay_composition_new(rectangle);
  gst_video_overlay_rectangle_unref(rectangle);
  BufferPtr frame = busy_frame(in);
  gst_buffer_add_video_overlay_composition_meta(frame.get(), composition);
  gst_video_overlay_composition_unref(composition);
  for (const auto& [format, mode, kept] :
       {std::tuple{kRgba, Output::kAlpha, true}, std::tuple{kGray8, Output::kMatte, false}}) {
    Renderer renderer;
    configure(renderer, in, video_info(format, 32, 16));
    const BufferPtr out = rendered(renderer, frame, mask, plain(mode));
    EXPECT_EQ(gst_buffer_get_video_overlay_composition_meta(out.get()) != nullptr, kept);
  }
}

}  // namespace
}  // namespace lightavseg::gst
