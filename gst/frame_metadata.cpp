// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/frame_metadata.h"

#include <gst/video/video.h>

namespace lightavseg::gst {
namespace {

struct Copy {
  GstBuffer* to;
  bool for_matte;
};

gboolean copy_meta(GstBuffer* from, GstMeta** meta, gpointer data) {
  const auto* copy = static_cast<const Copy*>(data);
  const GstMetaInfo* info = (*meta)->info;
  if (GST_META_FLAG_IS_SET(*meta, GST_META_FLAG_POOLED) || info->transform_func == nullptr ||
      !holds_in_other_format(info, copy->for_matte))
    return TRUE;
  GstMetaTransformCopy whole = {FALSE, 0, static_cast<gsize>(-1)};
  info->transform_func(copy->to, *meta, from, _gst_meta_transform_copy, &whole);
  return TRUE;
}

}  // namespace

bool holds_in_other_format(const GstMetaInfo* info, bool for_matte) {
  if (for_matte && info->api == GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE) return false;
  const gchar* const kept[] = {GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_ORIENTATION_STR,
                               GST_META_TAG_VIDEO_SIZE_STR, nullptr};
  const gchar* const* tags = gst_meta_api_type_get_tags(info->api);
  for (; tags != nullptr && *tags != nullptr; ++tags)
    if (!g_strv_contains(kept, *tags)) return false;
  return true;
}

void copy_frame_metadata(GstBuffer* from, GstBuffer* to, bool for_matte) {
  gst_buffer_copy_into(
      to, from, static_cast<GstBufferCopyFlags>(GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS),
      0, static_cast<gsize>(-1));
  Copy copy = {to, for_matte};
  gst_buffer_foreach_meta(from, copy_meta, &copy);
}

}  // namespace lightavseg::gst
