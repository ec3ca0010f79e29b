// SPDX-License-Identifier: LGPL-2.1-or-later
// The mask as GStreamer's own elements for analytics read it. Built where gstreamer-analytics-1.0
// is 1.26 or later, the first version that can tell where in the frame a mask lies.
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

#include "gst/mask.h"

namespace lightavseg::gst {

// Adds a semantic GstAnalyticsSegmentationMtd to the GstAnalyticsRelationMeta of a writable buffer
// (made when it has none): the mask at the network's size, 1 where the probability is at least 0.5
// and 0 elsewhere, laid over the whole frame. There is no way to take one back, so a frame that
// passes two lightavseg has two. Thread-safe for different buffers.
void attach_mask_analytics(GstBuffer* buffer, const GstVideoInfo& video, const Mask& mask);

}  // namespace lightavseg::gst
