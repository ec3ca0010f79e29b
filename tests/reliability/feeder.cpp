// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/reliability/feeder.h"

#include <chrono>
#include <stdexcept>
#include <utility>

namespace lightavseg::test {

Feeder::Feeder(GstPad* sink, Script script, const FeederManners& manners)
    : manners_(manners), script_(std::move(script)), pad_(gst_pad_new("feeder", GST_PAD_SRC)) {
  gst_object_ref_sink(pad_);
  gst_pad_set_element_private(pad_, this);
  gst_pad_set_event_function(pad_, on_event);
  gst_pad_set_query_function(pad_, on_query);
  gst_pad_set_active(pad_, TRUE);
  if (gst_pad_link(pad_, sink) == GST_PAD_LINK_OK) return;
  gst_object_unref(pad_);
  throw std::runtime_error("a pad of a test cannot be linked");
}

Feeder::~Feeder() {
  stop_ = true;
  gst_pad_set_active(pad_, FALSE);
  if (thread_.joinable()) thread_.join();
  gst_object_unref(pad_);
}

void Feeder::start() {
  thread_ = std::thread([this] { run(); });
}

gboolean Feeder::on_event(GstPad* pad, GstObject*, GstEvent* event) {
  auto* self = static_cast<Feeder*>(gst_pad_get_element_private(pad));
  bool done = true;
  if (GST_EVENT_TYPE(event) == GST_EVENT_SEEK) {
    GstSeekFlags flags;
    gst_event_parse_seek(event, nullptr, nullptr, &flags, nullptr, nullptr, nullptr, nullptr);
    done = self->manners_.seeks && (flags & GST_SEEK_FLAG_FLUSH);
    if (done) {
      GstEvent* start = gst_event_new_flush_start();
      GstEvent* stop = gst_event_new_flush_stop(TRUE);
      gst_event_set_seqnum(start, gst_event_get_seqnum(event));
      gst_event_set_seqnum(stop, gst_event_get_seqnum(event));
      gst_pad_push_event(pad, start);
      // As every source does: between the two nothing is on its way. An event of the old stream
      // that met a pad further down which flushes still would look like an error of the stream.
      std::lock_guard<std::recursive_mutex> lock(self->streaming_);
      gst_pad_push_event(pad, stop);
      self->tell_again_ = true;
    }
  }
  gst_event_unref(event);
  return done;
}

gboolean Feeder::on_query(GstPad* pad, GstObject* parent, GstQuery* query) {
  const auto* self = static_cast<Feeder*>(gst_pad_get_element_private(pad));
  if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY) return gst_pad_query_default(pad, parent, query);
  gst_query_set_latency(query, self->manners_.live,
                        self->manners_.live ? self->manners_.latency : 0, GST_CLOCK_TIME_NONE);
  return TRUE;
}

void Feeder::run() {
  for (auto& step : script_.steps) {
    if (stop_) return;
    catch_up();
    if (!step)
      pause();
    else if (!send(std::move(step)))
      break;
  }
  while (!may_end_ && !stop_) pause();
  while (!stop_) {
    catch_up();
    const bool taken = push_event(gst_event_new_eos());
    finished_ = true;
    if (taken) return;
    // A pad that has sent an end, be it to elements that slept, sends no other before a new start.
    tell_again_ = true;
    pause();
  }
}

GstFlowReturn Feeder::push(GstBuffer* buffer) {
  std::lock_guard<std::recursive_mutex> lock(streaming_);
  return gst_pad_push(pad_, buffer);
}

bool Feeder::push_event(GstEvent* event) {
  std::lock_guard<std::recursive_mutex> lock(streaming_);
  return gst_pad_push_event(pad_, event);
}

// False when no source would send more.
bool Feeder::send(Step step) {
  if (GST_IS_EVENT(step.get())) {
    if (GST_EVENT_TYPE(step.get()) == GST_EVENT_EOS) ended_ = true;
    push_event(GST_EVENT_CAST(step.release()));
    return true;
  }
  auto flow = push(GST_BUFFER_CAST(step.release()));
  // A transform of GStreamer (1.22) that stops closes its source pad before its sink pad; an event
  // that comes between the two fails in a way that looks like an error of the stream.
  if (flow == GST_FLOW_ERROR && stopped_) flow = GST_FLOW_FLUSHING;
  if (flow == GST_FLOW_OK)
    ++taken_;
  else if (flow == GST_FLOW_FLUSHING)
    pause();
  else if (!ended_)  // sinks drop what comes after an end, which is an error of the flow
    flow_ = flow;
  return flow > GST_FLOW_NOT_NEGOTIATED;
}

void Feeder::catch_up() {
  if (!tell_again_.exchange(false)) return;
  for (const auto type : {GST_EVENT_STREAM_START, GST_EVENT_CAPS, GST_EVENT_SEGMENT}) {
    GstEvent* told = gst_pad_get_sticky_event(pad_, type, 0);
    if (!told && type == GST_EVENT_STREAM_START) told = gst_event_new_stream_start("again");
    if (!told) continue;
    // The pad would not send the same one twice.
    push_event(gst_event_copy(told));
    gst_event_unref(told);
  }
}

void Feeder::pause() {
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace lightavseg::test
