// SPDX-License-Identifier: LGPL-2.1-or-later
// What a new buffer inherits from the frame that it was made of.
#pragma once

#include <gst/gst.h>

namespace lightavseg::gst {

// Copies timestamps, duration, offsets, flags and the metas that still hold for a picture of the
// same size in another format: those without tags and those tagged only with video, orientation or
// size, as GstVideoFilter does; not those that describe the memory or the colours of `from`.
// for_matte: `to` is a mask, no picture; subtitles to be drawn over it (a
// GstVideoOverlayCompositionMeta) stay behind. `to` must be writable.
void copy_frame_metadata(GstBuffer* from, GstBuffer* to, bool for_matte);

}  // namespace lightavseg::gst
