// SPDX-License-Identifier: LGPL-2.1-or-later
// The samples of one component (luma, red, alpha ...) of a mapped video frame.
#pragma once

#include <gst/video/video.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lightavseg::gst {

// Samples that lie apart from each other in memory: in bytes, or in 16 bit words.
struct Component {
  std::uint8_t* data = nullptr;  // first sample
  int width = 0, height = 0;     // samples
  std::ptrdiff_t stride = 0;     // bytes from row to row
  int step = 0;                  // bytes from sample to sample
  int depth = 0;                 // bits of a sample, 8..16
  int shift = 0;                 // bits below it in its word
  bool wide = false;             // 16 bit words
  bool swapped = false;          // words in the other byte order than this machine's

  std::uint8_t* row(int y) const { return data + y * stride; }
  int maximum() const { return (1 << depth) - 1; }
};

// Whether component() can describe all components of the format. Not so for tiles, palettes, and
// pixels that share words (v210, RGB16, RGB10A2_LE ...), nor where GstVideoFormatInfo does not tell
// where the samples are (Y210, Y412, v216, VYUY).
bool has_direct_samples(const GstVideoFormatInfo* format);

// index: GST_VIDEO_COMP_Y and so on. The format must have direct samples.
Component component(const GstVideoFrame& frame, int index);

inline std::uint16_t load_word(const std::uint8_t* at, bool swapped) {
  std::uint16_t word;  // a plane may start at an odd address
  std::memcpy(&word, at, sizeof word);
  return swapped ? GUINT16_SWAP_LE_BE(word) : word;
}

inline void store_word(std::uint8_t* at, std::uint16_t word, bool swapped) {
  if (swapped) word = GUINT16_SWAP_LE_BE(word);
  std::memcpy(at, &word, sizeof word);
}

inline int load_sample(const Component& c, const std::uint8_t* at) {
  return c.wide ? load_word(at, c.swapped) >> c.shift : *at;
}

inline void store_sample(const Component& c, std::uint8_t* at, int value) {
  if (c.wide)
    store_word(at, static_cast<std::uint16_t>(value << c.shift), c.swapped);
  else
    *at = static_cast<std::uint8_t>(value);
}

}  // namespace lightavseg::gst
