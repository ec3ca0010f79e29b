// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames that are the mask itself.
#pragma once

#include <gst/video/video.h>

#include <string>

#include "gst/coverage.h"

namespace lightavseg::gst {

// Whether matte_of() can make the format: GRAY8 and GRAY16_LE.
bool is_matte_format(GstVideoFormat format);

// Output mode matte: a new buffer (transfer full) with the coverage at the video's size, 255 or
// 65535 where covered; the picture of `frame` (transfer none) is not looked at. Null with a reason
// when there is no memory.
GstBuffer* matte_of(GstBuffer* frame, const GstVideoInfo& output, Coverage& coverage,
                    std::string* reason);

}  // namespace lightavseg::gst
