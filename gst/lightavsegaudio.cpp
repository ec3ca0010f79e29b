// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/lightavsegaudio.h"

#include <gst/audio/audio.h>

#include <exception>
#include <memory>
#include <mutex>
#include <new>

#include "gst/audio_probe.h"

GST_DEBUG_CATEGORY_STATIC(lightavsegaudio_debug);
#define GST_CAT_DEFAULT lightavsegaudio_debug

namespace {

using lightavseg::gst::AudioTap;
using lightavseg::gst::sound_time;

// The tap changes between READY and PAUSED, while a flush may come from any thread.
class TapHolder {
 public:
  std::shared_ptr<AudioTap> get() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return tap_;
  }
  std::shared_ptr<AudioTap> exchange(std::shared_ptr<AudioTap> tap) {
    const std::lock_guard<std::mutex> lock(mutex_);
    tap_.swap(tap);
    return tap;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<AudioTap> tap_;
};

}  // namespace

struct _GstLightAVSegAudio {
  GstBaseTransform parent;
  TapHolder holder;   // constructed in init, destroyed in finalize
  gchar* probe_name;  // object lock; null for the element's own name
};

G_DEFINE_TYPE_WITH_CODE(GstLightAVSegAudio, gst_lightavseg_audio, GST_TYPE_BASE_TRANSFORM,
                        GST_DEBUG_CATEGORY_INIT(lightavsegaudio_debug, "lightavsegaudio", 0,
                                                "LightAVSeg: probe for audio"))

namespace {

#define LIGHTAVSEG_AUDIO_CAPS \
  GST_AUDIO_CAPS_MAKE(GST_AUDIO_FORMATS_ALL) ", layout = { interleaved, non-interleaved }"

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(LIGHTAVSEG_AUDIO_CAPS));
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS,
                                                            GST_STATIC_CAPS(LIGHTAVSEG_AUDIO_CAPS));

// Calls use(tap) when there is one. Failing to listen is no reason to stop the sound: what is
// thrown becomes a warning on the bus.
template <typename Use>
void with_tap(GstLightAVSegAudio* self, Use use) {
  try {
    if (const std::shared_ptr<AudioTap> tap = self->holder.get()) use(*tap);
  } catch (const std::exception& error) {
    GST_ELEMENT_WARNING(self, STREAM, FAILED, ("The sound could not be handed to lightavseg."),
                        ("%s", error.what()));
  }
}

gboolean start(GstBaseTransform* transform) {
  GstLightAVSegAudio* self = GST_LIGHTAVSEG_AUDIO(transform);
  GST_OBJECT_LOCK(self);
  gchar* name = g_strdup(self->probe_name ? self->probe_name : GST_OBJECT_NAME(self));
  GST_OBJECT_UNLOCK(self);
  try {
    self->holder.exchange(lightavseg::gst::audio_tap(GST_ELEMENT(self), name));
  } catch (const std::exception& error) {
    GST_ELEMENT_WARNING(self, RESOURCE, FAILED, ("The sound cannot be handed to lightavseg."),
                        ("%s", error.what()));
  }
  g_free(name);
  // What an earlier start of the same element gave has times of another stream.
  with_tap(self, [](AudioTap& tap) { tap.reset(); });
  return TRUE;
}

gboolean stop(GstBaseTransform* transform) {
  GstLightAVSegAudio* self = GST_LIGHTAVSEG_AUDIO(transform);
  // Nobody shall wait for sound of an element that has stopped.
  with_tap(self, [](AudioTap& tap) { tap.end_of_stream(); });
  self->holder.exchange(nullptr);
  return TRUE;
}

gboolean set_caps(GstBaseTransform* transform, GstCaps* input, GstCaps*) {
  GstLightAVSegAudio* self = GST_LIGHTAVSEG_AUDIO(transform);
  GstAudioInfo info;
  if (!gst_audio_info_from_caps(&info, input)) {
    GST_ERROR_OBJECT(self, "cannot parse caps %" GST_PTR_FORMAT, static_cast<gpointer>(input));
    return FALSE;
  }
  with_tap(self, [&info](AudioTap& tap) { tap.set_format(info); });
  return TRUE;
}

gboolean sink_event(GstBaseTransform* transform, GstEvent* event) {
  GstLightAVSegAudio* self = GST_LIGHTAVSEG_AUDIO(transform);
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_GAP: {
      GstClockTime timestamp, duration;
      gst_event_parse_gap(event, &timestamp, &duration);
      if (transform->segment.rate > 0) {
        const gint64 begins = sound_time(transform->segment, timestamp);
        with_tap(self, [=](AudioTap& tap) { tap.push_gap(begins, duration); });
      }
      break;
    }
    case GST_EVENT_FLUSH_STOP:
      with_tap(self, [](AudioTap& tap) { tap.reset(); });
      break;
    case GST_EVENT_EOS:
      with_tap(self, [](AudioTap& tap) { tap.end_of_stream(); });
      break;
    default:
      break;
  }
  return GST_BASE_TRANSFORM_CLASS(gst_lightavseg_audio_parent_class)
      ->sink_event(transform, event);  // transfer full
}

// Never writes: passthrough hands over buffers of others.
GstFlowReturn transform_ip(GstBaseTransform* transform, GstBuffer* buffer) {
  GstLightAVSegAudio* self = GST_LIGHTAVSEG_AUDIO(transform);
  if (transform->segment.rate <= 0) return GST_FLOW_OK;
  const gint64 begins = sound_time(transform->segment, GST_BUFFER_PTS(buffer));
  with_tap(self, [=](AudioTap& tap) { tap.push(buffer, begins); });
  return GST_FLOW_OK;
}

enum { kPropertyProbeName = 1 };

void set_property(GObject* object, guint id, const GValue* value, GParamSpec* spec) {
  if (id != kPropertyProbeName) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    return;
  }
  auto* self = GST_LIGHTAVSEG_AUDIO(object);
  const gchar* name = g_value_get_string(value);
  GST_OBJECT_LOCK(self);
  g_free(self->probe_name);
  self->probe_name = name && *name ? g_strdup(name) : nullptr;
  GST_OBJECT_UNLOCK(self);
}

void get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  if (id != kPropertyProbeName) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    return;
  }
  auto* self = GST_LIGHTAVSEG_AUDIO(object);
  GST_OBJECT_LOCK(self);
  g_value_set_string(value, self->probe_name ? self->probe_name : "");
  GST_OBJECT_UNLOCK(self);
}

void finalize(GObject* object) {
  GST_LIGHTAVSEG_AUDIO(object)->holder.~TapHolder();
  g_free(GST_LIGHTAVSEG_AUDIO(object)->probe_name);
  G_OBJECT_CLASS(gst_lightavseg_audio_parent_class)->finalize(object);
}

}  // namespace

static void gst_lightavseg_audio_class_init(GstLightAVSegAudioClass* klass) {
  auto* object = G_OBJECT_CLASS(klass);
  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  g_object_class_install_property(
      object, kPropertyProbeName,
      g_param_spec_string(
          "probe-name", "Probe name",
          "Name that the property audio-probe of lightavseg has for this element; empty for the "
          "element's own name. For hosts that name elements as they like, as video editors do. "
          "Taken when going to PAUSED",
          "", GParamFlags(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)));

  GstElementClass* element = GST_ELEMENT_CLASS(klass);
  gst_element_class_set_static_metadata(
      element, "Audio-visual segmentation: audio probe", "Filter/Effect/Audio",
      "Passes audio on unchanged and lets a lightavseg of the same pipeline hear it: the one whose "
      "property audio-probe has its name",
      "The LightAVSeg authors");
  gst_element_class_add_static_pad_template(element, &sink_template);
  gst_element_class_add_static_pad_template(element, &src_template);

  GstBaseTransformClass* transform = GST_BASE_TRANSFORM_CLASS(klass);
  transform->start = start;
  transform->stop = stop;
  transform->set_caps = set_caps;
  transform->sink_event = sink_event;
  transform->transform_ip = transform_ip;
  transform->transform_ip_on_passthrough = TRUE;
  transform->passthrough_on_same_caps = TRUE;
}

static void gst_lightavseg_audio_init(GstLightAVSegAudio* self) {
  new (&self->holder) TapHolder;
  auto* transform = GST_BASE_TRANSFORM(self);
  gst_base_transform_set_passthrough(transform, TRUE);
  gst_base_transform_set_gap_aware(transform, TRUE);
}
