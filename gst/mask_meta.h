// SPDX-License-Identifier: LGPL-2.1-or-later
// The metadata that every frame leaves with: a GstCustomMeta named "LightAVSegMask" tagged {video,
// orientation, size} as GstVideoRegionOfInterestMeta is, readable from any language, and one
// GstVideoRegionOfInterestMeta per region. Whole copies and scalings of the frame keep it (bbox is
// scaled along), anything else drops it; docs/metadata.md tells what which element does.
//
// Fields of its structure:
//   mask         GstSample  GRAY8, the network's size, probability * 255; shared while unchanged
//   mask-pts     guint64    PTS of the frame it was computed on, ns
//   age          guint64    ns between that frame and this one
//   score        gdouble    mean probability inside the mask, 0..1
//   area         gdouble    share of the picture, 0..1
//   bbox         GstValueArray of 4 gint: x, y, width, height, pixels of this frame; 0s when empty
//   audio-level  gdouble    RMS of the window heard, dB of full scale, -100 for silence
//   audio-fill   gdouble    share of that window for which there was sound, 0..1
//   labels       GstStructure "labels", one gdouble field (share of the mask) per class name
//   model        gchararray name of the model
//   version      gint       of this layout: 1
//
// The regions have the type of their class name, or "sounding" where the model names none, and a
// parameter structure "lightavseg" with the gdoubles score (mean probability inside, 0..1) and area
// (share of the picture, 0..1).
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

#include "gst/mask.h"

namespace lightavseg::gst {

constexpr const char* kMaskMetaName = "LightAVSegMask";
constexpr int kMaskMetaVersion = 1;

// Registers the meta; needed once before any other function (plugin_init does it). Thread-safe.
void register_mask_meta();

// Attaches the meta and the regions to a writable buffer of a video of that size. An earlier one of
// ours on the buffer is replaced. age: ns.
void attach_mask_meta(GstBuffer* buffer, const GstVideoInfo& video, const Mask& mask,
                      GstClockTime age);

// The structure of the buffer's mask meta, or null. Valid as long as the buffer.
const GstStructure* mask_meta_of(GstBuffer* buffer);

}  // namespace lightavseg::gst
