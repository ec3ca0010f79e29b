// SPDX-License-Identifier: LGPL-2.1-or-later
// What Stream tells: messages on the bus, the latency, the counters.
#include <algorithm>

#include "gst/debug.h"
#include "gst/stream.h"

namespace lightavseg::gst {
namespace {

// A stream that starts without sound is told of after this long, since in live operation the first
// samples may come later than the first frames.
constexpr gint64 kPatience = 2 * gint64(GST_SECOND);

}  // namespace

void Stream::change_model(const Settings& settings) {
  worker_.change_model(settings.model, settings.labels);
}

void Stream::model_changed(std::shared_ptr<const ModelDescription> model) {
  audio_->set_front_end(model->front_end);
  GST_INFO_OBJECT(element_, "model %s runs", model->path.c_str());
  gst_element_post_message(
      gst_element(),
      gst_message_new_element(
          GST_OBJECT_CAST(element_),
          gst_structure_new("lightavseg-model-changed", "path", G_TYPE_STRING, model->path.c_str(),
                            "name", G_TYPE_STRING, model->name.c_str(), nullptr)));
}

void Stream::model_failed(const std::string& path, const std::string& problem) {
  GST_WARNING_OBJECT(element_, "model %s: %s", path.c_str(), problem.c_str());
  gst_element_post_message(
      gst_element(),
      gst_message_new_element(
          GST_OBJECT_CAST(element_),
          gst_structure_new("lightavseg-model-failed", "path", G_TYPE_STRING, path.c_str(),
                            "problem", G_TYPE_STRING, problem.c_str(), nullptr)));
}

void Stream::unknown_class(const std::string& name, const ModelDescription& model) {
  std::string known;
  for (const auto& n : model.class_names) known += (known.empty() ? "" : ", ") + n;
  if (known.empty()) known = "none";
  GST_ELEMENT_WARNING(element_, LIBRARY, SETTINGS, ("The model knows no class '%s'.", name.c_str()),
                      ("property classes; %s names: %s", model.path.c_str(), known.c_str()));
}

void Stream::report_latency(const Settings& settings) {
  const GstClockTime ahead = GstClockTime(std::max<gint64>(settings.audio_offset, 0));
  // Beyond a fifth of a second a picture that waits is worse than a mask that is late.
  const GstClockTime mask = std::min<GstClockTime>(worker_.latency(), 200 * GST_MSECOND);
  GstClockTime latency;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ahead_ = ahead;
    latency = mask + render_time_.promise() + ahead;
    if (latency == latency_) return;
    latency_ = latency;
  }
  GST_DEBUG_OBJECT(element_, "latency %" GST_TIME_FORMAT, GST_TIME_ARGS(latency));
  // Posts a LATENCY message.
  gst_aggregator_set_latency(element_, latency, latency);
}

void Stream::report_audio(AudioState state, gint64 running_time) {
  const bool heard = state == AudioState::kPlaying || state == AudioState::kPartial;
  if (heard) {
    audio_missing_since_ = -1;
  } else {
    if (audio_missing_since_ < 0) audio_missing_since_ = running_time;
    if (state == AudioState::kNone && running_time - audio_missing_since_ < kPatience) return;
  }
  if (state == told_audio_) return;
  const auto before = told_audio_;
  told_audio_ = state;
  gst_element_post_message(
      gst_element(),
      gst_message_new_element(
          GST_OBJECT_CAST(element_),
          gst_structure_new("lightavseg-audio", "state", G_TYPE_STRING, to_string(state), "before",
                            G_TYPE_STRING, to_string(before), "running-time", G_TYPE_INT64,
                            running_time, nullptr)));
  if (!heard)
    GST_ELEMENT_WARNING(
        element_, STREAM, FAILED, ("There is no sound, so nothing is marked."),
        ("at running time %" GST_STIME_FORMAT
         "; link audio to audio_sink, or name a lightavsegaudio element in audio-probe",
         GST_STIME_ARGS(running_time)));
}

void Stream::set_earliest(GstClockTime earliest, double proportion) {
  std::lock_guard<std::mutex> lock(mutex_);
  earliest_ = earliest;
  proportion_ = proportion;
}

void Stream::report_late(const Frame& frame) {
  guint64 frames, skipped;
  double proportion;
  gint64 jitter;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ++skipped_;
    frames = frames_out_;
    skipped = skipped_;
    proportion = proportion_;
    jitter = gint64(earliest_) - frame.start;
  }
  GST_DEBUG_OBJECT(element_, "frame %" GST_STIME_FORMAT " is late, no mask of its own",
                   GST_STIME_ARGS(frame.start));
  auto* message = gst_message_new_qos(
      GST_OBJECT_CAST(element_), FALSE, guint64(std::max<gint64>(frame.start, 0)),
      GST_CLOCK_TIME_NONE, GST_BUFFER_PTS(frame.buffer.get()), frame.duration);
  gst_message_set_qos_values(message, jitter, proportion, 1000000);
  gst_message_set_qos_stats(message, GST_FORMAT_BUFFERS, frames, skipped);
  gst_element_post_message(gst_element(), message);
}

GstStructure* Stream::stats() const {
  const auto w = worker_.stats();
  std::lock_guard<std::mutex> lock(mutex_);
  return gst_structure_new(
      "lightavseg-stats", "frames", G_TYPE_UINT64, frames_out_, "inferences", G_TYPE_UINT64,
      w.inferences, "silent", G_TYPE_UINT64, w.silent, "reused", G_TYPE_UINT64, reused_, "skipped",
      G_TYPE_UINT64, guint64(w.superseded + skipped_), "late", G_TYPE_UINT64, skipped_,
      "mask-mean-ms", G_TYPE_DOUBLE, w.mean_ms, "mask-p95-ms", G_TYPE_DOUBLE, w.p95_ms,
      "render-mean-ms", G_TYPE_DOUBLE, double(render_time_.mean()) / GST_MSECOND, "render-p95-ms",
      G_TYPE_DOUBLE, double(render_time_.percentile95()) / GST_MSECOND, "latency", G_TYPE_UINT64,
      latency_, "audio-level", G_TYPE_DOUBLE, audio_level_db_, "audio-fill", G_TYPE_DOUBLE,
      audio_fill_, nullptr);
}

}  // namespace lightavseg::gst
