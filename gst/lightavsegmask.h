// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavsegmask: the mask metadata of a frame -> a matte of the frame's size. One run of the
// network so feeds an overlay behind one branch of a tee and a matte behind another.
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>

G_BEGIN_DECLS

// Input: raw video of any format and memory; its pixels are never looked at.
// Output: GRAY8 or GRAY16_LE of the same size and framerate, full range (colorimetry 1:4:0:0).
// The matte is what lightavseg with output=matte and the same settings makes, but from
// probabilities rounded to 8 bits. A frame without the metadata becomes a matte of an empty mask,
// and a WARNING message says so once until frames with metadata come again (an INFO message then).
#define GST_TYPE_LIGHTAVSEG_MASK (gst_lightavseg_mask_get_type())
G_DECLARE_FINAL_TYPE(GstLightAVSegMask, gst_lightavseg_mask, GST, LIGHTAVSEG_MASK, GstBaseTransform)

G_END_DECLS
