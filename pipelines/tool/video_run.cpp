// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/video_run.h"

#include <fmt/format.h>
#include <gst/gst.h>
#include <gst/pbutils/pbutils.h>

#include <filesystem>
#include <memory>
#include <stdexcept>

#include "gst/owned.h"
#include "pipelines/tool/contact_sheet.h"

namespace lightavseg::tool {
namespace {

using gst::Owned;

// Room for what a demuxer delivers of one stream before the other.
constexpr const char* kQueue = "queue max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0";

struct InputInfo {
  GstClockTime duration = 0;
  bool video = false, audio = false;
};

InputInfo look_at(const std::string& path) {
  if (!std::filesystem::exists(path)) throw std::runtime_error(path + ": no such file");
  gchar* uri = gst_filename_to_uri(path.c_str(), nullptr);
  if (!uri) throw std::runtime_error(path + ": the name cannot be made an address");
  GError* error = nullptr;
  Owned<GstDiscoverer> discoverer(gst_discoverer_new(20 * GST_SECOND, nullptr));
  GstDiscovererInfo* found = gst_discoverer_discover_uri(discoverer.get(), uri, &error);
  g_free(uri);
  const std::string problem = error ? error->message : "";
  g_clear_error(&error);
  if (!found) throw std::runtime_error(fmt::format("{}: {}", path, problem));
  Owned<GstDiscovererInfo> info(found);
  InputInfo result;
  result.duration = gst_discoverer_info_get_duration(info.get());
  GList* list = gst_discoverer_info_get_video_streams(info.get());
  result.video = list != nullptr;
  gst_discoverer_stream_info_list_free(list);
  list = gst_discoverer_info_get_audio_streams(info.get());
  result.audio = list != nullptr;
  gst_discoverer_stream_info_list_free(list);
  if (!result.video)
    throw std::runtime_error(fmt::format("{}: there is no video in it that can be decoded{}{}",
                                         path, problem.empty() ? "" : ": ", problem));
  return result;
}

std::string describe_pipeline(const VideoRun& run, const InputInfo& input) {
  std::string text =
      fmt::format("filesrc name=in ! decodebin name=d  d. ! {} ! videoconvert ! ", kQueue);
  if (run.side_by_side) text += fmt::format("tee name=v  v. ! {} ! ", kQueue);
  text += "l.video_sink  lightavseg name=l ! ";
  if (run.side_by_side)
    text += fmt::format(
        "videoconvert ! c.sink_1  v. ! {} ! videoconvert ! c.sink_0  "
        "compositor name=c background=black ! ",
        kQueue);
  text +=
      "queue ! videoconvert ! video/x-raw,format=I420 ! "
      "vp8enc name=encoder deadline=1 cpu-used=4 threads=2 target-bitrate=2500000 "
      "keyframe-max-dist=100 ! "
      "mux.  webmmux name=mux ! filesink name=out  ";
  if (input.audio)
    text += fmt::format(
        "d. ! {} ! tee name=a  a. ! {} ! l.audio_sink  "
        "a. ! {} ! audioconvert ! audioresample ! vorbisenc ! mux.  ",
        kQueue, kQueue, kQueue);
  return text;
}

void set_property(GstElement* element, const std::string& assignment) {
  const auto equals = assignment.find('=');
  const std::string name = assignment.substr(0, equals);
  if (equals == std::string::npos ||
      !g_object_class_find_property(G_OBJECT_GET_CLASS(element), name.c_str()))
    throw std::runtime_error(fmt::format(
        "--set {}: give NAME=VALUE with a property of lightavseg; gst-inspect-1.0 lightavseg lists "
        "them",
        assignment));
  gst_util_set_object_arg(G_OBJECT(element), name.c_str(), assignment.substr(equals + 1).c_str());
}

// The second picture stands beside the first, whose width is known when the caps are.
GstPadProbeReturn place_beside(GstPad* pad, GstPadProbeInfo* info, gpointer) {
  GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
  if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
    GstCaps* caps;
    gint width = 0;
    gst_event_parse_caps(event, &caps);
    if (gst_structure_get_int(gst_caps_get_structure(caps, 0), "width", &width))
      g_object_set(pad, "xpos", width, nullptr);
  }
  return GST_PAD_PROBE_OK;
}

class Running {
 public:
  explicit Running(const std::string& description) {
    GError* error = nullptr;
    pipeline_ =
        gst_parse_launch_full(description.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
    if (!pipeline_) {
      const std::string problem = error ? error->message : "unknown";
      g_clear_error(&error);
      throw std::runtime_error(
          fmt::format("the pipeline cannot be made: {} (Debian: gstreamer1.0-plugins-base and "
                      "gstreamer1.0-plugins-good)",
                      problem));
    }
    g_clear_error(&error);
  }
  ~Running() {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(pipeline_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  Owned<GstElement> find(const char* name) const {
    return Owned<GstElement>(gst_bin_get_by_name(GST_BIN(pipeline_), name));
  }
  GstElement* get() const { return pipeline_; }

  // Until the end. Throws with the text of the error.
  void run(const std::string& input, GstClockTime duration,
           const std::function<void(double)>& progress) {
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
    Owned<GstBus> bus(gst_element_get_bus(pipeline_));
    for (;;) {
      GstMessage* message = gst_bus_timed_pop_filtered(
          bus.get(), 200 * GST_MSECOND, GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
      gint64 position = 0;
      if (progress && duration > 0 &&
          gst_element_query_position(pipeline_, GST_FORMAT_TIME, &position))
        progress(std::min(1.0, double(position) / double(duration)));
      if (!message) continue;
      const bool failed = GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR;
      std::string text;
      if (failed) {
        GError* error = nullptr;
        gchar* debug = nullptr;
        gst_message_parse_error(message, &error, &debug);
        text = fmt::format("{}: {} {}", input, error->message, debug ? debug : "");
        g_error_free(error);
        g_free(debug);
      }
      gst_message_unref(message);
      if (failed) throw std::runtime_error(text);
      return;
    }
  }

 private:
  GstElement* pipeline_;
};

}  // namespace

VideoRunResult run_video(const VideoRun& run, const std::function<void(double)>& progress) {
  const auto input = look_at(run.input);
  Running running(describe_pipeline(run, input));
  const auto element = running.find("l");
  g_object_set(element.get(), "model", run.model.c_str(), "threads", guint(run.threads), nullptr);
  for (const auto& p : run.properties) set_property(element.get(), p);
  g_object_set(running.find("in").get(), "location", run.input.c_str(), nullptr);
  // Under another name until it is whole, so that what looks complete is.
  const std::string unfinished = run.output + ".part";
  g_object_set(running.find("out").get(), "location", unfinished.c_str(), nullptr);
  if (run.side_by_side) {
    const auto compositor = running.find("c");
    Owned<GstPad> right(gst_element_get_static_pad(compositor.get(), "sink_1"));
    gst_pad_add_probe(right.get(), GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, place_beside, nullptr,
                      nullptr);
  }
  std::unique_ptr<ContactSheet> sheet;
  if (!run.contact_sheet.empty()) {
    Owned<GstPad> pad(gst_element_get_static_pad(running.find("encoder").get(), "sink"));
    sheet = std::make_unique<ContactSheet>(pad.get(), input.duration, run.side_by_side ? 2 : 3, 4);
  }
  try {
    running.run(run.input, input.duration, progress);
  } catch (...) {
    std::error_code ignored;
    gst_element_set_state(running.get(), GST_STATE_NULL);
    std::filesystem::remove(unfinished, ignored);
    throw;
  }
  VideoRunResult result;
  GstStructure* stats = nullptr;
  g_object_get(element.get(), "stats", &stats, nullptr);
  guint64 frames = 0;
  if (stats) gst_structure_get_uint64(stats, "frames", &frames);
  if (stats) gst_structure_free(stats);
  gst_element_set_state(running.get(), GST_STATE_NULL);
  std::filesystem::rename(unfinished, run.output);
  if (sheet) sheet->write(run.contact_sheet);
  result.seconds = double(input.duration) / GST_SECOND;
  result.frames = frames;
  result.heard = input.audio;
  return result;
}

}  // namespace lightavseg::tool
