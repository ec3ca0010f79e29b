// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames whose alpha channel is the mask.
#pragma once

#include <gst/video/video.h>

#include <string>

#include "gst/coverage.h"

namespace lightavseg::gst {

// Output modes alpha and cutout. Alpha is straight (not premultiplied). Colour goes through
// GstVideoConverter, or is copied bit by bit where both sides have the same format and
// colorimetry. The mask replaces an alpha channel that the input has.
// Not thread-safe.
class AlphaRenderer {
 public:
  AlphaRenderer() = default;
  ~AlphaRenderer();
  AlphaRenderer(const AlphaRenderer&) = delete;
  AlphaRenderer& operator=(const AlphaRenderer&) = delete;

  // Any raw format to any raw format with alpha, of the same size. False with a reason when there
  // is no way.
  bool configure(const GstVideoInfo& input, const GstVideoInfo& output, std::string* reason);

  // A new buffer with the picture of `frame` (transfer none), or null with a reason. clear_hidden:
  // colour becomes black where alpha is 0 (chroma where it is 0 for all pixels that share it).
  GstBuffer* render(GstBuffer* frame, Coverage& coverage, bool clear_hidden, std::string* reason);

 private:
  GstVideoInfo in_{}, out_{};
  GstVideoConverter* converter_ = nullptr;  // null: copy
};

}  // namespace lightavseg::gst
