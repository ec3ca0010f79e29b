// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames that are the mask itself.
#pragma once

#include <gst/video/video.h>

#include "gst/coverage.h"

namespace lightavseg::gst {

// GRAY8 and GRAY16_LE, the formats of a matte.
bool is_matte_format(GstVideoFormat format);

// Makes the fields of a raw video structure those of a matte: both formats, full range, and nothing
// that belonged to the format before. (In output_caps.cpp.)
void set_matte_format(GstStructure* structure);

// Writes the coverage at the frame's size, 255 or 65535 where covered, into a frame of a matte
// format that is mapped for writing. Padding is left alone.
void write_matte(const GstVideoFrame& frame, Coverage& coverage);

// Output mode matte: a new buffer (transfer full) with the coverage; the picture of `frame`
// (transfer none) is not looked at. Throws as new_frame() does.
GstBuffer* matte_of(GstBuffer* frame, const GstVideoInfo& output, Coverage& coverage);

}  // namespace lightavseg::gst
