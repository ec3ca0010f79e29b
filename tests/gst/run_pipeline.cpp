// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/gst/run_pipeline.h"

#include <gst/app/gstappsink.h>

#include <stdexcept>

namespace lightavseg::gst::test {

Pipeline::Pipeline(const std::string& description) {
  GError* error = nullptr;
  GstElement* parsed =
      gst_parse_launch_full(description.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (!parsed) {
    const std::string text = error ? error->message : "cannot be parsed";
    g_clear_error(&error);
    throw std::runtime_error(text + ": " + description);
  }
  g_clear_error(&error);
  pipeline_ = parsed;
  if (!GST_IS_PIPELINE(parsed)) {
    pipeline_ = gst_pipeline_new(nullptr);
    gst_bin_add(GST_BIN(pipeline_), parsed);
  }
  gst_object_ref_sink(pipeline_);
  sink_ = gst_bin_get_by_name(GST_BIN(pipeline_), "out");
}

Pipeline::~Pipeline() {
  gst_element_set_state(pipeline_, GST_STATE_NULL);
  forget_samples();
  for (auto* e : named_) gst_object_unref(e);
  if (sink_) gst_object_unref(sink_);
  g_clear_error(&error_object_);
  gst_object_unref(pipeline_);
}

GstElement* Pipeline::element(const std::string& name) const {
  GstElement* found = gst_bin_get_by_name(GST_BIN(pipeline_), name.c_str());
  if (!found) throw std::runtime_error("no element " + name);
  named_.push_back(found);
  return found;
}

GstStateChangeReturn Pipeline::set_state(GstState state) {
  return gst_element_set_state(pipeline_, state);
}

bool Pipeline::reach(GstState state, int timeout_ms) {
  if (set_state(state) == GST_STATE_CHANGE_FAILURE) {
    pump(0, false);
    return false;
  }
  const auto result =
      gst_element_get_state(pipeline_, nullptr, nullptr, GstClockTime(timeout_ms) * GST_MSECOND);
  return result == GST_STATE_CHANGE_SUCCESS || result == GST_STATE_CHANGE_NO_PREROLL;
}

bool Pipeline::run(int timeout_ms) {
  if (set_state(GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
    pump(0, false);
    return false;
  }
  return pump(timeout_ms, true) && eos_ && error_.empty();
}

bool Pipeline::collect(int for_ms) {
  pump(for_ms, false);
  return error_.empty();
}

void Pipeline::count_buffers(const char* element, std::atomic<int>& count) {
  GstPad* pad = gst_element_get_static_pad(this->element(element), "sink");
  gst_pad_add_probe(
      pad, GST_PAD_PROBE_TYPE_BUFFER,
      [](GstPad*, GstPadProbeInfo*, gpointer number) {
        ++*static_cast<std::atomic<int>*>(number);
        return GST_PAD_PROBE_OK;
      },
      &count, nullptr);
  gst_object_unref(pad);
}

void Pipeline::forget_samples() {
  for (auto* s : samples_) gst_sample_unref(s);
  samples_.clear();
}

bool Pipeline::pump(int for_ms, bool stop_at_eos) {
  GstBus* bus = gst_element_get_bus(pipeline_);
  const gint64 end = g_get_monotonic_time() + gint64(for_ms) * 1000;
  for (;;) {
    while (GstMessage* message = gst_bus_pop(bus)) {
      handle(message);
      gst_message_unref(message);
    }
    GstSample* sample = nullptr;
    if (sink_) sample = gst_app_sink_try_pull_sample(GST_APP_SINK(sink_), 5 * GST_MSECOND);
    if (sample)
      samples_.push_back(sample);
    else if (!sink_)
      g_usleep(2000);
    if (!error_.empty()) break;
    if (stop_at_eos && eos_ && !sample) break;
    if (g_get_monotonic_time() > end) break;
  }
  gst_object_unref(bus);
  return error_.empty();
}

bool Pipeline::handle(GstMessage* message) {
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_EOS:
      eos_ = true;
      break;
    case GST_MESSAGE_ERROR: {
      GError* error = nullptr;
      gchar* debug = nullptr;
      gst_message_parse_error(message, &error, &debug);
      if (error_.empty()) {
        error_ = std::string(g_quark_to_string(error->domain)) + " " + std::to_string(error->code) +
                 ": " + error->message + " (" + (debug ? debug : "") + ")";
        error_object_ = error;
      } else {
        g_error_free(error);
      }
      g_free(debug);
      break;
    }
    case GST_MESSAGE_WARNING: {
      GError* error = nullptr;
      gst_message_parse_warning(message, &error, nullptr);
      messages_.emplace_back(error->message);
      g_error_free(error);
      break;
    }
    case GST_MESSAGE_ELEMENT:
      if (const auto* s = gst_message_get_structure(message)) {
        gchar* text = gst_structure_to_string(s);
        messages_.emplace_back(text);
        g_free(text);
      }
      break;
    case GST_MESSAGE_LATENCY:
      ++latency_messages_;
      gst_bin_recalculate_latency(GST_BIN(pipeline_));
      break;
    case GST_MESSAGE_QOS:
      ++qos_messages_;
      break;
    default:
      break;
  }
  return true;
}

}  // namespace lightavseg::gst::test
