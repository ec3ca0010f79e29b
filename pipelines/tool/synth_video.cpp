// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/synth_video.h"

#include <fmt/format.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "gst/owned.h"
#include "pipelines/tool/unfinished_output.h"

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;
using gst::Owned;

constexpr guint64 kWaitingFrames = 8;
constexpr GstClockTime kPoll = 10 * GST_MSECOND;

struct Container {
  const char* extension;
  const char* video;
  const char* audio;
  const char* mux;
};

// One thread each, so that the pictures do not depend on the machine.
constexpr const char* kVp8 =
    "vp8enc name=encoder threads=1 deadline=1000000 cpu-used=1 keyframe-max-dist=50";
// The encoder does not name the chroma format, which the MP4 muxer wants to know.
constexpr const char* kVp9 =
    "vp9enc name=encoder threads=1 deadline=1000000 cpu-used=4 keyframe-max-dist=50 "
    "! capssetter caps=video/x-vp9,chroma-format=(string)4:2:0";
constexpr Container kContainers[] = {
    {".mkv", kVp8, "vorbisenc quality=0.5", "matroskamux"},
    {".webm", kVp8, "vorbisenc quality=0.5", "webmmux"},
    {".mp4", kVp9, "opusenc bitrate=96000", "mp4mux"},
};

const Container* container_of(const fs::path& path) {
  for (const Container& container : kContainers) {
    if (path.extension() == container.extension) return &container;
  }
  return nullptr;
}

GstPadProbeReturn count_frame(GstPad*, GstPadProbeInfo*, gpointer counter) {
  ++*static_cast<std::atomic<guint64>*>(counter);
  return GST_PAD_PROBE_OK;
}

}  // namespace

const char* const kVideoContainers = ".mkv, .webm and .mp4";

bool is_video_name(const fs::path& path) {
  return container_of(path) != nullptr;
}

struct VideoWriter::State {
  fs::path path;
  std::unique_ptr<UnfinishedOutput> output;
  VideoFormat format;
  Owned<GstElement> pipeline, video, audio;
  Owned<GstBus> bus;
  guint64 frames = 0;
  std::atomic<guint64> encoded{0};  // frames that reached the container

  // Also when the constructor of the writer fails.
  ~State() {
    if (pipeline) gst_element_set_state(pipeline.get(), GST_STATE_NULL);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw VideoError(fmt::format("{}: the video cannot be written: {}", path.string(), what));
  }

  // Looks whether an element reported an error; waits for the end of the stream if asked to.
  void check_bus(GstClockTime wait, bool until_end) const {
    const auto kinds = static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
    GstMessage* message = gst_bus_timed_pop_filtered(bus.get(), wait, kinds);
    if (message == nullptr) {
      if (until_end) fail("GStreamer does not answer");
      return;
    }
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS) {
      gst_message_unref(message);
      return;
    }
    GError* error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    const std::string text = error->message;
    g_error_free(error);
    gst_message_unref(message);
    fail(text);
  }

  void push(GstElement* source, const void* data, std::size_t bytes, GstClockTime start,
            GstClockTime duration) const {
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, bytes, nullptr);
    gst_buffer_fill(buffer, 0, data, bytes);
    GST_BUFFER_PTS(buffer) = start;
    GST_BUFFER_DURATION(buffer) = duration;
    if (gst_app_src_push_buffer(GST_APP_SRC(source), buffer) != GST_FLOW_OK) {
      check_bus(GST_SECOND, false);
      fail("the encoder takes no more");
    }
  }
};

VideoWriter::VideoWriter(const fs::path& path, const VideoFormat& format)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.path = path;
  s.format = format;
  const Container* container = container_of(path);
  if (container == nullptr) s.fail(fmt::format("its name must end in {}", kVideoContainers));
  if (format.size.width % 2 != 0 || format.size.height % 2 != 0 || format.size.area() == 0) {
    s.fail(fmt::format("{} x {} pixels; both sides must be even", format.size.width,
                       format.size.height));
  }
  GError* error = nullptr;
  if (!gst_init_check(nullptr, nullptr, &error)) {
    const std::string text = error != nullptr ? error->message : "unknown";
    g_clear_error(&error);
    s.fail("GStreamer cannot be started: " + text);
  }
  const std::string description = fmt::format(
      "appsrc name=video ! videoconvert ! video/x-raw,format=I420 ! {} ! queue name=encoded ! mux. "
      "appsrc name=audio ! audioconvert ! audioresample ! {} ! queue ! mux. "
      "{} name=mux ! filesink name=file",
      container->video, container->audio, container->mux);
  s.pipeline.reset(gst_parse_launch(description.c_str(), &error));
  if (error != nullptr || !s.pipeline) {
    const std::string text = error != nullptr ? error->message : "unknown";
    g_clear_error(&error);
    s.fail(text +
           "; install GStreamer's base and good plugins (Debian: gstreamer1.0-plugins-base, "
           "gstreamer1.0-plugins-good)");
  }
  GstBin* bin = GST_BIN(s.pipeline.get());
  s.video.reset(gst_bin_get_by_name(bin, "video"));
  s.audio.reset(gst_bin_get_by_name(bin, "audio"));
  s.bus.reset(gst_element_get_bus(s.pipeline.get()));
  const Owned<GstElement> encoder(gst_bin_get_by_name(bin, "encoder"));
  const Owned<GstElement> file(gst_bin_get_by_name(bin, "file"));
  g_object_set(encoder.get(), "target-bitrate", format.bits_per_second, nullptr);
  // An encoder may go on without an error when the muxer refuses its frames.
  const Owned<GstElement> queue(gst_bin_get_by_name(bin, "encoded"));
  const Owned<GstPad> pad(gst_element_get_static_pad(queue.get(), "src"));
  gst_pad_add_probe(pad.get(), GST_PAD_PROBE_TYPE_BUFFER, count_frame, &s.encoded, nullptr);
  try {
    s.output = std::make_unique<UnfinishedOutput>(path, UnfinishedOutput::Kind::kFile);
  } catch (const std::runtime_error& problem) {
    throw VideoError(problem.what());
  }
  g_object_set(file.get(), "location", s.output->path().c_str(), nullptr);
  GstCaps* caps =
      gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "RGB", "width", G_TYPE_INT,
                          format.size.width, "height", G_TYPE_INT, format.size.height, "framerate",
                          GST_TYPE_FRACTION, format.fps, 1, nullptr);
  g_object_set(s.video.get(), "caps", caps, "format", GST_FORMAT_TIME, "max-bytes", guint64{0},
               nullptr);
  gst_caps_unref(caps);
  caps = gst_caps_new_simple("audio/x-raw", "format", G_TYPE_STRING, "F32LE", "layout",
                             G_TYPE_STRING, "interleaved", "channels", G_TYPE_INT, 1, "rate",
                             G_TYPE_INT, format.sample_rate, nullptr);
  g_object_set(s.audio.get(), "caps", caps, "format", GST_FORMAT_TIME, "max-bytes", guint64{0},
               nullptr);
  gst_caps_unref(caps);
  if (gst_element_set_state(s.pipeline.get(), GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
    s.check_bus(GST_SECOND, false);
    s.fail("its folder may be missing or not writable");
  }
}

VideoWriter::~VideoWriter() = default;

void VideoWriter::write_audio(const std::vector<float>& samples) {
  State& s = *state_;
  const auto rate = static_cast<guint64>(s.format.sample_rate);
  const std::size_t block = static_cast<std::size_t>(rate) / 10;
  for (std::size_t i = 0; i < samples.size(); i += block) {
    const std::size_t count = std::min(block, samples.size() - i);
    const GstClockTime start = gst_util_uint64_scale(i, GST_SECOND, rate);
    const GstClockTime end = gst_util_uint64_scale(i + count, GST_SECOND, rate);
    s.push(s.audio.get(), samples.data() + i, count * sizeof(float), start, end - start);
  }
  gst_app_src_end_of_stream(GST_APP_SRC(s.audio.get()));
}

void VideoWriter::write_frame(const cv::Mat& rgb) {
  State& s = *state_;
  if (rgb.type() != CV_8UC3 || rgb.size() != s.format.size) {
    s.fail(fmt::format("picture {} has {} x {} pixels instead of {} x {}", s.frames, rgb.cols,
                       rgb.rows, s.format.size.width, s.format.size.height));
  }
  // GStreamer pads the rows of RGB pictures to multiples of four bytes.
  const std::size_t stride = (static_cast<std::size_t>(rgb.cols) * 3 + 3) / 4 * 4;
  std::vector<guint8> bytes(stride * static_cast<std::size_t>(rgb.rows));
  for (int y = 0; y < rgb.rows; ++y) {
    std::memcpy(bytes.data() + stride * static_cast<std::size_t>(y), rgb.ptr(y),
                static_cast<std::size_t>(rgb.cols) * 3);
  }
  // Waiting in appsrc itself would be for ever once an element has failed.
  while (gst_app_src_get_current_level_bytes(GST_APP_SRC(s.video.get())) >
         kWaitingFrames * bytes.size()) {
    s.check_bus(kPoll, false);
  }
  const auto fps = static_cast<guint64>(s.format.fps);
  const GstClockTime start = gst_util_uint64_scale(s.frames, GST_SECOND, fps);
  const GstClockTime end = gst_util_uint64_scale(s.frames + 1, GST_SECOND, fps);
  s.push(s.video.get(), bytes.data(), bytes.size(), start, end - start);
  ++s.frames;
}

void VideoWriter::finish() {
  State& s = *state_;
  gst_app_src_end_of_stream(GST_APP_SRC(s.video.get()));
  s.check_bus(120 * GST_SECOND, true);
  gst_element_set_state(s.pipeline.get(), GST_STATE_NULL);
  if (s.encoded != s.frames) {
    s.fail(fmt::format("{} of {} pictures reached the file", s.encoded.load(), s.frames));
  }
  try {
    s.output->finish();
  } catch (const std::runtime_error& problem) {
    throw VideoError(problem.what());
  }
}

}  // namespace lightavseg::tool
