// SPDX-License-Identifier: LGPL-2.1-or-later
// Writing a mask into the alpha channel of a frame of any format.
#pragma once

#include <gst/video/video.h>

#include "gst/coverage.h"

namespace lightavseg::gst {

// Whether write_alpha() knows the format: all of GStreamer 1.22 with an alpha channel.
bool can_write_alpha(const GstVideoFormatInfo* format);

// Replaces the alpha of a frame mapped for reading and writing by the coverage, scaled to the
// frame's size and rounded to the channel's depth. can_write_alpha() holds for its format.
// clear_hidden: colour becomes black where the alpha written is 0.
// Throws std::bad_alloc, cv::Exception.
void write_alpha(GstVideoFrame* frame, Coverage& coverage, bool clear_hidden);

}  // namespace lightavseg::gst
