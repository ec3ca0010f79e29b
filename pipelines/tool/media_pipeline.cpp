// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/media_pipeline.h"

#include <fmt/format.h>

#include <stdexcept>

#include "pipelines/tool/interrupt.h"
#include "pipelines/tool/media_info.h"

namespace lightavseg::tool {
namespace {

using gst::Owned;

constexpr GstClockTime kTick = 100 * GST_MSECOND;
constexpr gint64 kPatience = 120 * G_USEC_PER_SEC;

std::string text_of(GstMessage* message) {
  GError* error = nullptr;
  gchar* debug = nullptr;
  gst_message_parse_error(message, &error, &debug);
  std::string text = error->message;
  if (debug) text += fmt::format(" ({})", debug);
  g_error_free(error);
  g_free(debug);
  return text;
}

}  // namespace

MediaPipeline::MediaPipeline(const std::string& description) {
  GError* error = nullptr;
  pipeline_.reset(
      gst_parse_launch_full(description.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error));
  const std::string problem = error ? error->message : "unknown";
  g_clear_error(&error);
  if (!pipeline_)
    throw std::runtime_error(
        fmt::format("the pipeline cannot be made: {} (Debian: gstreamer1.0-plugins-base and "
                    "gstreamer1.0-plugins-good)",
                    problem));
  const auto demuxer = find("demuxer");
  g_signal_connect(demuxer.get(), "pad-added", G_CALLBACK(on_pad), this);
  g_signal_connect(demuxer.get(), "no-more-pads", G_CALLBACK(on_all_pads), this);
}

MediaPipeline::~MediaPipeline() {
  stop();
}

void MediaPipeline::connect(const std::string& stream, const std::string& queue) {
  queues_[stream] = queue;
}

Owned<GstElement> MediaPipeline::find(const std::string& name) const {
  return Owned<GstElement>(gst_bin_get_by_name(GST_BIN(pipeline_.get()), name.c_str()));
}

Owned<GstPad> MediaPipeline::pad(const std::string& element, const char* name) const {
  return Owned<GstPad>(gst_element_get_static_pad(find(element).get(), name));
}

void MediaPipeline::on_pad(GstElement*, GstPad* pad, gpointer self) {
  const auto* pipeline = static_cast<const MediaPipeline*>(self);
  gchar* id = gst_pad_get_stream_id(pad);
  const auto found = pipeline->queues_.find(short_stream_name(id));
  g_free(id);
  if (found == pipeline->queues_.end()) return;
  const auto queue = pipeline->pad(found->second, "sink");
  if (!gst_pad_is_linked(queue.get())) gst_pad_link(pad, queue.get());
}

// A queue without a stream would wait for ever, and everything behind it.
void MediaPipeline::on_all_pads(GstElement* demuxer, gpointer self) {
  const auto* pipeline = static_cast<const MediaPipeline*>(self);
  for (const auto& [stream, queue] : pipeline->queues_) {
    if (!gst_pad_is_linked(pipeline->pad(queue, "sink").get()))
      GST_ELEMENT_ERROR(demuxer, STREAM, DEMUX, ("The stream %s was not found", stream.c_str()),
                        ("for %s", queue.c_str()));
  }
}

bool MediaPipeline::is_part(GstObject* source, std::initializer_list<const char*> names) const {
  for (const char* name : names) {
    Owned<GstElement> part(gst_bin_get_by_name(GST_BIN(pipeline_.get()), name));
    if (part && (source == GST_OBJECT(part.get()) ||
                 gst_object_has_as_ancestor(source, GST_OBJECT(part.get()))))
      return true;
  }
  return false;
}

void MediaPipeline::end_inputs() const {
  for (const auto& entry : queues_)
    gst_pad_send_event(pad(entry.second, "sink").get(), gst_event_new_eos());
}

MediaPipeline::End MediaPipeline::run(const std::string& input, const std::string& output,
                                      const std::function<guint64()>& tick) {
  Owned<GstBus> bus(gst_element_get_bus(pipeline_.get()));
  gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING);
  End end;
  guint64 frames = 0;
  gint64 moved = g_get_monotonic_time();
  const auto wanted = GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  for (;;) {
    GstMessage* message = gst_bus_timed_pop_filtered(bus.get(), kTick, wanted);
    const guint64 now = tick();
    if (now != frames) moved = g_get_monotonic_time();
    frames = now;
    std::string problem;
    bool done = false;
    bool by_input = false, by_output = false;
    if (message) {
      done = GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
      if (!done) problem = text_of(message);
      // The file, its demuxer, parsers and decoders; all that is broken when the file is.
      by_input =
          is_part(GST_MESSAGE_SRC(message), {"in", "demuxer", "video_decoder", "audio_decoder"});
      by_output = is_part(GST_MESSAGE_SRC(message), {"out"});
      gst_message_unref(message);
    }
    if (interrupted()) throw Interrupted();
    if (done) return end;
    if (!problem.empty()) {
      if (by_output)
        throw std::runtime_error(
            fmt::format("{}: cannot be written; is there room on its disc? GStreamer says: {}",
                        output, problem));
      if (!by_input || frames == 0) throw std::runtime_error(fmt::format("{}: {}", input, problem));
      if (end.problem.empty()) end.problem = problem;
      end_inputs();
    }
    if (g_get_monotonic_time() - moved > kPatience)
      throw std::runtime_error(fmt::format(
          "{}: no frame has come for two minutes; {} were there before", input, frames));
  }
}

void MediaPipeline::stop() {
  if (pipeline_) gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
}

}  // namespace lightavseg::tool
