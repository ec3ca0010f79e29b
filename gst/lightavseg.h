// SPDX-License-Identifier: LGPL-2.1-or-later
// The lightavseg element: video and audio in, every frame out with a mask of what sounds.
#pragma once

#include <gst/base/gstaggregator.h>

#include "model/inference/segmenter.h"

G_BEGIN_DECLS

#define GST_TYPE_LIGHTAVSEG (gst_lightavseg_get_type())
G_DECLARE_FINAL_TYPE(GstLightAVSeg, gst_lightavseg, GST, LIGHTAVSEG, GstAggregator)

G_END_DECLS

namespace lightavseg::gst {

// What elements created from now on open their models with; the plugin sets the network, tests a
// stand-in. Thread-safe.
void set_segmenter_factory(SegmenterFactory factory);

}  // namespace lightavseg::gst
