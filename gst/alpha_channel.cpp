// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/alpha_channel.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "gst/component.h"

namespace lightavseg::gst {
namespace {

// Sample values of black, by component of the unpacked or direct layout.
std::array<gint, GST_VIDEO_MAX_COMPONENTS> black_of(const GstVideoInfo& video,
                                                    const GstVideoFormatInfo* layout) {
  std::array<gint, GST_VIDEO_MAX_COMPONENTS> offset{}, scale{};
  gst_video_color_range_offsets(video.colorimetry.range, layout, offset.data(), scale.data());
  return offset;
}

void write_direct(const Component& alpha, Coverage& coverage) {
  const cv::Size size(alpha.width, alpha.height);
  if (!alpha.wide) {
    const cv::Mat& map = coverage.bytes(size);
    for (int y = 0; y < alpha.height; ++y) {
      const std::uint8_t* from = map.ptr<std::uint8_t>(y);
      std::uint8_t* to = alpha.row(y);
      for (int x = 0; x < alpha.width; ++x, to += alpha.step) *to = from[x];
    }
    return;
  }
  const cv::Mat& map = coverage.words(size);
  const std::uint32_t maximum = static_cast<std::uint32_t>(alpha.maximum());
  for (int y = 0; y < alpha.height; ++y) {
    const std::uint16_t* from = map.ptr<std::uint16_t>(y);
    std::uint8_t* to = alpha.row(y);
    for (int x = 0; x < alpha.width; ++x, to += alpha.step)
      store_sample(alpha, to, static_cast<int>((from[x] * maximum + 32767u) / 65535u));
  }
}

// Marks in `shown` which samples of a row of a component have a pixel of alpha above 0. The row
// shares the rows top to bottom - 1 of the alpha channel, a sample 1 << w_sub of its columns.
void mark_shown(const Component& alpha, int top, int bottom, int w_sub,
                std::vector<std::uint8_t>& shown) {
  std::fill(shown.begin(), shown.end(), std::uint8_t{0});
  for (int y = top; y < bottom; ++y) {
    const std::uint8_t* at = alpha.row(y);
    if (!alpha.wide && w_sub == 0) {
      for (int x = 0; x < alpha.width; ++x)
        shown[static_cast<std::size_t>(x)] |= at[x * alpha.step];
      continue;
    }
    for (int x = 0; x < alpha.width; ++x, at += alpha.step) {
      const bool shows = load_sample(alpha, at) != 0;
      shown[static_cast<std::size_t>(x >> w_sub)] |= static_cast<std::uint8_t>(shows);
    }
  }
}

// Masks are blobs: what is hidden comes in few long runs.
void clear_hidden_runs(const Component& colour, int y, const std::vector<std::uint8_t>& shown,
                       int value) {
  const auto end = shown.begin() + colour.width;
  for (auto from = std::find(shown.begin(), end, 0); from != end;) {
    const auto to = std::find_if(from, end, [](std::uint8_t s) { return s != 0; });
    std::uint8_t* at = colour.row(y) + (from - shown.begin()) * colour.step;
    if (colour.step == 1) {
      std::fill(at, at + (to - from), static_cast<std::uint8_t>(value));
    } else {
      for (auto x = from; x != to; ++x, at += colour.step) store_sample(colour, at, value);
    }
    from = std::find(to, end, 0);
  }
}

void clear_direct(GstVideoFrame* frame, const Component& alpha) {
  const GstVideoFormatInfo* format = frame->info.finfo;
  const auto black = black_of(frame->info, format);
  std::vector<std::uint8_t> shown(static_cast<std::size_t>(alpha.width));
  // Row by row: the components of most formats lie beside each other.
  for (int y = 0; y < alpha.height; ++y) {
    for (int index = 0; index < GST_VIDEO_COMP_A; ++index) {
      const Component colour = component(*frame, index);
      if (y >= colour.height) continue;
      const int w_sub = static_cast<int>(GST_VIDEO_FORMAT_INFO_W_SUB(format, index));
      const int h_sub = static_cast<int>(GST_VIDEO_FORMAT_INFO_H_SUB(format, index));
      const bool same_as_before =
          index > 0 && w_sub == static_cast<int>(GST_VIDEO_FORMAT_INFO_W_SUB(format, index - 1)) &&
          h_sub == static_cast<int>(GST_VIDEO_FORMAT_INFO_H_SUB(format, index - 1));
      if (!same_as_before)
        mark_shown(alpha, y << h_sub, std::min((y + 1) << h_sub, alpha.height), w_sub, shown);
      clear_hidden_runs(colour, y, shown, black[static_cast<std::size_t>(index)]);
    }
  }
}

// Formats whose samples share words (RGB10A2_LE, Y410) or are not described (Y412): a line at a
// time through the format's own functions. None of them subsamples chroma, so this loses nothing.
class UnpackedLine {
 public:
  UnpackedLine(GstVideoFrame* frame, int depth)
      : frame_(frame),
        layout_(gst_video_format_get_info(frame->info.finfo->unpack_format)),
        maximum_((1u << depth) - 1),
        shift_(16 - depth),
        words_(static_cast<std::size_t>(frame->info.width) * 4),
        black_(black_of(frame->info, layout_)) {}

  // Words of a pixel: alpha and three colours. All formats that come here have more than 8 bit.
  static bool suits(const GstVideoFormatInfo* format) {
    const GstVideoFormatInfo* layout = gst_video_format_get_info(format->unpack_format);
    return GST_VIDEO_FORMAT_INFO_DEPTH(layout, 0) == 16 && format->pack_lines == 1 &&
           GST_VIDEO_FORMAT_INFO_W_SUB(format, 1) == 0 &&
           GST_VIDEO_FORMAT_INFO_H_SUB(format, 1) == 0;
  }

  void write(int y, const std::uint16_t* coverage, bool clear_hidden) {
    const GstVideoFormatInfo* format = frame_->info.finfo;
    const int width = frame_->info.width;
    format->unpack_func(format, GST_VIDEO_PACK_FLAG_NONE, words_.data(), frame_->data,
                        frame_->info.stride, 0, y, width);
    std::uint16_t* pixel = words_.data();
    for (int x = 0; x < width; ++x, pixel += 4) {
      const std::uint32_t alpha = (coverage[x] * maximum_ + 32767u) / 65535u;
      pixel[0] = static_cast<std::uint16_t>(alpha << shift_);
      if (clear_hidden && alpha == 0) {
        for (std::size_t c = 0; c < 3; ++c) pixel[1 + c] = static_cast<std::uint16_t>(black_[c]);
      }
    }
    format->pack_func(format, GST_VIDEO_PACK_FLAG_NONE, words_.data(), 0, frame_->data,
                      frame_->info.stride, frame_->info.chroma_site, y, width);
  }

 private:
  GstVideoFrame* frame_;
  const GstVideoFormatInfo* layout_;
  std::uint32_t maximum_;
  int shift_;
  std::vector<std::uint16_t> words_;
  std::array<gint, GST_VIDEO_MAX_COMPONENTS> black_;
};

}  // namespace

bool can_write_alpha(const GstVideoFormatInfo* format) {
  return GST_VIDEO_FORMAT_INFO_HAS_ALPHA(format) && !GST_VIDEO_FORMAT_INFO_HAS_PALETTE(format) &&
         (has_direct_samples(format) || UnpackedLine::suits(format));
}

void write_alpha(GstVideoFrame* frame, Coverage& coverage, bool clear_hidden) {
  const GstVideoFormatInfo* format = frame->info.finfo;
  if (has_direct_samples(format)) {
    const Component alpha = component(*frame, GST_VIDEO_COMP_A);
    write_direct(alpha, coverage);
    if (clear_hidden) clear_direct(frame, alpha);
    return;
  }
  const cv::Mat& map = coverage.words({frame->info.width, frame->info.height});
  UnpackedLine line(frame, static_cast<int>(GST_VIDEO_FORMAT_INFO_DEPTH(format, GST_VIDEO_COMP_A)));
  for (int y = 0; y < frame->info.height; ++y)
    line.write(y, map.ptr<std::uint16_t>(y), clear_hidden);
}

}  // namespace lightavseg::gst
