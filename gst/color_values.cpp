// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/color_values.h"

#include <algorithm>
#include <cmath>

namespace lightavseg::gst {
namespace {

struct Weights {
  double red = 0.299, blue = 0.114;  // BT.601
  double green() const { return 1 - red - blue; }
};

Weights luma_weights(const GstVideoColorimetry& colorimetry) {
  Weights told;
  if (gst_video_color_matrix_get_Kr_Kb(colorimetry.matrix, &told.red, &told.blue)) return told;
  return {};
}

struct Range {
  std::array<gint, GST_VIDEO_MAX_COMPONENTS> offset{}, scale{};
  Range(const GstVideoFormatInfo* layout, const GstVideoColorimetry& colorimetry) {
    gst_video_color_range_offsets(colorimetry.range, layout, offset.data(), scale.data());
  }
};

}  // namespace

std::array<int, GST_VIDEO_MAX_COMPONENTS> color_samples(const GstVideoFormatInfo* layout,
                                                        const GstVideoColorimetry& colorimetry,
                                                        std::uint32_t rgb) {
  const double r = ((rgb >> 16) & 255) / 255.0, g = ((rgb >> 8) & 255) / 255.0,
               b = (rgb & 255) / 255.0;
  std::array<double, 3> value = {r, g, b};
  if (!GST_VIDEO_FORMAT_INFO_IS_RGB(layout)) {
    const Weights k = luma_weights(colorimetry);
    const double luma = k.red * r + k.green() * g + k.blue * b;
    value = {luma, (b - luma) / (2 * (1 - k.blue)), (r - luma) / (2 * (1 - k.red))};
  }
  const Range range(layout, colorimetry);
  std::array<int, GST_VIDEO_MAX_COMPONENTS> samples{};
  const std::size_t colours = std::min<std::size_t>(3, layout->n_components);
  for (std::size_t c = 0; c < colours; ++c) {
    const int maximum = (1 << GST_VIDEO_FORMAT_INFO_DEPTH(layout, c)) - 1;
    samples[c] = std::clamp(
        static_cast<int>(std::lround(range.offset[c] + range.scale[c] * value[c])), 0, maximum);
  }
  return samples;
}

RgbOfSamples::RgbOfSamples(const GstVideoFormatInfo* layout,
                           const GstVideoColorimetry& colorimetry) {
  std::array<std::array<double, 3>, 3> matrix = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  if (!GST_VIDEO_FORMAT_INFO_IS_RGB(layout)) {
    const Weights k = luma_weights(colorimetry);
    const double u = 2 * (1 - k.blue), v = 2 * (1 - k.red);
    matrix = {{{1, 0, v}, {1, -u * k.blue / k.green(), -v * k.red / k.green()}, {1, u, 0}}};
  }
  const Range range(layout, colorimetry);
  for (std::size_t c = 0; c < 3; ++c) {
    double constant = 0.5;
    for (std::size_t i = 0; i < 3; ++i) {
      const double factor = matrix[c][i] * 255 / range.scale[i];
      constant -= factor * range.offset[i];
      rows_[c][i] = static_cast<int>(std::lround(factor * (1 << kBits)));
    }
    rows_[c][3] = static_cast<int>(std::lround(constant * (1 << kBits)));
  }
}

}  // namespace lightavseg::gst
