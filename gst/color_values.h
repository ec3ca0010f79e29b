// SPDX-License-Identifier: LGPL-2.1-or-later
// Between sample values of a video and the RGB that they stand for, exactly.
#pragma once

#include <gst/video/video.h>

#include <array>
#include <cstdint>

namespace lightavseg::gst {

// The sample values that show an RGB colour (0xRRGGBB, upper bits ignored) in a video of that
// layout and colorimetry: its matrix, its range, its depth. By component; alpha is left at 0.
// YUV whose stream does not tell the matrix is BT.601.
std::array<int, GST_VIDEO_MAX_COMPONENTS> color_samples(const GstVideoFormatInfo* layout,
                                                        const GstVideoColorimetry& colorimetry,
                                                        std::uint32_t rgb);

// The inverse, for many pixels: bytes of RGB, rounded to the nearest and clamped. Integers only, so
// that every processor gives the same.
class RgbOfSamples {
 public:
  RgbOfSamples() = default;
  RgbOfSamples(const GstVideoFormatInfo* layout, const GstVideoColorimetry& colorimetry);

  // samples: the three colour components of a pixel; rgb: three bytes.
  template <typename Sample>
  void convert(const Sample* samples, std::uint8_t* rgb) const {
    for (std::size_t c = 0; c < 3; ++c) {
      const std::array<int, 4>& row = rows_[c];
      const int sum = row[0] * samples[0] + row[1] * samples[1] + row[2] * samples[2] + row[3];
      const int value = sum >> kBits;
      rgb[c] = static_cast<std::uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
    }
  }

 private:
  static constexpr int kBits = 16;  // below the point
  // By colour: factors of the three samples, and what is added (half a level included). With 16 bit
  // samples the sum stays below 2^27.
  std::array<std::array<int, 4>, 3> rows_{};
};

}  // namespace lightavseg::gst
