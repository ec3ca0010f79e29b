// SPDX-License-Identifier: LGPL-2.1-or-later
// output_caps() and input_caps() of gst/renderer.h.
#include <algorithm>
#include <string>
#include <vector>

#include "gst/renderer.h"
#include "gst/renderer_matte.h"

namespace lightavseg::gst {
namespace {

constexpr const char* kRawVideo = "video/x-raw";

using Formats = std::vector<const char*>;

// GstVideoConverter can read and write exactly what has these functions.
bool convertible(const GstVideoFormatInfo* format) {
  return format->unpack_func != nullptr && format->pack_func != nullptr;
}

Formats raw_formats() {
  guint count = 0;
  const GstVideoFormat* formats = gst_video_formats_raw(&count);
  Formats names;
  for (guint i = 0; i < count; ++i) {
    if (convertible(gst_video_format_get_info(formats[i])))
      names.push_back(gst_video_format_to_string(formats[i]));
  }
  return names;
}

// What editors, encoders and mixers take comes first; formats whose alpha has fewer than the 8 bit
// of the mask are last.
Formats alpha_formats() {
  Formats names = {"RGBA", "BGRA", "ARGB", "ABGR", "AYUV", "A420", "A444_10LE", "ARGB64"};
  Formats coarse;
  guint count = 0;
  const GstVideoFormat* formats = gst_video_formats_raw(&count);
  for (guint i = 0; i < count; ++i) {
    const GstVideoFormatInfo* format = gst_video_format_get_info(formats[i]);
    const std::string name = GST_VIDEO_FORMAT_INFO_NAME(format);
    // RGB8P says that it has alpha, but that is in its palette.
    if (!GST_VIDEO_FORMAT_INFO_HAS_ALPHA(format) || GST_VIDEO_FORMAT_INFO_HAS_PALETTE(format) ||
        !convertible(format) || std::find(names.begin(), names.end(), name) != names.end())
      continue;
    const bool fine = GST_VIDEO_FORMAT_INFO_DEPTH(format, GST_VIDEO_COMP_A) >= 8;
    (fine ? names : coarse).push_back(GST_VIDEO_FORMAT_INFO_NAME(format));
  }
  names.insert(names.end(), coarse.begin(), coarse.end());
  return names;
}

Formats matte_formats() {
  return {"GRAY8", "GRAY16_LE"};
}

void set_formats(GstStructure* structure, const Formats& names) {
  GValue list = G_VALUE_INIT;
  gst_value_list_init(&list, static_cast<guint>(names.size()));
  for (const char* name : names) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_STRING);
    g_value_set_static_string(&value, name);
    gst_value_list_append_and_take_value(&list, &value);
  }
  gst_structure_take_value(structure, "format", &list);
}

GstStructure* any_raw_video() {
  GstStructure* structure = gst_structure_new(
      kRawVideo, "width", GST_TYPE_INT_RANGE, 1, G_MAXINT, "height", GST_TYPE_INT_RANGE, 1,
      G_MAXINT, "framerate", GST_TYPE_FRACTION_RANGE, 0, 1, G_MAXINT, 1, nullptr);
  set_formats(structure, raw_formats());
  return structure;
}

// Memory that only a GPU sees, or single fields, cannot be rendered into.
bool in_system_memory(const GstCapsFeatures* features) {
  return features == nullptr || gst_caps_features_is_any(features) ||
         gst_caps_features_is_equal(features, GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY);
}

// Video sinks spell it with the memory: features that differ by that do not intersect.
GstCapsFeatures* composition_features() {
  return gst_caps_features_new(GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY,
                               GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION, nullptr);
}

// `caps` with what asks for a composition as if it did not. Transfer full.
GstCaps* forget_composition(GstCaps* caps) {
  GstCapsFeatures* composition = composition_features();
  GstCaps* result = gst_caps_new_empty();
  for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
    const auto* features = gst_caps_get_features(caps, i);
    const bool plain = gst_caps_features_is_equal(features, composition);
    gst_caps_append_structure_full(result, gst_structure_copy(gst_caps_get_structure(caps, i)),
                                   plain ? nullptr : gst_caps_features_copy(features));
  }
  gst_caps_features_free(composition);
  return result;
}

// The structures of `caps` that are raw video in system memory. Transfer full.
GstCaps* raw_video_only(GstCaps* caps) {
  GstCaps* raw = gst_caps_new_empty();
  if (gst_caps_is_any(caps)) {
    gst_caps_append_structure(raw, any_raw_video());
    return raw;
  }
  for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
    const GstStructure* structure = gst_caps_get_structure(caps, i);
    if (gst_structure_has_name(structure, kRawVideo) &&
        in_system_memory(gst_caps_get_features(caps, i)))
      gst_caps_append_structure(raw, gst_structure_copy(structure));
  }
  return raw;
}

// Gives `structure` other formats and takes away what belonged to the old one.
void change_formats(GstStructure* structure, const Formats& names) {
  gst_structure_remove_fields(structure, "format", "colorimetry", "chroma-site", "drm-format",
                              nullptr);
  set_formats(structure, names);
}

GstStructure* with_formats(const GstStructure* structure, const Formats& names) {
  GstStructure* changed = gst_structure_copy(structure);
  change_formats(changed, names);
  return changed;
}

GstStructure* with_any_alpha(const GstStructure* structure) {
  return with_formats(structure, alpha_formats());
}

GstStructure* with_matte(const GstStructure* structure) {
  GstStructure* changed = gst_structure_copy(structure);
  set_matte_format(changed);
  return changed;
}

bool has_alpha(const char* name) {
  const Formats names = alpha_formats();
  return name != nullptr && std::find(names.begin(), names.end(), std::string(name)) != names.end();
}

// Whether some format of the structure (and its colorimetry, for a matte) is one of the output's.
bool allows_output(const GstStructure* structure, const Formats& names, const char* colorimetry) {
  GstStructure* wanted = gst_structure_new_empty(kRawVideo);
  set_formats(wanted, names);
  if (colorimetry != nullptr)
    gst_structure_set(wanted, "colorimetry", G_TYPE_STRING, colorimetry, nullptr);
  const bool allows = gst_structure_can_intersect(structure, wanted);
  gst_structure_free(wanted);
  return allows;
}

}  // namespace

void set_matte_format(GstStructure* structure) {
  change_formats(structure, matte_formats());
  gst_structure_set(structure, "colorimetry", G_TYPE_STRING, kMatteColorimetry, nullptr);
}

GstCaps* output_caps(Output output, GstCaps* input) {
  GstCaps* raw = raw_video_only(input);
  if (output == Output::kOverlay || output == Output::kMetadata) return raw;
  GstCaps* caps = gst_caps_new_empty();
  for (guint i = 0; i < gst_caps_get_size(raw); ++i) {
    const GstStructure* structure = gst_caps_get_structure(raw, i);
    if (output == Output::kMatte) {
      caps = gst_caps_merge_structure(caps, with_matte(structure));
      continue;
    }
    // An input with alpha need not be converted at all.
    if (has_alpha(gst_structure_get_string(structure, "format")))
      caps = gst_caps_merge_structure(caps, gst_structure_copy(structure));
    caps = gst_caps_merge_structure(caps, with_any_alpha(structure));
  }
  gst_caps_unref(raw);
  return caps;
}

GstCaps* with_composition(GstCaps* caps) {
  GstCaps* result = gst_caps_copy(caps);
  for (guint i = 0; i < gst_caps_get_size(result); ++i)
    gst_caps_set_features(result, i, composition_features());
  return result;
}

GstCaps* input_caps(Output output, GstCaps* output_caps) {
  if (output == Output::kOverlay && !gst_caps_is_any(output_caps)) {
    GstCaps* plain = forget_composition(output_caps);
    GstCaps* raw = raw_video_only(plain);
    gst_caps_unref(plain);
    return raw;
  }
  GstCaps* raw = raw_video_only(output_caps);
  if (output == Output::kOverlay || output == Output::kMetadata) return raw;
  const bool matte = output == Output::kMatte;
  const Formats wanted = matte ? matte_formats() : alpha_formats();
  const Formats inputs = raw_formats();
  GstCaps* caps = gst_caps_new_empty();
  for (guint i = 0; i < gst_caps_get_size(raw); ++i) {
    const GstStructure* structure = gst_caps_get_structure(raw, i);
    if (allows_output(structure, wanted, matte ? kMatteColorimetry : nullptr))
      caps = gst_caps_merge_structure(caps, with_formats(structure, inputs));
  }
  gst_caps_unref(raw);
  return caps;
}

}  // namespace lightavseg::gst
