// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/mask_meta.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#ifdef LIGHTAVSEG_ANALYTICS
#include "gst/mask_meta_analytics.h"
#endif

namespace lightavseg::gst {
namespace {

// Marks our regions among those of other elements, and carries their figures.
constexpr const char* kRegionParameter = "lightavseg";

struct Box {
  int x = 0, y = 0, width = 0, height = 0;
};

struct Size {
  int width = 0, height = 0;
};

struct Span {
  int start = 0, length = 0;
};

// To the nearest pixel, but never to nothing: a mask of one pixel is still somewhere.
Span scale_span(int start, int length, int from, int to) {
  if (length <= 0 || from <= 0 || to <= 0) return {};
  const auto scaled = [&](std::int64_t edge) {
    return static_cast<int>(std::clamp<std::int64_t>((edge * to + from / 2) / from, 0, to));
  };
  const int first = std::min(scaled(start), to - 1);
  const int last = std::max(scaled(std::int64_t{start} + length), first + 1);
  return {first, last - first};
}

Box scale_box(const Box& box, Size from, Size to) {
  if (box.width <= 0 || box.height <= 0) return {};
  const Span across = scale_span(box.x, box.width, from.width, to.width);
  const Span down = scale_span(box.y, box.height, from.height, to.height);
  return {across.start, down.start, across.length, down.length};
}

Box box_of(const MaskRegion& region) {
  return {region.x, region.y, region.width, region.height};
}

void take(GstStructure* structure, const char* field, GValue* value) {
  gst_structure_take_value(structure, field, value);
}

void set_box(GstStructure* structure, const Box& box) {
  GValue array = G_VALUE_INIT;
  g_value_init(&array, GST_TYPE_ARRAY);
  for (const int number : {box.x, box.y, box.width, box.height}) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_INT);
    g_value_set_int(&value, number);
    gst_value_array_append_and_take_value(&array, &value);
  }
  take(structure, "bbox", &array);
}

bool get_box(const GstStructure* structure, Box& box) {
  const GValue* array = gst_structure_get_value(structure, "bbox");
  if (!array || !GST_VALUE_HOLDS_ARRAY(array) || gst_value_array_get_size(array) != 4) return false;
  std::array<int, 4> numbers{};
  for (guint i = 0; i < numbers.size(); ++i) {
    const GValue* value = gst_value_array_get_value(array, i);
    if (!G_VALUE_HOLDS_INT(value)) return false;
    numbers[i] = g_value_get_int(value);
  }
  box = {numbers[0], numbers[1], numbers[2], numbers[3]};
  return true;
}

void copy_fields(const GstStructure* from, GstStructure* to) {
  for (gint i = 0; i < gst_structure_n_fields(from); ++i) {
    const char* name = gst_structure_nth_field_name(from, static_cast<guint>(i));
    gst_structure_set_value(to, name, gst_structure_get_value(from, name));
  }
}

// Copies survive whole frames and changes of size; of anything else (a crop, a flip told by
// GStreamer as a transformation) the mask would no longer lie on its pixels, so it is dropped.
gboolean transform_meta(GstBuffer* to, GstCustomMeta* meta, GstBuffer* /*from*/, GQuark type,
                        gpointer data, gpointer /*user_data*/) {
  const bool is_scale = GST_VIDEO_META_TRANSFORM_IS_SCALE(type);
  if (GST_META_TRANSFORM_IS_COPY(type)) {
    if (data && static_cast<GstMetaTransformCopy*>(data)->region) return FALSE;
  } else if (!is_scale) {
    return FALSE;
  }

  const GstStructure* old_fields = gst_custom_meta_get_structure(meta);
  GstCustomMeta* added = gst_buffer_add_custom_meta(to, kMaskMetaName);
  if (!added) return FALSE;
  GstStructure* fields = gst_custom_meta_get_structure(added);
  copy_fields(old_fields, fields);

  Box box;
  if (is_scale && data && get_box(fields, box)) {
    const auto* sizes = static_cast<const GstVideoMetaTransform*>(data);
    set_box(fields,
            scale_box(
                box, {GST_VIDEO_INFO_WIDTH(sizes->in_info), GST_VIDEO_INFO_HEIGHT(sizes->in_info)},
                {GST_VIDEO_INFO_WIDTH(sizes->out_info), GST_VIDEO_INFO_HEIGHT(sizes->out_info)}));
  }
  return TRUE;
}

bool is_our_region(GstMeta* meta) {
  return meta->info->api == GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE &&
         gst_video_region_of_interest_meta_get_param(
             reinterpret_cast<GstVideoRegionOfInterestMeta*>(meta), kRegionParameter);
}

gboolean remove_ours(GstBuffer* /*buffer*/, GstMeta** meta, gpointer mask_meta_info) {
  if ((*meta)->info == mask_meta_info || is_our_region(*meta)) *meta = nullptr;
  return TRUE;
}

// Name of a label of the network; null for 0 (none) and for what the model does not name.
const char* class_name(const Mask& mask, int label) {
  if (label <= 0 || !mask.model) return nullptr;
  const auto index = static_cast<std::size_t>(label) - 1;
  return index < mask.model->class_names.size() ? mask.model->class_names[index].c_str() : nullptr;
}

void set_labels(GstStructure* structure, const Mask& mask) {
  GstStructure* labels = gst_structure_new_empty("labels");
  for (const LabelShare& share : mask.summary.labels) {
    if (const char* name = class_name(mask, share.label)) {
      gst_structure_set(labels, name, G_TYPE_DOUBLE, share.share, nullptr);
    }
  }
  GValue value = G_VALUE_INIT;
  g_value_init(&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed(&value, labels);
  take(structure, "labels", &value);
}

void add_region(GstBuffer* buffer, const Mask& mask, const MaskRegion& region, Size map,
                Size frame) {
  const char* name = class_name(mask, region.label);
  const Box box = scale_box(box_of(region), map, frame);
  GstVideoRegionOfInterestMeta* meta = gst_buffer_add_video_region_of_interest_meta(
      buffer, name ? name : "sounding", static_cast<guint>(box.x), static_cast<guint>(box.y),
      static_cast<guint>(box.width), static_cast<guint>(box.height));
  gst_video_region_of_interest_meta_add_param(
      meta, gst_structure_new(kRegionParameter, "score", G_TYPE_DOUBLE, region.score, "area",
                              G_TYPE_DOUBLE, region.area, nullptr));
}

}  // namespace

void register_mask_meta() {
  // The table of metas belongs to the process: a program that links this library and loads the
  // plugin as well has it registered already. Without the lock both could try at the same time.
  static GMutex mutex;
  g_mutex_lock(&mutex);
  if (!gst_meta_get_info(kMaskMetaName)) {
    // "size" is what makes scaling elements ask transform_meta() for a new box; without it they
    // would copy the old one.
    const gchar* tags[] = {GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_ORIENTATION_STR,
                           GST_META_TAG_VIDEO_SIZE_STR, nullptr};
    gst_meta_register_custom(kMaskMetaName, tags, transform_meta, nullptr, nullptr);
  }
  g_mutex_unlock(&mutex);
}

void attach_mask_meta(GstBuffer* buffer, const GstVideoInfo& video, const Mask& mask,
                      GstClockTime age) {
  gst_buffer_foreach_meta(buffer, remove_ours,
                          const_cast<GstMetaInfo*>(gst_meta_get_info(kMaskMetaName)));

  const Size map{mask.width, mask.height};
  const Size frame{GST_VIDEO_INFO_WIDTH(&video), GST_VIDEO_INFO_HEIGHT(&video)};
  const MaskSummary& summary = mask.summary;

  GstStructure* fields =
      gst_custom_meta_get_structure(gst_buffer_add_custom_meta(buffer, kMaskMetaName));
  gst_structure_set(fields, "mask", GST_TYPE_SAMPLE, mask.sample, "mask-pts", G_TYPE_UINT64,
                    mask.pts, "age", G_TYPE_UINT64, age, "score", G_TYPE_DOUBLE, summary.score,
                    "area", G_TYPE_DOUBLE, summary.area, "audio-level", G_TYPE_DOUBLE,
                    mask.audio_level_db, "audio-fill", G_TYPE_DOUBLE, mask.audio_filled, "model",
                    G_TYPE_STRING, mask.model ? mask.model->name.c_str() : "", "version",
                    G_TYPE_INT, kMaskMetaVersion, nullptr);
  set_box(fields, scale_box(box_of(summary.box), map, frame));
  set_labels(fields, mask);

  for (const MaskRegion& region : summary.regions) add_region(buffer, mask, region, map, frame);
#ifdef LIGHTAVSEG_ANALYTICS
  attach_mask_analytics(buffer, video, mask);
#endif
}

const GstStructure* mask_meta_of(GstBuffer* buffer) {
  GstCustomMeta* meta = gst_buffer_get_custom_meta(buffer, kMaskMetaName);
  return meta ? gst_custom_meta_get_structure(meta) : nullptr;
}

}  // namespace lightavseg::gst
