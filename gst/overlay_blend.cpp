// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/overlay_blend.h"

#include <algorithm>
#include <array>

#include "gst/color_values.h"
#include "gst/component.h"
#include "gst/coverage.h"

namespace lightavseg::gst {
namespace {

// 16 bit arithmetic all through, so that the compiler makes eight pixels an instruction.
template <int kStep>
void blend_bytes(std::uint8_t* to, const std::uint8_t* weight, int count, int value) {
  const auto v = static_cast<std::uint16_t>(value);
  for (int x = 0; x < count; ++x) {
    const std::uint16_t w = weight[x];
    const auto sum = static_cast<std::uint16_t>(to[x * kStep] * (255 - w) + v * w + 128);
    to[x * kStep] =  // sum / 255, rounded
        static_cast<std::uint8_t>(static_cast<std::uint16_t>(sum + (sum >> 8)) >> 8);
  }
}

void blend_words(const Component& c, std::uint8_t* to, const std::uint8_t* weight, int count,
                 int value) {
  for (int x = 0; x < count; ++x, to += c.step) {
    const int w = weight[x];
    store_sample(c, to, (load_sample(c, to) * (255 - w) + value * w + 127) / 255);
  }
}

void blend_row(const Component& c, int y, const std::uint8_t* weight, std::pair<int, int> span,
               int value) {
  std::uint8_t* to = c.row(y) + span.first * c.step;
  weight += span.first;
  const int count = span.second - span.first;
  if (c.wide) return blend_words(c, to, weight, count, value);
  switch (c.step) {
    case 1:
      return blend_bytes<1>(to, weight, count, value);
    case 2:
      return blend_bytes<2>(to, weight, count, value);
    case 3:
      return blend_bytes<3>(to, weight, count, value);
    default:
      return blend_bytes<4>(to, weight, count, value);
  }
}

bool subsampled(const GstVideoFormatInfo* format, guint c) {
  return GST_VIDEO_FORMAT_INFO_W_SUB(format, c) != 0 || GST_VIDEO_FORMAT_INFO_H_SUB(format, c) != 0;
}

}  // namespace

bool OverlayBlend::suits(const GstVideoFormatInfo* format) {
  if (!has_direct_samples(format)) return false;
  if (!GST_VIDEO_FORMAT_INFO_HAS_ALPHA(format)) return true;
  return !subsampled(format, 1) && !subsampled(format, 2);
}

void OverlayBlend::scale(const cv::Mat& weights, cv::Size size, Weights& out) {
  resize_map(weights, size, out.map);
  out.spans.resize(static_cast<std::size_t>(size.height));
  for (int y = 0; y < size.height; ++y) {
    const std::uint8_t* row = out.map.ptr<std::uint8_t>(y);
    int first = 0, last = size.width;
    while (first < last && row[first] == 0) ++first;
    while (last > first && row[last - 1] == 0) --last;
    out.spans[static_cast<std::size_t>(y)] = {first, last};
  }
}

void OverlayBlend::set_weights(const cv::Mat& weights, const GstVideoInfo& video) {
  const GstVideoFormatInfo* format = video.finfo;
  scale(weights, {video.width, video.height}, full_);
  if (GST_VIDEO_FORMAT_INFO_N_COMPONENTS(format) < 3 || !subsampled(format, 1)) return;
  scale(weights, {GST_VIDEO_INFO_COMP_WIDTH(&video, 1), GST_VIDEO_INFO_COMP_HEIGHT(&video, 1)},
        chroma_);
}

// Lays the row over the frame's alpha and gives the weights that its colours need: the share of the
// overlay in what is then seen.
const std::uint8_t* OverlayBlend::over_alpha(GstVideoFrame* frame, int y,
                                             std::pair<int, int> span) {
  const Component alpha = component(*frame, GST_VIDEO_COMP_A);
  const std::uint8_t* weight = full_.map.ptr<std::uint8_t>(y);
  row_.resize(static_cast<std::size_t>(full_.map.cols));
  const int maximum = alpha.maximum();
  std::uint8_t* at = alpha.row(y) + span.first * alpha.step;
  for (int x = span.first; x < span.second; ++x, at += alpha.step) {
    const int w = weight[x];
    const int before = load_sample(alpha, at);
    const std::int64_t own = static_cast<std::int64_t>(w) * maximum;
    const std::int64_t sum = own + static_cast<std::int64_t>(before) * (255 - w);  // 255 x alpha
    row_[static_cast<std::size_t>(x)] =
        static_cast<std::uint8_t>(sum == 0 ? 0 : (own * 255 + sum / 2) / sum);
    store_sample(alpha, at, static_cast<int>((sum + 127) / 255));
  }
  return row_.data();
}

void OverlayBlend::blend(GstVideoFrame* frame, std::uint32_t rgb) {
  const GstVideoFormatInfo* format = frame->info.finfo;
  const auto samples = color_samples(format, frame->info.colorimetry, rgb);
  const bool has_alpha = GST_VIDEO_FORMAT_INFO_HAS_ALPHA(format);
  const int colours = std::min<int>(3, static_cast<int>(format->n_components));
  std::array<Component, 3> component_of;
  for (int c = 0; c < colours; ++c)
    component_of[static_cast<std::size_t>(c)] = component(*frame, c);

  // Row by row through all components, so that packed formats touch their memory once.
  for (int y = 0; y < full_.map.rows; ++y) {
    const std::pair<int, int> span = full_.spans[static_cast<std::size_t>(y)];
    const bool shows = span.first < span.second;
    const std::uint8_t* weight = full_.map.ptr<std::uint8_t>(y);
    if (shows && has_alpha) weight = over_alpha(frame, y, span);
    for (int c = 0; c < colours; ++c) {
      const Component& colour = component_of[static_cast<std::size_t>(c)];
      const int value = samples[static_cast<std::size_t>(c)];
      if (!subsampled(format, static_cast<guint>(c))) {
        if (shows) blend_row(colour, y, weight, span, value);
      } else if (y < colour.height) {
        const std::pair<int, int> part = chroma_.spans[static_cast<std::size_t>(y)];
        if (part.first < part.second)
          blend_row(colour, y, chroma_.map.ptr<std::uint8_t>(y), part, value);
      }
    }
  }
}

}  // namespace lightavseg::gst
