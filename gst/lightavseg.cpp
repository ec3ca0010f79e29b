// SPDX-License-Identifier: LGPL-2.1-or-later
// GObject and GstAggregator side of lightavseg. What happens to frames is in stream.h.
//
// Locks, in the order in which they may be taken:
//   1. GStreamer's stream and source locks (held by the base class around some of its calls)
//   2. the object lock: `settings`, `audio_pad`
//   3. Stream's, MaskWorker's, AudioInput's own, each for a few instructions
// The source task takes a copy of the settings for every frame and holds none of them while it
// converts, renders, or waits for a mask; the worker holds none while the network runs.
#include "gst/lightavseg.h"

#include <fmt/format.h>
#include <gst/video/video.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "gst/debug.h"
#include "gst/owned.h"
#include "gst/settings.h"
#include "gst/stream.h"
#include "model/files/file_error.h"
#include "model/inference/model_path.h"

GST_DEBUG_CATEGORY(lightavseg_debug);

using lightavseg::gst::Owned;
using lightavseg::gst::Settings;
using lightavseg::gst::Stream;

struct _GstLightAVSeg {
  GstAggregator parent;

  GstAggregatorPad* video_pad;  // owned by the element, as long as it
  GstAggregatorPad* audio_pad;  // null until requested; object lock
  Settings* settings;           // object lock
  Stream* stream;
  GstTagList* tags[2];          // of the video, not yet pushed, by scope; source task
  gboolean audio_segment_done;  // stream lock of audio_sink
  gint end;                     // atomic; an End
  gint failed;                  // atomic; an error was posted
};

G_DEFINE_TYPE(GstLightAVSeg, gst_lightavseg, GST_TYPE_AGGREGATOR)

namespace {

// As video sinks spell it: features that differ by "memory:SystemMemory" do not intersect.
#define COMPOSITION_FEATURES            \
  GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY \
  "," GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION
#define VIDEO_CAPS                           \
  GST_VIDEO_CAPS_MAKE(GST_VIDEO_FORMATS_ALL) \
  ";" GST_VIDEO_CAPS_MAKE_WITH_FEATURES(COMPOSITION_FEATURES, GST_VIDEO_FORMATS_ALL)

GstStaticPadTemplate video_template = GST_STATIC_PAD_TEMPLATE(
    "video_sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(VIDEO_CAPS));
GstStaticPadTemplate audio_template = GST_STATIC_PAD_TEMPLATE(
    "audio_sink", GST_PAD_SINK, GST_PAD_REQUEST,
    GST_STATIC_CAPS(GST_AUDIO_CAPS_MAKE(
        GST_AUDIO_FORMATS_ALL) ", layout = (string) { interleaved, non-interleaved }"));
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(VIDEO_CAPS));

std::mutex factory_mutex;
lightavseg::SegmenterFactory& factory() {
  static lightavseg::SegmenterFactory instance;
  return instance;
}

Settings copy_settings(GstLightAVSeg* self) {
  GST_OBJECT_LOCK(self);
  Settings copy = *self->settings;
  GST_OBJECT_UNLOCK(self);
  return copy;
}

GstSegment video_segment(GstLightAVSeg* self) {
  GST_OBJECT_LOCK(self->video_pad);
  const GstSegment segment = self->video_pad->segment;
  GST_OBJECT_UNLOCK(self->video_pad);
  return segment;
}

// The audio pad, or null.
Owned<GstAggregatorPad> ref_audio_pad(GstLightAVSeg* self) {
  GST_OBJECT_LOCK(self);
  auto* pad = self->audio_pad;
  if (pad) gst_object_ref(pad);
  GST_OBJECT_UNLOCK(self);
  return Owned<GstAggregatorPad>(pad);
}

// The path that a model property stands for. Throws FileError when no model ships.
void resolve_model(Settings& settings) {
  if (settings.model.empty()) settings.model = lightavseg::shipped_model().string();
}

// ---- State

void post_model_error(GstLightAVSeg* self, const lightavseg::FileError& e) {
  const auto path = e.path().string();
  std::error_code ignored;
  if (path.empty() || !std::filesystem::exists(e.path(), ignored))
    GST_ELEMENT_ERROR(self, RESOURCE, NOT_FOUND, ("The model cannot be found."),
                      ("%s. Set the property model to a LightAVSeg model file, or "
                       "LIGHTAVSEG_MODEL_PATH to the folder with lightavseg.safetensors",
                       e.what()));
  else if (e.field().empty())
    GST_ELEMENT_ERROR(self, RESOURCE, OPEN_READ, ("The model cannot be read."), ("%s", e.what()));
  else
    GST_ELEMENT_ERROR(self, STREAM, FORMAT, ("The model file is not valid."), ("%s", e.what()));
}

void change_model(GstLightAVSeg* self, Settings settings) {
  try {
    resolve_model(settings);
    self->stream->change_model(settings);
  } catch (const lightavseg::FileError& e) {
    self->stream->model_failed(e.path().string(), e.what());
  } catch (const std::exception& e) {
    self->stream->model_failed(settings.model, e.what());
  }
}

gboolean lightavseg_start(GstAggregator* aggregator) {
  auto* self = GST_LIGHTAVSEG(aggregator);
  const auto asked = copy_settings(self);
  auto settings = asked;
  try {
    resolve_model(settings);
    self->stream->start(settings);
    // Loading takes a while, in which the user may have thought of another model.
    const auto now = copy_settings(self);
    if (now.model != asked.model || now.labels != asked.labels) change_model(self, now);
    return TRUE;
  } catch (const lightavseg::FileError& e) {
    post_model_error(self, e);
  } catch (const std::exception& e) {
    GST_ELEMENT_ERROR(self, STREAM, WRONG_TYPE, ("The model cannot be used."),
                      ("%s: %s", settings.model.c_str(), e.what()));
  }
  return FALSE;
}

// A flush whose end the pads no longer let in, since they were stopped, would go on for the base
// class: it would drop every frame after the next start. Only a FLUSH_STOP on all pads tells it.
// Should that start the source task once more, the base class stops it after this. The pads take
// data again once flushed; a query that upstream, which stops later, sends to a stopped pad would
// wait in it for ever. So they are stopped a second time. And a first time before: a pad that was
// requested meanwhile is not stopped yet, and its buffer waits for room with the lock that
// FLUSH_STOP takes.
void end_flush(GstLightAVSeg* self) {
  const auto audio = ref_audio_pad(self);
  const auto stop_pads = [&] {
    for (auto* pad : {audio.get(), self->video_pad})
      if (pad)
        GST_PAD_ACTIVATEMODEFUNC(pad)(GST_PAD(pad), GST_OBJECT(self), GST_PAD_MODE_PUSH, FALSE);
  };
  stop_pads();
  auto* event = gst_event_new_flush_stop(TRUE);
  for (auto* pad : {audio.get(), self->video_pad}) {
    if (!pad) continue;
    GST_AGGREGATOR_CLASS(gst_lightavseg_parent_class)
        ->sink_event(GST_AGGREGATOR(self), pad, gst_event_ref(event));
  }
  gst_event_unref(event);
  stop_pads();
}

gboolean lightavseg_stop(GstAggregator* aggregator) {
  auto* self = GST_LIGHTAVSEG(aggregator);
  self->stream->stop();
  end_flush(self);
  return TRUE;
}

// One error ends a stream. What else fails because of it, in this thread or another, would only
// hide the reason.
gboolean lightavseg_post_message(GstElement* element, GstMessage* message) {
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR &&
      !g_atomic_int_compare_and_exchange(&GST_LIGHTAVSEG(element)->failed, FALSE, TRUE)) {
    GST_DEBUG_OBJECT(element, "another error: %" GST_PTR_FORMAT, static_cast<void*>(message));
    gst_message_unref(message);
    return TRUE;
  }
  return GST_ELEMENT_CLASS(gst_lightavseg_parent_class)->post_message(element, message);
}

// How far the end of the stream is.
enum End : gint {
  kEndNotYet,
  kEndSent,       // downstream has it, though sound still comes
  kEndForgotten,  // the same, but a flush has made downstream forget it
  kEndClosed,     // the base class was told, and has sent it where we had not
};

void set_end(GstLightAVSeg* self, End end) {
  g_atomic_int_set(&self->end, end);
}

// Whether it was `from` and is `to` now.
bool move_end(GstLightAVSeg* self, End from, End to) {
  return g_atomic_int_compare_and_exchange(&self->end, from, to);
}

GstStateChangeReturn lightavseg_change_state(GstElement* element, GstStateChange transition) {
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    g_atomic_int_set(&GST_LIGHTAVSEG(element)->failed, FALSE);
    set_end(GST_LIGHTAVSEG(element), kEndNotYet);
  }
  // The base class joins the source task, which may be waiting for a mask.
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) GST_LIGHTAVSEG(element)->stream->cancel();
  return GST_ELEMENT_CLASS(gst_lightavseg_parent_class)->change_state(element, transition);
}

GstFlowReturn lightavseg_flush(GstAggregator* aggregator) {
  set_end(GST_LIGHTAVSEG(aggregator), kEndNotYet);
  GST_LIGHTAVSEG(aggregator)->stream->flush();
  return GST_FLOW_OK;
}

// ---- Data

// Runs `work`; what it throws becomes an error on the bus.
template <typename Work>
GstFlowReturn guarded(GstLightAVSeg* self, Work&& work) {
  try {
    return work();
  } catch (const lightavseg::gst::FrameError& e) {
    GST_ELEMENT_ERROR(self, STREAM, FORMAT, ("A video frame cannot be read."), ("%s", e.what()));
  } catch (const std::exception& e) {
    GST_ELEMENT_ERROR(self, STREAM, FAILED, ("The mask of a frame could not be made."),
                      ("%s", e.what()));
  }
  return GST_FLOW_ERROR;
}

// The end of the stream, as the base class sends it. Of a stream without a frame it has sent
// nothing yet.
void push_end_of_stream(GstPad* src) {
  GstEvent* end = gst_event_new_eos();
  if (GstEvent* segment = gst_pad_get_sticky_event(src, GST_EVENT_SEGMENT, 0)) {
    gst_event_set_seqnum(end, gst_event_get_seqnum(segment));
    gst_event_unref(segment);
  }
  GstEvent* start = gst_pad_get_sticky_event(src, GST_EVENT_STREAM_START, 0);
  if (!start) {
    const auto id = fmt::format("lightavseg-{:08x}", g_random_int());  // as the base class does
    gst_pad_push_event(src, gst_event_new_stream_start(id.c_str()));
  }
  gst_clear_event(&start);
  gst_pad_push_event(src, end);
}

// The video has ended. Sound that goes on is taken and dropped to its own end: whoever refused it
// (GstAggregator of GStreamer 1.22) or let it wait (1.26) would stop the other branches of a tee.
GstFlowReturn outlast_sound(GstLightAVSeg* self, GstAggregatorPad* audio) {
  // Of the video, what came before drop_frames_after_end() could know, or after a flush.
  for (auto* pad : {audio, self->video_pad})
    while (pad && gst_aggregator_pad_drop_buffer(pad)) {
    }
  if (audio && !gst_aggregator_pad_is_eos(audio)) return GST_AGGREGATOR_FLOW_NEED_DATA;
  set_end(self, kEndClosed);
  return GST_FLOW_EOS;
}

// A video that starts once more after that comes too late. Its frames go nowhere, and must not wait
// for sound that may never come; nor may the sound wait for them, see lightavseg_sink_event().
GstPadProbeReturn drop_frames_after_end(GstPad* pad, GstPadProbeInfo*, gpointer self) {
  const auto end = g_atomic_int_get(&GST_LIGHTAVSEG(self)->end);
  if (end != kEndSent && end != kEndForgotten) return GST_PAD_PROBE_OK;
  // Flushed, it has no end any more: the rest of the element will be flushed as well.
  return gst_aggregator_pad_is_eos(GST_AGGREGATOR_PAD(pad)) ? GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
}

// Tags may not leave before the stream has started, which the base class does with the first
// buffer.
void push_tags(GstLightAVSeg* self) {
  auto* src = GST_AGGREGATOR_SRC_PAD(self);
  GstEvent* started = gst_pad_get_sticky_event(src, GST_EVENT_SEGMENT, 0);
  if (!started) return;
  gst_event_unref(started);
  for (auto& tags : self->tags)
    if (tags) gst_pad_push_event(src, gst_event_new_tag(std::exchange(tags, nullptr)));
}

// Tags of the stream and of what contains it are not for the same places.
void keep_tags(GstLightAVSeg* self, const GstTagList* tags) {
  auto*& kept = self->tags[gst_tag_list_get_scope(tags) == GST_TAG_SCOPE_GLOBAL];
  if (kept)
    gst_tag_list_insert(kept, tags, GST_TAG_MERGE_REPLACE);
  else
    kept = gst_tag_list_copy(tags);
}

// Properties that follow a controller are set for the frame that is taken next.
void follow_controllers(GstLightAVSeg* self) {
  const Owned<GstBuffer> next(gst_aggregator_pad_peek_buffer(self->video_pad));
  if (!next) return;
  const auto segment = video_segment(self);
  if (segment.format != GST_FORMAT_TIME) return;
  const bool timed = GST_BUFFER_PTS_IS_VALID(next.get());
  const auto time = gst_segment_to_stream_time(
      &segment, GST_FORMAT_TIME, timed ? GST_BUFFER_PTS(next.get()) : segment.position);
  if (GST_CLOCK_TIME_IS_VALID(time)) gst_object_sync_values(GST_OBJECT(self), time);
}

GstFlowReturn lightavseg_aggregate(GstAggregator* aggregator, gboolean) {
  auto* self = GST_LIGHTAVSEG(aggregator);
  if (!self->stream->runs()) return GST_FLOW_FLUSHING;  // see end_flush()
  if (g_atomic_int_get(&self->end) != kEndNotYet) {
    if (move_end(self, kEndForgotten, kEndSent)) push_end_of_stream(GST_AGGREGATOR_SRC_PAD(self));
    return outlast_sound(self, ref_audio_pad(self).get());
  }
  return guarded(self, [&] {
    follow_controllers(self);
    const auto audio = ref_audio_pad(self);
    const auto flow = self->stream->aggregate(copy_settings(self), audio.get());
    if (self->tags[0] || self->tags[1]) push_tags(self);
    if (flow != GST_FLOW_EOS) return flow;
    if (gst_aggregator_pad_is_eos(self->video_pad) && audio &&
        !gst_aggregator_pad_is_eos(audio.get())) {
      set_end(self, kEndSent);
      push_end_of_stream(GST_AGGREGATOR_SRC_PAD(self));
      return outlast_sound(self, audio.get());
    }
    set_end(self, kEndClosed);
    return GST_FLOW_EOS;
  });
}

GstClockTime lightavseg_next_time(GstAggregator* aggregator) {
  if (g_atomic_int_get(&GST_LIGHTAVSEG(aggregator)->end) != kEndNotYet) return GST_CLOCK_TIME_NONE;
  return GST_LIGHTAVSEG(aggregator)->stream->next_time();
}

// ---- Negotiation

GstFlowReturn lightavseg_update_src_caps(GstAggregator* aggregator, GstCaps* downstream,
                                         GstCaps** result) {
  auto* self = GST_LIGHTAVSEG(aggregator);
  return self->stream->update_src_caps(copy_settings(self), downstream, result);
}

gboolean lightavseg_decide_allocation(GstAggregator* aggregator, GstQuery* query) {
  GST_LIGHTAVSEG(aggregator)->stream->allocation_decided(query);
  return TRUE;  // the base class has nothing to decide
}

gboolean lightavseg_negotiated(GstAggregator* aggregator, GstCaps* caps) {
  return GST_LIGHTAVSEG(aggregator)->stream->negotiated(caps);
}

gboolean lightavseg_propose_allocation(GstAggregator* aggregator, GstAggregatorPad* pad, GstQuery*,
                                       GstQuery* query) {
  // Padded rows are read as they are.
  if (pad == GST_LIGHTAVSEG(aggregator)->video_pad)
    gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
  return TRUE;
}

// ---- Events and queries

// Events that stand between buffers come here in the source task.
gboolean lightavseg_sink_event(GstAggregator* aggregator, GstAggregatorPad* pad, GstEvent* event) {
  auto* self = GST_LIGHTAVSEG(aggregator);
  auto* parent = GST_AGGREGATOR_CLASS(gst_lightavseg_parent_class);
  const bool video = pad == self->video_pad;
  // In the task that end_flush() may start once more, when there is nothing left to tell.
  if (!self->stream->runs() && GST_EVENT_IS_SERIALIZED(event) &&
      GST_EVENT_TYPE(event) != GST_EVENT_FLUSH_STOP) {
    gst_event_unref(event);
    return TRUE;
  }
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_STREAM_START:
      // The base class would take the end of the video back, and wait for frames.
      if (video && g_atomic_int_get(&self->end) != kEndNotYet) {
        gst_event_unref(event);
        return TRUE;
      }
      break;
    case GST_EVENT_CAPS: {
      GstCaps* caps;
      gst_event_parse_caps(event, &caps);
      const auto flow = guarded(self, [&] {
        if (!video) return self->stream->set_audio_caps(caps) ? GST_FLOW_OK : GST_FLOW_ERROR;
        return self->stream->set_video_caps(caps, copy_settings(self));
      });
      gst_event_unref(event);
      return flow == GST_FLOW_OK;
    }
    case GST_EVENT_SEGMENT:
      if (video) {
        const GstSegment* segment;
        gst_event_parse_segment(event, &segment);
        if (guarded(self, [&] {
              return self->stream->set_video_segment(segment, copy_settings(self));
            }) != GST_FLOW_OK) {
          gst_event_unref(event);
          return FALSE;
        }
      }
      break;
    case GST_EVENT_GAP:
      // Of a time that nobody knows. The base class would clip it to a segment in bytes, or none.
      if (pad->segment.format != GST_FORMAT_TIME) {
        gst_event_unref(event);
        return TRUE;
      }
      break;
    case GST_EVENT_SEGMENT_DONE:
      // Whoever loops on it wants what came before it first.
      guarded(self, [&] { return self->stream->finish(copy_settings(self)); });
      break;
    case GST_EVENT_TAG:
      if (video) {
        GstTagList* tags;
        gst_event_parse_tag(event, &tags);
        keep_tags(self, tags);
      }
      break;
    default:
      break;
  }
  return parent->sink_event(aggregator, pad, event);
}

// The base class waits for sound after the last one that a SEGMENT_DONE announces, and frames that
// still come would wait with it: to this element it is an end of the sound, until there is another
// segment. The one of the video is enough for downstream.
GstEvent* end_of_sound(GstLightAVSeg* self, GstAggregatorPad* pad, GstEvent* event) {
  auto* end = gst_event_new_eos();
  gst_event_set_seqnum(end, gst_event_get_seqnum(event));
  gst_event_unref(event);
  self->audio_segment_done = TRUE;
  GST_DEBUG_OBJECT(pad, "the sound of this segment is complete");
  return end;
}

// Takes back end_of_sound() before the next segment. The base class forgets an end of stream when
// another stream starts.
void revive_sound(GstLightAVSeg* self, GstAggregatorPad* pad) {
  self->audio_segment_done = FALSE;
  if (auto* start = gst_pad_get_sticky_event(GST_PAD(pad), GST_EVENT_STREAM_START, 0))
    GST_AGGREGATOR_CLASS(gst_lightavseg_parent_class)
        ->sink_event_pre_queue(GST_AGGREGATOR(self), pad, start);
}

// All events as they arrive, in upstream's thread.
GstFlowReturn lightavseg_sink_event_pre_queue(GstAggregator* aggregator, GstAggregatorPad* pad,
                                              GstEvent* event) {
  auto* self = GST_LIGHTAVSEG(aggregator);
  const auto type = GST_EVENT_TYPE(event);
  if (type == GST_EVENT_FLUSH_START) self->stream->cancel();
  if (pad != self->video_pad) {
    if (type == GST_EVENT_FLUSH_STOP || type == GST_EVENT_STREAM_START)
      self->audio_segment_done = FALSE;
    else if (type == GST_EVENT_SEGMENT_DONE)
      event = end_of_sound(self, pad, event);
    else if (type == GST_EVENT_SEGMENT && self->audio_segment_done)
      revive_sound(self, pad);
  }
  const auto flow = GST_AGGREGATOR_CLASS(gst_lightavseg_parent_class)
                        ->sink_event_pre_queue(aggregator, pad, event);
  // A flush of one pad alone does not reach the element's own flush.
  if (type == GST_EVENT_FLUSH_STOP) self->stream->resume();
  return flow;
}

// The end of the stream once more, in a source task that does nothing else. The next flush or stop
// ends the task, as it ends that of the base class.
void push_end(gpointer src) {
  push_end_of_stream(GST_PAD(src));
  gst_pad_pause_task(GST_PAD(src));
}

// For a seek that flushes the base class stops its source task, which the FLUSH_STOP of upstream
// starts again. Upstream that cannot seek sends none, and nothing would ever leave the element.
// The base class (seen in 1.22) has no other way in than the activation of its pad. Once it has
// sent the end of the stream, before the flush or into it, it sends no more.
void start_source_task(GstLightAVSeg* self) {
  GstPad* src = GST_AGGREGATOR_SRC_PAD(self);
  if (!gst_pad_is_active(src) || gst_pad_get_task_state(src) == GST_TASK_STARTED) return;
  // Downstream has been flushed all the same, and forgot the segment.
  const auto segment = video_segment(self);
  if (segment.format == GST_FORMAT_TIME)
    gst_aggregator_update_segment(GST_AGGREGATOR(self), &segment);
  if (g_atomic_int_get(&self->end) == kEndClosed) {
    gst_pad_start_task(src, push_end, src, nullptr);
    return;
  }
  move_end(self, kEndSent, kEndForgotten);
  GST_PAD_ACTIVATEMODEFUNC(src)(src, GST_OBJECT(self), GST_PAD_MODE_PUSH, TRUE);
}

// Beyond this, years, QOS events tell nonsense whose sums would not fit 64 bits.
constexpr gint64 kMostDelay = G_MAXINT64 / 8;

gboolean lightavseg_src_event(GstAggregator* aggregator, GstEvent* event) {
  auto* self = GST_LIGHTAVSEG(aggregator);
  if (GST_EVENT_TYPE(event) == GST_EVENT_QOS) {
    gdouble proportion;
    GstClockTimeDiff diff;
    GstClockTime timestamp;
    gst_event_parse_qos(event, nullptr, &proportion, &diff, &timestamp);
    GstClockTime earliest = GST_CLOCK_TIME_NONE;
    if (GST_CLOCK_TIME_IS_VALID(timestamp)) {
      // As GstVideoAggregator does: when late, aim at twice the delay to have a chance to catch up.
      const gint64 now = gint64(std::min<GstClockTime>(timestamp, GstClockTime(kMostDelay)));
      diff = std::clamp(diff, -kMostDelay, kMostDelay);
      const gint64 time = now + (diff > 0 ? 2 * diff : diff);
      earliest = time > 0 ? GstClockTime(time) : 0;
    }
    self->stream->set_earliest(earliest, proportion);
  }
  bool flushes = false;
  if (GST_EVENT_TYPE(event) == GST_EVENT_SEEK) {
    GstSeekFlags flags;
    gst_event_parse_seek(event, nullptr, nullptr, &flags, nullptr, nullptr, nullptr, nullptr);
    flushes = flags & GST_SEEK_FLAG_FLUSH;
  }
  // Where the output's caps are those of the input, other wishes of downstream are upstream's to
  // fulfil. The base class keeps them to itself, and drops what a mouse does.
  if (GST_EVENT_TYPE(event) == GST_EVENT_RECONFIGURE) {
    const auto output = copy_settings(self).render.output;
    if (output == lightavseg::gst::Output::kOverlay || output == lightavseg::gst::Output::kMetadata)
      gst_pad_push_event(GST_PAD(self->video_pad), gst_event_new_reconfigure());
  }
  if (GST_EVENT_TYPE(event) == GST_EVENT_NAVIGATION)
    return gst_pad_push_event(GST_PAD(self->video_pad), event);
  // The base class joins the source task before upstream sees the seek and sends its FLUSH_START.
  if (flushes) self->stream->cancel();
  const gboolean done =
      GST_AGGREGATOR_CLASS(gst_lightavseg_parent_class)->src_event(aggregator, event);
  if (flushes) {
    // Nobody flushes when upstream cannot seek.
    self->stream->resume();
    start_source_task(self);
  }
  return done;
}

// Caps of the other side of the element, seen through it.
GstCaps* caps_through(GstLightAVSeg* self, bool from_sink, GstCaps* filter) {
  const auto output = copy_settings(self).render.output;
  GstPad* far_pad = from_sink ? GST_AGGREGATOR_SRC_PAD(self) : GST_PAD(self->video_pad);
  GstPad* near_pad = from_sink ? GST_PAD(self->video_pad) : GST_AGGREGATOR_SRC_PAD(self);
  GstCaps* far_caps = gst_pad_peer_query_caps(far_pad, nullptr);
  GstCaps* caps = from_sink ? lightavseg::gst::input_caps(output, far_caps)
                            : lightavseg::gst::output_caps(output, far_caps);
  if (!from_sink && output == lightavseg::gst::Output::kOverlay)
    gst_caps_append(caps, lightavseg::gst::with_composition(caps));
  GstCaps* allowed = gst_pad_get_pad_template_caps(near_pad);
  GstCaps* result = gst_caps_intersect_full(caps, allowed, GST_CAPS_INTERSECT_FIRST);
  // With no caps for an answer the source would fail without a word on why; accepted, the video
  // leads to an error of this element that names both sides.
  if (from_sink && gst_caps_is_empty(result)) gst_caps_replace(&result, allowed);
  gst_caps_unref(far_caps);
  gst_caps_unref(caps);
  gst_caps_unref(allowed);
  if (filter) {
    GstCaps* filtered = gst_caps_intersect_full(filter, result, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref(result);
    result = filtered;
  }
  return result;
}

void answer_caps(GstLightAVSeg* self, bool sink, GstQuery* query) {
  GstCaps* filter;
  gst_query_parse_caps(query, &filter);
  GstCaps* caps = caps_through(self, sink, filter);
  gst_query_set_caps_result(query, caps);
  gst_caps_unref(caps);
}

gboolean lightavseg_sink_query(GstAggregator* aggregator, GstAggregatorPad* pad, GstQuery* query) {
  auto* self = GST_LIGHTAVSEG(aggregator);
  if (pad == self->video_pad && GST_QUERY_TYPE(query) == GST_QUERY_CAPS) {
    answer_caps(self, true, query);
    return TRUE;
  }
  return GST_AGGREGATOR_CLASS(gst_lightavseg_parent_class)->sink_query(aggregator, pad, query);
}

gboolean lightavseg_src_query(GstAggregator* aggregator, GstQuery* query) {
  auto* self = GST_LIGHTAVSEG(aggregator);
  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_CAPS:
      answer_caps(self, false, query);
      return TRUE;
    case GST_QUERY_DURATION:
    case GST_QUERY_SEEKING:
      return gst_pad_peer_query(GST_PAD(self->video_pad), query);
    default:
      return GST_AGGREGATOR_CLASS(gst_lightavseg_parent_class)->src_query(aggregator, query);
  }
}

// ---- Pads

GstAggregatorPad* lightavseg_create_new_pad(GstAggregator* aggregator, GstPadTemplate* templ,
                                            const gchar*, const GstCaps*) {
  auto* self = GST_LIGHTAVSEG(aggregator);
  GST_OBJECT_LOCK(self);
  if (self->audio_pad) {
    GST_OBJECT_UNLOCK(self);
    GST_WARNING_OBJECT(self, "audio_sink is already there; one is all there can be");
    return nullptr;
  }
  self->audio_pad =
      GST_AGGREGATOR_PAD(g_object_new(GST_TYPE_AGGREGATOR_PAD, "name", "audio_sink", "direction",
                                      GST_PAD_SINK, "template", templ, nullptr));
  self->audio_segment_done = FALSE;
  auto* pad = self->audio_pad;
  GST_OBJECT_UNLOCK(self);
  return pad;
}

void lightavseg_release_pad(GstElement* element, GstPad* pad) {
  auto* self = GST_LIGHTAVSEG(element);
  GST_OBJECT_LOCK(self);
  if (GST_AGGREGATOR_PAD(pad) == self->audio_pad) self->audio_pad = nullptr;
  GST_OBJECT_UNLOCK(self);
  GST_ELEMENT_CLASS(gst_lightavseg_parent_class)->release_pad(element, pad);
}

// ---- Properties

void lightavseg_set_property(GObject* object, guint id, const GValue* value, GParamSpec* spec) {
  auto* self = GST_LIGHTAVSEG(object);
  GST_OBJECT_LOCK(self);
  const auto before = self->settings->render.output;
  const bool known = lightavseg::gst::set_setting(*self->settings, id, value);
  const Settings copy = *self->settings;
  GST_OBJECT_UNLOCK(self);
  if (!known) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    return;
  }
  if (copy.render.output != before) {
    gst_pad_mark_reconfigure(GST_AGGREGATOR_SRC_PAD(self));
    gst_pad_push_event(GST_PAD(self->video_pad), gst_event_new_reconfigure());
  }
  if ((id == lightavseg::gst::kSettingModel || id == lightavseg::gst::kSettingLabels) &&
      self->stream->runs())
    change_model(self, copy);
}

void lightavseg_get_property(GObject* object, guint id, GValue* value, GParamSpec* spec) {
  auto* self = GST_LIGHTAVSEG(object);
  if (id == lightavseg::gst::kSettingStats) {
    g_value_take_boxed(value, self->stream->stats());
    return;
  }
  GST_OBJECT_LOCK(self);
  const bool known = lightavseg::gst::get_setting(*self->settings, id, value);
  GST_OBJECT_UNLOCK(self);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

void lightavseg_finalize(GObject* object) {
  auto* self = GST_LIGHTAVSEG(object);
  delete self->stream;
  for (auto* tags : self->tags)
    if (tags) gst_tag_list_unref(tags);
  delete self->settings;
  G_OBJECT_CLASS(gst_lightavseg_parent_class)->finalize(object);
}

}  // namespace

static void gst_lightavseg_class_init(GstLightAVSegClass* klass) {
  GST_DEBUG_CATEGORY_INIT(lightavseg_debug, "lightavseg", 0, "audio-visual segmentation");
  auto* object = G_OBJECT_CLASS(klass);
  object->set_property = lightavseg_set_property;
  object->get_property = lightavseg_get_property;
  object->finalize = lightavseg_finalize;
  lightavseg::gst::install_settings(object);

  auto* element = GST_ELEMENT_CLASS(klass);
  element->change_state = lightavseg_change_state;
  element->post_message = lightavseg_post_message;
  element->release_pad = lightavseg_release_pad;
  gst_element_class_add_static_pad_template_with_gtype(element, &video_template,
                                                       GST_TYPE_AGGREGATOR_PAD);
  gst_element_class_add_static_pad_template_with_gtype(element, &audio_template,
                                                       GST_TYPE_AGGREGATOR_PAD);
  gst_element_class_add_static_pad_template_with_gtype(element, &src_template,
                                                       GST_TYPE_AGGREGATOR_PAD);
  gst_element_class_set_static_metadata(
      element, "Audio-visual segmentation", "Filter/Effect/Video",
      "Marks the objects in the video that make the sound, as overlay, alpha, matte or metadata",
      "The LightAVSeg authors");
  gst_type_mark_as_plugin_api(gst_lightavseg_output_get_type(), GstPluginAPIFlags(0));

  auto* aggregator = GST_AGGREGATOR_CLASS(klass);
  aggregator->start = lightavseg_start;
  aggregator->stop = lightavseg_stop;
  aggregator->flush = lightavseg_flush;
  aggregator->aggregate = lightavseg_aggregate;
  aggregator->get_next_time = lightavseg_next_time;
  aggregator->update_src_caps = lightavseg_update_src_caps;
  aggregator->negotiated_src_caps = lightavseg_negotiated;
  aggregator->decide_allocation = lightavseg_decide_allocation;
  aggregator->propose_allocation = lightavseg_propose_allocation;
  aggregator->sink_event = lightavseg_sink_event;
  aggregator->sink_event_pre_queue = lightavseg_sink_event_pre_queue;
  aggregator->src_event = lightavseg_src_event;
  aggregator->sink_query = lightavseg_sink_query;
  aggregator->src_query = lightavseg_src_query;
  aggregator->create_new_pad = lightavseg_create_new_pad;
}

static void gst_lightavseg_init(GstLightAVSeg* self) {
  auto* templ = gst_static_pad_template_get(&video_template);
  self->video_pad =
      GST_AGGREGATOR_PAD(g_object_new(GST_TYPE_AGGREGATOR_PAD, "name", "video_sink", "direction",
                                      GST_PAD_SINK, "template", templ, nullptr));
  gst_object_unref(templ);
  gst_element_add_pad(GST_ELEMENT(self), GST_PAD(self->video_pad));
  gst_pad_add_probe(GST_PAD(self->video_pad),
                    GstPadProbeType(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
                    drop_frames_after_end, self, nullptr);
  self->settings = new Settings;
  std::lock_guard<std::mutex> lock(factory_mutex);
  self->stream = new Stream(GST_AGGREGATOR(self), self->video_pad, factory());
}

namespace lightavseg::gst {

void set_segmenter_factory(SegmenterFactory next) {
  std::lock_guard<std::mutex> lock(factory_mutex);
  factory() = std::move(next);
}

}  // namespace lightavseg::gst
