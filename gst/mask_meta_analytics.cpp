// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/mask_meta_analytics.h"

#include <gst/analytics/analytics.h>

#include <cstdint>

namespace lightavseg::gst {
namespace {

constexpr guint kBackground = 0, kSounding = 1;

// A picture of region ids, transfer full.
GstBuffer* region_ids_of(const Mask& mask) {
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_GRAY8, static_cast<guint>(mask.width),
                            static_cast<guint>(mask.height));
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&info), nullptr);
  gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8,
                                 static_cast<guint>(mask.width), static_cast<guint>(mask.height), 1,
                                 info.offset, info.stride);
  GstVideoFrame frame;
  if (!gst_video_frame_map(&frame, &info, buffer, GST_MAP_WRITE)) {
    gst_buffer_unref(buffer);
    return nullptr;
  }
  auto probability = mask.probability.begin();
  auto* row = static_cast<std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0));
  for (int y = 0; y < mask.height; ++y, row += GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0)) {
    for (int x = 0; x < mask.width; ++x, ++probability) {
      row[x] = static_cast<std::uint8_t>(*probability >= 0.5f ? kSounding : kBackground);
    }
  }
  gst_video_frame_unmap(&frame);
  return buffer;
}

// The same buffer for every frame that shows the mask: it is kept at the mask's picture.
GstBuffer* shared_region_ids_of(const Mask& mask) {
  static const GQuark key = g_quark_from_static_string("lightavseg-region-ids");
  auto* picture = GST_MINI_OBJECT_CAST(mask.sample);
  auto* kept = static_cast<GstBuffer*>(gst_mini_object_get_qdata(picture, key));
  if (kept) return gst_buffer_ref(kept);
  GstBuffer* made = region_ids_of(mask);
  if (made) {
    gst_mini_object_set_qdata(picture, key, gst_buffer_ref(made),
                              [](gpointer buffer) { gst_buffer_unref(GST_BUFFER_CAST(buffer)); });
  }
  return made;
}

}  // namespace

void attach_mask_analytics(GstBuffer* buffer, const GstVideoInfo& video, const Mask& mask) {
  if (!mask.sample || mask.width <= 0 || mask.height <= 0) return;
  GstBuffer* ids = shared_region_ids_of(mask);
  if (!ids) return;
  GstAnalyticsRelationMeta* relations = gst_buffer_get_analytics_relation_meta(buffer);
  if (!relations) relations = gst_buffer_add_analytics_relation_meta(buffer);
  guint regions[] = {kBackground, kSounding};
  GstAnalyticsSegmentationMtd segmentation;
  // Takes `ids` when it succeeds.
  if (!gst_analytics_relation_meta_add_segmentation_mtd(
          relations, ids, GST_SEGMENTATION_TYPE_SEMANTIC, G_N_ELEMENTS(regions), regions, 0, 0,
          static_cast<guint>(GST_VIDEO_INFO_WIDTH(&video)),
          static_cast<guint>(GST_VIDEO_INFO_HEIGHT(&video)), &segmentation)) {
    gst_buffer_unref(ids);
  }
}

}  // namespace lightavseg::gst
