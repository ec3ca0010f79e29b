// SPDX-License-Identifier: LGPL-2.1-or-later
// What a new buffer inherits from the frame that it was made of.
#pragma once

#include <gst/gst.h>

namespace lightavseg::gst {

// Whether a meta still holds for a picture of the same size in another format: it has no tags, or
// only video, orientation and size, as GstVideoFilter judges; not when it describes the memory or
// the colours. for_matte: the picture is a mask; subtitles to be drawn over the frame (a
// GstVideoOverlayCompositionMeta) do not belong to it. Thread-safe.
bool holds_in_other_format(const GstMetaInfo* info, bool for_matte);

// Copies timestamps, duration, offsets, flags and the metas for which that is so. `to` must be
// writable.
void copy_frame_metadata(GstBuffer* from, GstBuffer* to, bool for_matte);

}  // namespace lightavseg::gst
