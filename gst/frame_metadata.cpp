// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/frame_metadata.h"

#include <gst/video/video.h>

#include <array>
#include <cstring>

namespace lightavseg::gst {
namespace {

bool holds_for_any_format(const GstMetaInfo* info) {
  static constexpr std::array<const char*, 3> kSafe = {
      GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_ORIENTATION_STR, GST_META_TAG_VIDEO_SIZE_STR};
  const gchar* const* tags = gst_meta_api_type_get_tags(info->api);
  for (; tags != nullptr && *tags != nullptr; ++tags) {
    bool safe = false;
    for (const char* tag : kSafe) safe = safe || std::strcmp(*tags, tag) == 0;
    if (!safe) return false;
  }
  return true;
}

struct Copy {
  GstBuffer* to;
  bool for_matte;
};

gboolean copy_meta(GstBuffer* from, GstMeta** meta, gpointer data) {
  const auto* copy = static_cast<const Copy*>(data);
  const GstMetaInfo* info = (*meta)->info;
  if (GST_META_FLAG_IS_SET(*meta, GST_META_FLAG_POOLED) || info->transform_func == nullptr ||
      !holds_for_any_format(info))
    return TRUE;
  if (copy->for_matte && info->api == GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE) return TRUE;
  GstMetaTransformCopy whole = {FALSE, 0, static_cast<gsize>(-1)};
  info->transform_func(copy->to, *meta, from, _gst_meta_transform_copy, &whole);
  return TRUE;
}

}  // namespace

void copy_frame_metadata(GstBuffer* from, GstBuffer* to, bool for_matte) {
  gst_buffer_copy_into(
      to, from, static_cast<GstBufferCopyFlags>(GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS),
      0, static_cast<gsize>(-1));
  Copy copy = {to, for_matte};
  gst_buffer_foreach_meta(from, copy_meta, &copy);
}

}  // namespace lightavseg::gst
