// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/lightavsegmask.h"

#include <gst/video/video.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iterator>
#include <memory>
#include <utility>

#include "gst/coverage.h"
#include "gst/frame_metadata.h"
#include "gst/mask.h"
#include "gst/mask_meta.h"
#include "gst/renderer_matte.h"
#include "model/inference/mask_filter.h"

GST_DEBUG_CATEGORY_STATIC(lightavseg_mask_debug);
#define GST_CAT_DEFAULT lightavseg_mask_debug

using lightavseg::MaskLook;
using lightavseg::gst::Coverage;
using lightavseg::gst::Mask;

namespace {

// As lightavseg has them, so that the defaults of both make the same mattes.
constexpr double kDefaultFeather = 2, kMaxFeather = 200;

enum Property { kPropThreshold = 1, kPropFeather, kPropInvert };

// The streaming thread's own.
struct StreamState {
  // Numbered, so that its coverage too is made once.
  StreamState() { nothing.serial = G_MAXUINT64; }

  GstVideoInfo out{};
  bool is_missing = false;  // the last frame came without metadata
  std::uint64_t masks = 0;  // different ones seen, which numbers them
  // The mask seen last. It holds its picture, whose address so cannot become another one's.
  std::unique_ptr<Mask> mask;
  Mask nothing;  // of frames without metadata
  Coverage coverage;
};

}  // namespace

struct _GstLightAVSegMask {
  GstBaseTransform parent;
  MaskLook* settings;  // guarded by the object lock
  StreamState* stream;
};

G_DEFINE_FINAL_TYPE(GstLightAVSegMask, gst_lightavseg_mask, GST_TYPE_BASE_TRANSFORM)

namespace {

// Any memory is taken because nothing is mapped.
GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS(GST_VIDEO_CAPS_MAKE_WITH_FEATURES("ANY", GST_VIDEO_FORMATS_ALL)));

GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS(
        GST_VIDEO_CAPS_MAKE("{ GRAY8, GRAY16_LE }") ", colorimetry = (string) 1:4:0:0"));

// Returns caps (transfer full). Size, framerate, pixel aspect ratio and the like stay.
GstCaps* transform_caps(GstBaseTransform* /*base*/, GstPadDirection direction, GstCaps* caps,
                        GstCaps* filter) {
  GstCaps* result = gst_caps_new_empty();
  for (guint i = 0; i < gst_caps_get_size(caps); ++i) {
    GstCapsFeatures* features = gst_caps_get_features(caps, i);
    // Such buffers hold one field, of half the height that the caps tell.
    if (!gst_caps_features_is_any(features) &&
        gst_caps_features_contains(features, GST_CAPS_FEATURE_FORMAT_INTERLACED)) {
      continue;
    }
    GstStructure* structure = gst_structure_copy(gst_caps_get_structure(caps, i));
    if (direction == GST_PAD_SINK) {
      lightavseg::gst::set_matte_format(structure);
      result = gst_caps_merge_structure(result, structure);
    } else {
      gst_structure_remove_fields(structure, "format", "colorimetry", "chroma-site", "drm-format",
                                  nullptr);
      result = gst_caps_merge_structure_full(result, structure, gst_caps_features_new_any());
    }
  }
  if (filter) {
    GstCaps* both = gst_caps_intersect_full(filter, result, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref(result);
    result = both;
  }
  return result;
}

gboolean set_caps(GstBaseTransform* base, GstCaps* in_caps, GstCaps* out_caps) {
  GstLightAVSegMask* self = GST_LIGHTAVSEG_MASK(base);
  if (!gst_video_info_from_caps(&self->stream->out, out_caps)) {
    GST_ERROR_OBJECT(self, "cannot read caps %" GST_PTR_FORMAT " -> %" GST_PTR_FORMAT,
                     static_cast<void*>(in_caps), static_cast<void*>(out_caps));
    return FALSE;
  }
  GST_INFO_OBJECT(self, "%" GST_PTR_FORMAT " -> %" GST_PTR_FORMAT, static_cast<void*>(in_caps),
                  static_cast<void*>(out_caps));
  return TRUE;
}

// Takes othercaps (transfer full). 8 bits unless downstream takes only 16: the order of its formats
// is no wish of it, and the mask itself has 8.
GstCaps* fixate_caps(GstBaseTransform* /*base*/, GstPadDirection direction, GstCaps* /*caps*/,
                     GstCaps* other_caps) {
  if (direction == GST_PAD_SINK) {
    GstCaps* wanted = gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "GRAY8", nullptr);
    GstCaps* both = gst_caps_intersect_full(other_caps, wanted, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref(wanted);
    if (gst_caps_is_empty(both)) {
      gst_caps_unref(both);
    } else {
      gst_caps_unref(other_caps);
      other_caps = both;
    }
  }
  return gst_caps_fixate(other_caps);
}

// The size of the output does not follow from that of the input, which may have padding.
gboolean transform_size(GstBaseTransform* base, GstPadDirection direction, GstCaps* /*caps*/,
                        gsize /*size*/, GstCaps* other_caps, gsize* other_size) {
  GstVideoInfo info;
  if (!gst_video_info_from_caps(&info, other_caps)) {
    GST_ERROR_OBJECT(base, "no size for %s caps %" GST_PTR_FORMAT,
                     direction == GST_PAD_SINK ? "source" : "sink", static_cast<void*>(other_caps));
    return FALSE;
  }
  *other_size = GST_VIDEO_INFO_SIZE(&info);
  return TRUE;
}

gboolean propose_allocation(GstBaseTransform* base, GstQuery* decide, GstQuery* query) {
  auto* parent = GST_BASE_TRANSFORM_CLASS(gst_lightavseg_mask_parent_class);
  if (!parent->propose_allocation(base, decide, query)) return FALSE;
  // Pixels are not read, so their layout and what lies over them are welcome in any form. Saying so
  // matters behind a tee, which offers upstream only what all of its branches take.
  for (GType api : {GST_VIDEO_META_API_TYPE, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE}) {
    if (!gst_query_find_allocation_meta(query, api, nullptr)) {
      gst_query_add_allocation_meta(query, api, nullptr);
    }
  }
  return TRUE;
}

// The matte has the size of the picture, but neither its memory nor its colours, and nothing is to
// be painted over it.
gboolean should_copy_meta(GstBaseTransform* /*base*/, GstBuffer* /*out*/, GstMeta* meta,
                          GstBuffer* /*in*/) {
  return lightavseg::gst::holds_in_other_format(meta->info, true);
}

// The mask picture of the buffer's metadata (transfer none), or null.
GstSample* mask_sample(GstBuffer* buffer) {
  const GstStructure* fields = lightavseg::gst::mask_meta_of(buffer);
  const GValue* value = fields ? gst_structure_get_value(fields, "mask") : nullptr;
  return value && G_VALUE_HOLDS(value, GST_TYPE_SAMPLE) ? gst_value_get_sample(value) : nullptr;
}

// The mask of a mask picture; null when it is not one.
std::unique_ptr<Mask> read_mask(GstSample* sample, std::uint64_t serial) {
  GstCaps* caps = gst_sample_get_caps(sample);
  GstBuffer* buffer = gst_sample_get_buffer(sample);
  GstVideoInfo info;
  GstVideoFrame frame;
  if (!caps || !buffer || !gst_video_info_from_caps(&info, caps) ||
      GST_VIDEO_INFO_FORMAT(&info) != GST_VIDEO_FORMAT_GRAY8 ||
      !gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ)) {
    return nullptr;
  }
  auto mask = std::make_unique<Mask>();
  mask->serial = serial;
  mask->height = GST_VIDEO_FRAME_HEIGHT(&frame);
  mask->width = GST_VIDEO_FRAME_WIDTH(&frame);
  mask->sample = gst_sample_ref(sample);
  mask->probability.reserve(static_cast<std::size_t>(mask->height) *
                            static_cast<std::size_t>(mask->width));
  const auto* row = static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0));
  for (int y = 0; y < mask->height; ++y, row += GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0)) {
    std::transform(row, row + mask->width, std::back_inserter(mask->probability),
                   [](std::uint8_t value) { return static_cast<float>(value) / 255.0f; });
  }
  gst_video_frame_unmap(&frame);
  return mask;
}

// The mask that the buffer carries; null when it carries none.
const Mask* mask_of(StreamState& stream, GstBuffer* buffer) {
  GstSample* sample = mask_sample(buffer);
  if (!sample) return nullptr;
  if (!stream.mask || stream.mask->sample != sample) {
    stream.mask = read_mask(sample, ++stream.masks);
  }
  return stream.mask.get();
}

void tell_missing(GstLightAVSegMask* self, bool is_missing) {
  if (self->stream->is_missing == is_missing) return;
  self->stream->is_missing = is_missing;
  if (is_missing) {
    GST_ELEMENT_WARNING(
        self, STREAM, WRONG_TYPE,
        ("Frames come without masks: upstream has no lightavseg, or an element between the two "
         "drops its metadata. The matte is empty."),
        ("no \"%s\" meta with a GRAY8 mask; put lightavseg upstream and elements that crop or "
         "flip before it",
         lightavseg::gst::kMaskMetaName));
  } else {
    GST_ELEMENT_INFO(self, STREAM, FORMAT, ("Frames come with masks again."), (nullptr));
  }
}

GstFlowReturn fill(GstLightAVSegMask* self, GstBuffer* in, GstBuffer* out) {
  StreamState& stream = *self->stream;
  GST_OBJECT_LOCK(self);
  const MaskLook look = *self->settings;
  GST_OBJECT_UNLOCK(self);

  const Mask* mask = mask_of(stream, in);
  tell_missing(self, mask == nullptr);
  GstVideoFrame frame;
  if (!gst_video_frame_map(&frame, &stream.out, out, GST_MAP_WRITE)) {
    GST_ELEMENT_ERROR(self, RESOURCE, WRITE, ("The matte cannot be written."),
                      ("buffer of %" G_GSIZE_FORMAT " bytes cannot be mapped as %dx%d %s",
                       gst_buffer_get_size(out), GST_VIDEO_INFO_WIDTH(&stream.out),
                       GST_VIDEO_INFO_HEIGHT(&stream.out), GST_VIDEO_INFO_NAME(&stream.out)));
    return GST_FLOW_ERROR;
  }
  const std::unique_ptr<GstVideoFrame, decltype(&gst_video_frame_unmap)> unmap(
      &frame, gst_video_frame_unmap);
  stream.coverage.update(mask ? *mask : stream.nothing, look, GST_VIDEO_FRAME_WIDTH(&frame));
  lightavseg::gst::write_matte(frame, stream.coverage);
  return GST_FLOW_OK;
}

GstFlowReturn transform(GstBaseTransform* base, GstBuffer* in, GstBuffer* out) {
  GstLightAVSegMask* self = GST_LIGHTAVSEG_MASK(base);
  // Frames without a place in time still have their masks.
  const GstClockTime time =
      base->segment.format == GST_FORMAT_TIME
          ? gst_segment_to_stream_time(&base->segment, GST_FORMAT_TIME, GST_BUFFER_TIMESTAMP(in))
          : GST_CLOCK_TIME_NONE;
  if (GST_CLOCK_TIME_IS_VALID(time)) gst_object_sync_values(GST_OBJECT(self), time);
  try {
    return fill(self, in, out);
  } catch (const std::exception& error) {
    GST_ELEMENT_ERROR(self, STREAM, FAILED, ("The matte cannot be made."), ("%s", error.what()));
    return GST_FLOW_ERROR;
  }
}

gboolean stop(GstBaseTransform* base) {
  GstLightAVSegMask* self = GST_LIGHTAVSEG_MASK(base);
  delete std::exchange(self->stream, new StreamState);
  return TRUE;
}

void set_property(GObject* object, guint id, const GValue* value, GParamSpec* spec) {
  GstLightAVSegMask* self = GST_LIGHTAVSEG_MASK(object);
  GST_OBJECT_LOCK(self);
  switch (id) {
    case kPropThreshold:
      self->settings->threshold = g_value_get_double(value);
      break;
    case kPropFeather:
      self->settings->feather = g_value_get_double(value);
      break;
    case kPropInvert:
      self->settings->invert = g_value_get_boolean(value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
  GST_OBJECT_UNLOCK(self);
}

void get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  GstLightAVSegMask* self = GST_LIGHTAVSEG_MASK(object);
  GST_OBJECT_LOCK(self);
  switch (id) {
    case kPropThreshold:
      g_value_set_double(value, self->settings->threshold);
      break;
    case kPropFeather:
      g_value_set_double(value, self->settings->feather);
      break;
    case kPropInvert:
      g_value_set_boolean(value, self->settings->invert);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
  GST_OBJECT_UNLOCK(self);
}

void finalize(GObject* object) {
  GstLightAVSegMask* self = GST_LIGHTAVSEG_MASK(object);
  delete self->settings;
  delete self->stream;
  G_OBJECT_CLASS(gst_lightavseg_mask_parent_class)->finalize(object);
}

void install_properties(GObjectClass* object_class) {
  const auto flags = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                              GST_PARAM_CONTROLLABLE | GST_PARAM_MUTABLE_PLAYING);
  const MaskLook defaults;
  g_object_class_install_property(
      object_class, kPropThreshold,
      g_param_spec_double("threshold", "Threshold",
                          "Probability (0 to 1) from which a pixel belongs to the mask, with a "
                          "soft ramp of 0.1 to both sides; 0 keeps the network's own "
                          "probabilities. Takes effect with the next frame",
                          0, 1, defaults.threshold, flags));
  g_object_class_install_property(
      object_class, kPropFeather,
      g_param_spec_double("feather", "Feather",
                          "Blur of the edge in pixels of the video (0 to 200, standard "
                          "deviation); 0 is no blur. Takes effect with the next frame",
                          0, kMaxFeather, kDefaultFeather, flags));
  g_object_class_install_property(
      object_class, kPropInvert,
      g_param_spec_boolean("invert", "Invert",
                           "Whether what does not sound is white (true) instead of what sounds "
                           "(false). Takes effect with the next frame",
                           defaults.invert, flags));
}

}  // namespace

static void gst_lightavseg_mask_class_init(GstLightAVSegMaskClass* klass) {
  GST_DEBUG_CATEGORY_INIT(lightavseg_mask_debug, "lightavsegmask", 0, "mattes from mask metadata");
  lightavseg::gst::register_mask_meta();

  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = set_property;
  object_class->get_property = get_property;
  object_class->finalize = finalize;
  install_properties(object_class);

  auto* element_class = GST_ELEMENT_CLASS(klass);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(
      element_class, "LightAVSeg matte", "Filter/Converter/Video",
      "Turns the mask metadata that lightavseg leaves on frames into gray mattes",
      "The LightAVSeg authors");

  auto* base_class = GST_BASE_TRANSFORM_CLASS(klass);
  base_class->transform_caps = transform_caps;
  base_class->fixate_caps = fixate_caps;
  base_class->set_caps = set_caps;
  base_class->transform_size = transform_size;
  base_class->propose_allocation = propose_allocation;
  base_class->transform_meta = should_copy_meta;
  base_class->transform = transform;
  base_class->stop = stop;
}

static void gst_lightavseg_mask_init(GstLightAVSegMask* self) {
  self->settings = new MaskLook;
  self->settings->feather = kDefaultFeather;
  self->stream = new StreamState;
}
