// SPDX-License-Identifier: LGPL-2.1-or-later
// Output modes alpha and cutout, in every format that has alpha.
#include <algorithm>
#include <cmath>

#include "gst/renderer.h"
#include "tests/gst/test_masks.h"

namespace lightavseg::gst {
namespace {

int alpha_depth(const GstVideoInfo& info) {
  return GST_VIDEO_INFO_COMP_DEPTH(&info, 3);
}

// Alpha values as the format stores them.
std::vector<int> alpha_of(GstBuffer* buffer, const GstVideoInfo& info) {
  std::vector<int> alpha;
  const std::vector<std::uint16_t> pixels = unpacked(buffer, info);
  for (std::size_t i = 0; i < pixels.size(); i += 4)
    alpha.push_back(pixels[i] >> (16 - alpha_depth(info)));
  return alpha;
}

int stored(int coverage, const GstVideoInfo& info) {
  const int maximum = (1 << alpha_depth(info)) - 1;
  return static_cast<int>(std::lround(coverage * maximum / 255.0));
}

// Left third hidden, right third shown, a ramp between them.
Mask& ramp_mask(Mask& mask) {
  return fill_mask(mask, 24, 6, [](int x, int) {
    return std::clamp(static_cast<float>(x - 8) / 8.0f, 0.0f, 1.0f);
  });
}

TEST(Alpha, EveryFormatHoldsTheCoverageExactly) {
  for (const GstVideoFormat format : formats_with_alpha()) {
    SCOPED_TRACE(name_of(format));
    for (const auto& [w, h] : {std::pair{17, 13}, std::pair{161, 97}}) {
      const GstVideoInfo in = video_info(GST_VIDEO_FORMAT_I420, w, h);
      const GstVideoInfo out = video_info(format, w, h);
      Renderer renderer;
      configure(renderer, in, out);
      const BufferPtr frame = busy_frame(in);
      for (const int value : {0, 64, 128, 255}) {
        Mask mask;
        fill_mask(mask, static_cast<float>(value) / 255.0f);
        const BufferPtr buffer = rendered(renderer, frame, mask, plain(Output::kAlpha));
        const std::vector<int> alpha = alpha_of(buffer.get(), out);
        ASSERT_EQ(alpha.size(), static_cast<std::size_t>(w * h));
        for (const int got : alpha) ASSERT_EQ(got, stored(value, out)) << value;
      }
    }
  }
}

// The reader that everybody uses must agree.
TEST(Alpha, GStreamerReadsBackWhatWasWritten) {
  for (const GstVideoFormat format : formats_with_alpha()) {
    const GstVideoInfo in = video_info(GST_VIDEO_FORMAT_RGB, 17, 13);
    const GstVideoInfo out = video_info(format, 17, 13);
    if (alpha_depth(out) < 8) continue;
    SCOPED_TRACE(name_of(format));
    Renderer renderer;
    configure(renderer, in, out);
    const BufferPtr frame = busy_frame(in);
    for (const int value : {0, 64, 128, 255}) {
      Mask mask;
      fill_mask(mask, static_cast<float>(value) / 255.0f);
      const BufferPtr buffer = rendered(renderer, frame, mask, plain(Output::kAlpha));
      const GstVideoInfo rgba = video_info(GST_VIDEO_FORMAT_RGBA, 17, 13);
      const auto bytes = bytes_of(convert(buffer.get(), out, rgba).get());
      for (std::size_t i = 3; i < bytes.size(); i += 4) ASSERT_NEAR(bytes[i], value, 1);
    }
  }
}

TEST(Alpha, ColourOfTheSameFormatStaysBitIdentical) {
  for (const GstVideoFormat format : formats_with_alpha()) {
    SCOPED_TRACE(name_of(format));
    const GstVideoInfo info = video_info(format, 33, 17);
    Renderer renderer;
    configure(renderer, info, info);
    const BufferPtr frame = busy_frame(info);
    Mask mask;
    ramp_mask(mask);
    for (const bool pad : {false, true}) {
      const BufferPtr source =
          pad ? padded(frame.get(), info) : BufferPtr(gst_buffer_ref(frame.get()));
      const auto before = unpacked(source.get(), info);
      const BufferPtr out = rendered(renderer, source, mask, plain(Output::kAlpha));
      EXPECT_NE(out.get(), source.get());
      const auto after = unpacked(out.get(), info);
      for (std::size_t i = 0; i < after.size(); ++i) {
        if (i % 4 == 0) continue;
        ASSERT_EQ(after[i], before[i]) << i;
      }
      EXPECT_EQ(unpacked(source.get(), info), before) << "the input is left alone";
    }
  }
}

TEST(Alpha, RgbaBytesStayAsTheyAre) {
  const GstVideoInfo info = video_info(GST_VIDEO_FORMAT_RGBA, 161, 97);
  Renderer renderer;
  configure(renderer, info, info);
  const BufferPtr frame = busy_frame(info);
  Mask mask;
  fill_mask(mask, 0.0f);
  const auto before = bytes_of(frame.get());
  const auto after = bytes_of(rendered(renderer, frame, mask, plain(Output::kAlpha)).get());
  for (std::size_t i = 0; i < after.size(); ++i) ASSERT_EQ(after[i], i % 4 == 3 ? 0 : before[i]);
}

// Chroma that goes from one 4:2:0 grid to the same must not be filtered on its way.
TEST(Alpha, PlanesOfI420ArriveInA420Unchanged) {
  for (const auto& [w, h] : {std::pair{64, 48}, std::pair{17, 13}, std::pair{161, 97}}) {
    const GstVideoInfo in = video_info(GST_VIDEO_FORMAT_I420, w, h);
    const GstVideoInfo out = video_info(GST_VIDEO_FORMAT_A420, w, h);
    Renderer renderer;
    configure(renderer, in, out);
    const BufferPtr frame = busy_frame(in);
    Mask mask;
    ramp_mask(mask);
    const BufferPtr buffer = rendered(renderer, frame, mask, plain(Output::kAlpha));
    const auto before = bytes_of(frame.get()), after = bytes_of(buffer.get());
    for (guint c = 0; c < 3; ++c) {
      for (int y = 0; y < GST_VIDEO_INFO_COMP_HEIGHT(&in, c); ++y) {
        for (int x = 0; x < GST_VIDEO_INFO_COMP_WIDTH(&in, c); ++x) {
          const auto a = in.offset[c] + static_cast<gsize>(y * in.stride[c] + x);
          const auto b = out.offset[c] + static_cast<gsize>(y * out.stride[c] + x);
          ASSERT_EQ(after[b], before[a]) << "component " << c << " at " << x << ", " << y;
        }
      }
    }
  }
}

TEST(Alpha, RgbBecomesRgbaWithoutLoss) {
  const GstVideoInfo in = video_info(GST_VIDEO_FORMAT_RGB, 33, 17);
  const BufferPtr frame = busy_frame(in);
  const auto before = unpacked(frame.get(), in);
  Mask mask;
  ramp_mask(mask);
  for (const GstVideoFormat format : {GST_VIDEO_FORMAT_RGBA, GST_VIDEO_FORMAT_BGRA,
                                      GST_VIDEO_FORMAT_ARGB, GST_VIDEO_FORMAT_GBRA}) {
    const GstVideoInfo out = video_info(format, 33, 17);
    Renderer renderer;
    configure(renderer, in, out);
    const auto after = unpacked(rendered(renderer, frame, mask, plain(Output::kAlpha)).get(), out);
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (i % 4 == 0) continue;
      ASSERT_EQ(after[i], before[i]) << name_of(format) << " " << i;
    }
  }
}

TEST(Alpha, TheMaskReplacesTheAlphaOfTheInput) {
  const GstVideoInfo in = video_info(GST_VIDEO_FORMAT_BGRA, 32, 16);
  const GstVideoInfo out = video_info(GST_VIDEO_FORMAT_AYUV, 32, 16);
  Renderer renderer;
  configure(renderer, in, out);
  BufferPtr frame = busy_frame(in);
  gst_buffer_memset(frame.get(), 0, 77, in.size);
  Mask mask;
  fill_mask(mask, 1.0f);
  const BufferPtr buffer = rendered(renderer, frame, mask, plain(Output::kAlpha));
  for (const int got : alpha_of(buffer.get(), out)) ASSERT_EQ(got, 255);
}

TEST(Alpha, OfAnEmptyMaskIsZeroOrInvertedFull) {
  const GstVideoInfo in = video_info(GST_VIDEO_FORMAT_NV12, 17, 13);
  const GstVideoInfo out = video_info(GST_VIDEO_FORMAT_RGBA, 17, 13);
  Renderer renderer;
  configure(renderer, in, out);
  const Mask mask;
  RenderSettings settings = plain(Output::kAlpha);
  for (const bool invert : {false, true}) {
    settings.look.invert = invert;
    const BufferPtr buffer = rendered(renderer, busy_frame(in), mask, settings);
    for (const int got : alpha_of(buffer.get(), out)) ASSERT_EQ(got, invert ? 255 : 0);
  }
}

TEST(Alpha, TwoRunsGiveTheSameBytes) {
  const GstVideoInfo in = video_info(GST_VIDEO_FORMAT_I420, 17, 13);
  Mask mask;
  ramp_mask(mask);
  const BufferPtr frame = busy_frame(in);
  for (const GstVideoFormat format : formats_with_alpha()) {
    const GstVideoInfo out = video_info(format, 17, 13);
    std::vector<std::uint8_t> first;
    for (int run = 0; run < 2; ++run) {
      BufferPtr dirt(gst_buffer_new_allocate(nullptr, out.size, nullptr));
      gst_buffer_memset(dirt.get(), 0, run == 0 ? 0x55 : 0xaa, out.size);
      dirt.reset();  // most likely the memory that the renderer gets
      Renderer renderer;
      configure(renderer, in, out);
      const auto bytes = bytes_of(rendered(renderer, frame, mask, plain(Output::kCutout)).get());
      if (run == 0) first = bytes;
      EXPECT_EQ(bytes, first) << name_of(format);
    }
  }
}

// Cutout.

std::vector<int> black_of(const GstVideoInfo& info) {
  if (GST_VIDEO_INFO_IS_RGB(&info)) return {0, 0, 0};
  return {info.colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255 ? 0 : 16, 128, 128};
}

TEST(Cutout, ColourIsBlackWhereAlphaIsZeroAndUntouchedElsewhere) {
  for (const GstVideoFormat format : formats_with_alpha()) {
    for (const bool full : {false, true}) {
      SCOPED_TRACE(name_of(format) + (full ? " full range" : ""));
      GstVideoInfo info = video_info(format, 48, 16);
      if (full) info.colorimetry.range = GST_VIDEO_COLOR_RANGE_0_255;
      Renderer renderer;
      configure(renderer, info, info);
      const BufferPtr frame = busy_frame(info);
      Mask mask;
      ramp_mask(mask);
      const BufferPtr buffer = rendered(renderer, frame, mask, plain(Output::kCutout));
      const auto before = unpacked(frame.get(), info), after = unpacked(buffer.get(), info);
      const std::vector<int> alpha = alpha_of(buffer.get(), info);
      const std::vector<int> black = black_of(info);
      // Where a hidden pixel shares its chroma with one that shows, chroma stays.
      const int w_sub = GST_VIDEO_INFO_IS_YUV(&info) ? static_cast<int>(info.finfo->w_sub[1]) : 0;
      int hidden = 0, shown = 0;
      for (std::size_t p = 0; p < alpha.size(); ++p) {
        const auto block = p & ~((std::size_t{1} << w_sub) - 1);
        bool all_hidden = true;
        for (std::size_t q = block; q < block + (std::size_t{1} << w_sub); ++q)
          all_hidden = all_hidden && alpha[q] == 0;
        for (std::size_t c = 0; c < 3; ++c) {
          const bool clears = c == 0 ? alpha[p] == 0 : all_hidden;
          if (clears)
            ASSERT_EQ(after[p * 4 + 1 + c] >> 8, black[c]) << "pixel " << p << " component " << c;
          else
            ASSERT_EQ(after[p * 4 + 1 + c], before[p * 4 + 1 + c]) << p << " " << c;
        }
        (alpha[p] == 0 ? hidden : shown) += 1;
      }
      EXPECT_GT(hidden, 48 * 16 / 4);
      EXPECT_GT(shown, 48 * 16 / 4);
    }
  }
}

TEST(Cutout, OddPicturesAreClearedToTheirEdges) {
  for (const GstVideoFormat format : {GST_VIDEO_FORMAT_A420, GST_VIDEO_FORMAT_A422_10LE,
                                      GST_VIDEO_FORMAT_RGBA, GST_VIDEO_FORMAT_ABGR}) {
    const GstVideoInfo info = video_info(format, 17, 13);
    Renderer renderer;
    configure(renderer, info, info);
    Mask mask;
    fill_mask(mask, 0.0f);
    const BufferPtr buffer = rendered(renderer, busy_frame(info), mask, plain(Output::kCutout));
    const auto pixels = unpacked(buffer.get(), info);
    const std::vector<int> black = black_of(info);
    for (std::size_t i = 0; i < pixels.size(); ++i)
      ASSERT_EQ(pixels[i] >> 8, i % 4 == 0 ? 0 : black[i % 4 - 1]) << name_of(format) << " " << i;
  }
}

}  // namespace
}  // namespace lightavseg::gst
