// SPDX-License-Identifier: LGPL-2.1-or-later
// Pictures and sound from memory through lightavseg, and what each frame carries: appsrc, appsink
// and the metadata, for programs that have frames of their own.
//
// Usage: frames_in_memory [FRAMES]. The picture is a bright square on grey, the sound a tone of
// 440 Hz from the second second on. Prints a line per frame: time, area and level of the sound.
// Exit code 1: an error, which is on stderr.
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/gst.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

namespace {

constexpr int kWidth = 320, kHeight = 180, kFramesPerSecond = 25, kRate = 16000;
constexpr int kSamplesPerFrame = kRate / kFramesPerSecond;
constexpr double kPi = 3.14159265358979323846;

struct Unref {
  void operator()(void* object) const { gst_object_unref(object); }
};
template <class T>
using Owned = std::unique_ptr<T, Unref>;

// Takes a copy of the bytes and says when they begin and how long they last.
template <class T>
GstBuffer* buffer_of(const std::vector<T>& values, int frame) {
  GstBuffer* buffer = gst_buffer_new_memdup(values.data(), values.size() * sizeof(T));
  GST_BUFFER_PTS(buffer) = gst_util_uint64_scale(frame, GST_SECOND, kFramesPerSecond);
  GST_BUFFER_DURATION(buffer) = GST_SECOND / kFramesPerSecond;
  return buffer;
}

std::vector<std::uint8_t> picture(int frame) {
  std::vector<std::uint8_t> rgb(std::size_t(kWidth) * kHeight * 3, 90);
  for (int y = 60; y < 120; ++y)
    for (int x = frame % 200; x < frame % 200 + 60; ++x)
      for (int channel = 0; channel < 3; ++channel) rgb[(y * kWidth + x) * 3 + channel] = 230;
  return rgb;
}

std::vector<float> sound(int frame) {
  std::vector<float> samples(kSamplesPerFrame, 0.0F);
  if (frame < kFramesPerSecond) return samples;
  for (int i = 0; i < kSamplesPerFrame; ++i)
    samples[i] = float(0.3 * std::sin(2 * kPi * 440 * (frame * kSamplesPerFrame + i) / kRate));
  return samples;
}

void print(GstBuffer* buffer) {
  // Registered by the plugin, which is loaded by now.
  GstCustomMeta* meta = gst_buffer_get_custom_meta(buffer, "LightAVSegMask");
  if (!meta) return;
  const GstStructure* fields = gst_custom_meta_get_structure(meta);
  double area = 0, level = 0;
  gst_structure_get_double(fields, "area", &area);
  gst_structure_get_double(fields, "audio-level", &level);
  std::printf("%.2f s: area %.3f, sound %.0f dB\n", double(GST_BUFFER_PTS(buffer)) / GST_SECOND,
              area, level);
}

// Prints the first error of the pipeline, if there is one.
bool failed(GstElement* pipeline) {
  const Owned<GstBus> bus(gst_element_get_bus(pipeline));
  GstMessage* message = gst_bus_pop_filtered(bus.get(), GST_MESSAGE_ERROR);
  if (!message) return false;
  GError* error = nullptr;
  gchar* details = nullptr;
  gst_message_parse_error(message, &error, &details);
  std::fprintf(stderr, "%s\n%s\n", error->message, details ? details : "");
  g_clear_error(&error);
  g_free(details);
  gst_message_unref(message);
  return true;
}

int run(int frames) {
  // format=time: our time stamps are what joins picture and sound.
  GError* error = nullptr;
  const Owned<GstElement> pipeline(gst_parse_launch(
      "appsrc name=pictures format=time caps=video/x-raw,format=RGB,width=320,height=180,"
      "framerate=25/1 ! m.video_sink "
      "appsrc name=sound format=time caps=audio/x-raw,format=F32LE,layout=interleaved,"
      "rate=16000,channels=1 ! m.audio_sink "
      "lightavseg name=m output=metadata ! appsink name=out sync=false max-buffers=4",
      &error));
  if (error) {
    std::fprintf(stderr, "%s; is lightavseg installed, or GST_PLUGIN_PATH set?\n", error->message);
    g_clear_error(&error);
    return 1;
  }
  const auto element = [&pipeline](const char* name) {
    return Owned<GstElement>(gst_bin_get_by_name(GST_BIN(pipeline.get()), name));
  };
  const auto pictures = element("pictures"), sounds = element("sound"), out = element("out");
  gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);

  // appsrc keeps what does not fit yet. Its sound first: a frame waits for the sound until its end.
  for (int frame = 0; frame < frames; ++frame) {
    gst_app_src_push_buffer(GST_APP_SRC(sounds.get()), buffer_of(sound(frame), frame));
    gst_app_src_push_buffer(GST_APP_SRC(pictures.get()), buffer_of(picture(frame), frame));
  }
  gst_app_src_end_of_stream(GST_APP_SRC(sounds.get()));
  gst_app_src_end_of_stream(GST_APP_SRC(pictures.get()));

  // A pipeline that failed may never deliver the end of its stream: look at the bus meanwhile.
  auto* sink = GST_APP_SINK(out.get());
  bool bad = false;
  while (!bad && !gst_app_sink_is_eos(sink)) {
    if (GstSample* sample = gst_app_sink_try_pull_sample(sink, 100 * GST_MSECOND)) {
      print(gst_sample_get_buffer(sample));
      gst_sample_unref(sample);
    } else {
      bad = failed(pipeline.get());
    }
  }
  gst_element_set_state(pipeline.get(), GST_STATE_NULL);
  return bad ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  const int frames = argc > 1 ? std::atoi(argv[1]) : 50;
  if (frames < 1) {
    std::fprintf(stderr, "frames_in_memory: give a number of frames, 1 or more\n");
    return 2;
  }
  return run(frames);
}
