// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/video_run.h"

#include <fmt/format.h>
#include <gst/gst.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "gst/owned.h"
#include "pipelines/tool/alpha_webm.h"
#include "pipelines/tool/contact_sheet.h"
#include "pipelines/tool/frame_lines.h"
#include "pipelines/tool/media_pipeline.h"
#include "pipelines/tool/run_description.h"
#include "pipelines/tool/unfinished_output.h"
#include "pipelines/tool/usage_error.h"

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;
using gst::Owned;
using Kind = ResultFormat::Kind;

// Frames that went by a pad.
struct Counter {
  std::atomic<guint64> frames{0};
  std::atomic<GstClockTime> end{0};  // of the last one, ns

  void watch(const Owned<GstPad>& pad) {
    gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_BUFFER, on_buffer, this, nullptr);
  }
  static GstPadProbeReturn on_buffer(GstPad*, GstPadProbeInfo* info, gpointer self) {
    auto* counter = static_cast<Counter*>(self);
    GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    // Headers of encoders have no time.
    if (!GST_BUFFER_PTS_IS_VALID(buffer)) return GST_PAD_PROBE_OK;
    ++counter->frames;
    const GstClockTime length =
        GST_BUFFER_DURATION_IS_VALID(buffer) ? GST_BUFFER_DURATION(buffer) : 0;
    counter->end = std::max(counter->end.load(), GST_BUFFER_PTS(buffer) + length);
    return GST_PAD_PROBE_OK;
  }
};

void set_property(GstElement* element, const std::string& assignment) {
  const auto equals = assignment.find('=');
  const std::string name = assignment.substr(0, equals);
  if (name == "output")
    throw UsageError("--set output=...: use --output, which decides the file too");
  if (equals == std::string::npos ||
      !g_object_class_find_property(G_OBJECT_GET_CLASS(element), name.c_str()))
    throw std::runtime_error(fmt::format(
        "--set {}: give NAME=VALUE with a property of lightavseg; gst-inspect-1.0 lightavseg lists "
        "them",
        assignment));
  gst_util_set_object_arg(G_OBJECT(element), name.c_str(), assignment.substr(equals + 1).c_str());
}

// Pictures get the size that they have after turning, which is known when their caps are.
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

GstPadProbeReturn make_even(GstPad* pad, GstPadProbeInfo* info, gpointer) {
  GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
  if (GST_EVENT_TYPE(event) != GST_EVENT_CAPS) return GST_PAD_PROBE_OK;
  GstCaps* caps;
  gint width = 0, height = 0;
  gst_event_parse_caps(event, &caps);
  const GstStructure* s = gst_caps_get_structure(caps, 0);
  gst_structure_get_int(s, "width", &width);
  gst_structure_get_int(s, "height", &height);
  Owned<GstElement> crop(gst_pad_get_parent_element(pad));
  g_object_set(crop.get(), "right", width % 2, "bottom", height % 2, nullptr);
  return GST_PAD_PROBE_OK;
}

void on_caps(const Owned<GstPad>& pad, GstPadProbeCallback callback) {
  gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, callback, nullptr, nullptr);
}

void check(const VideoRun& run, const ResultFormat& format, const MediaInfo& media) {
  const bool overlaid = format.content == Content::kOverlay || format.content == Content::kMatte;
  if (run.side_by_side && (!overlaid || format.kind != Kind::kVideo))
    throw UsageError("--side-by-side goes with --output overlay or matte into a video file");
  const auto tracks = media.audio.size();
  if (run.audio_track != 1 && static_cast<std::size_t>(run.audio_track) > tracks)
    throw UsageError(
        fmt::format("--audio-track {}: {} has {} of them", run.audio_track, run.input, tracks));
}

void connect(MediaPipeline& pipeline, const MediaInfo& media) {
  pipeline.connect(media.video_stream, "video");
  for (std::size_t i = 0; i < media.audio.size(); ++i) {
    const std::string queue = fmt::format("audio{}", i);
    if (pipeline.find(queue)) pipeline.connect(media.audio[i].stream, queue);
  }
}

void note_what_is_odd(const VideoRun& run, const MediaInfo& media, const std::string& problem,
                      GstClockTime end, VideoRunResult& result) {
  if (media.audio.empty()) result.notes.push_back("there is no sound in it, so nothing is marked");
  if (media.audio.size() > 1)
    result.notes.push_back(fmt::format("of {} tracks of sound the network heard number {}",
                                       media.audio.size(), run.audio_track));
  if (!problem.empty())
    result.notes.push_back(
        fmt::format("the file is broken after {:.1f} s, where the result ends: {}",
                    double(end) / GST_SECOND, problem));
  else if (media.duration > end + 2 * GST_SECOND && media.duration > end + end / 10)
    result.notes.push_back(fmt::format("the pictures end at {:.1f} s, the file says {:.1f} s",
                                       double(end) / GST_SECOND,
                                       double(media.duration) / GST_SECOND));
}

void set_sink(const MediaPipeline& pipeline, const ResultFormat& format, const fs::path& path,
              const AlphaWebm* webm) {
  const auto out = pipeline.find("out");
  if (format.kind == Kind::kPictures)
    g_object_set(out.get(), "location", (path / format.picture_name).c_str(), nullptr);
  if (format.kind == Kind::kVideo && webm)
    g_object_set(out.get(), "fd", webm->descriptor(), nullptr);
  if (format.kind == Kind::kVideo && !webm)
    g_object_set(out.get(), "location", path.c_str(), nullptr);
}

}  // namespace

VideoRunResult run_video(const VideoRun& run, const RunProgress& progress) {
  const ResultFormat format = result_format(run.output, run.content);
  const MediaInfo media = look_at(run.input);
  check(run, format, media);
  const RunDescription description = describe_run(run, format, media);
  UnfinishedOutput output(format.path, format.kind == Kind::kPictures
                                           ? UnfinishedOutput::Kind::kFolder
                                           : UnfinishedOutput::Kind::kFile);
  // These are used by the threads of the pipeline, so they are made before it and go after it.
  Counter made, written;
  std::unique_ptr<AlphaWebm> webm;
  std::unique_ptr<FrameLines> lines;
  std::unique_ptr<ContactSheet> sheet;
  MediaPipeline pipeline(description.text);
  const auto element = pipeline.find("l");
  g_object_set(element.get(), "model", run.model.c_str(), "threads", guint(run.threads), nullptr);
  for (const auto& p : run.properties) set_property(element.get(), p);
  g_object_set(pipeline.find("in").get(), "location", run.input.c_str(), nullptr);
  connect(pipeline, media);
  made.watch(pipeline.pad("l", "src"));
  written.watch(pipeline.pad("written", "src"));
  if (run.side_by_side) on_caps(pipeline.pad("compositor", "sink_1"), place_beside);
  if (pipeline.find("even")) on_caps(pipeline.pad("even", "sink"), make_even);
  if (format.kind == Kind::kLines)
    lines = std::make_unique<FrameLines>(pipeline.pad("l", "src").get(), output.path());
  if (!run.contact_sheet.empty()) {
    const auto pad =
        format.kind == Kind::kLines ? pipeline.pad("l", "src") : pipeline.pad("encoder", "sink");
    sheet = std::make_unique<ContactSheet>(pad.get(), media.duration, run.side_by_side ? 2 : 3, 4);
  }
  if (format.by_ffmpeg) webm = std::make_unique<AlphaWebm>(output.path());
  set_sink(pipeline, format, output.path(), webm.get());

  MediaPipeline::End end;
  try {
    end = pipeline.run(run.input, run.output, [&] {
      const double share =
          media.duration > 0 ? double(made.end.load()) / double(media.duration) : -1;
      if (progress) progress(share, made.frames);
      return guint64(made.frames);
    });
  } catch (const std::runtime_error& error) {
    pipeline.stop();
    const std::string complaint = webm ? webm->complaint() : "";
    if (complaint.empty()) throw;
    throw std::runtime_error(fmt::format("{}; ffmpeg says: {}", error.what(), complaint));
  }
  pipeline.stop();
  // An encoder may go on without an error when the muxer refuses its frames.
  if (made.frames != written.frames || made.frames == 0)
    throw std::runtime_error(fmt::format("{}: {} of {} frames reached the result", run.input,
                                         written.frames.load(), made.frames.load()));
  if (webm) webm->finish();
  if (lines) lines->finish();
  if (sheet) sheet->write(run.contact_sheet);
  output.finish();
  VideoRunResult result;
  result.notes = description.notes;
  note_what_is_odd(run, media, end.problem, made.end, result);
  result.seconds = double(made.end.load()) / GST_SECOND;
  result.frames = made.frames;
  result.heard = !media.audio.empty();
  return result;
}

}  // namespace lightavseg::tool
