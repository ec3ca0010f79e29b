// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/pipelines/video_reader.h"

#include <gst/app/gstappsink.h>
#include <gst/gst.h>

#include <cstring>
#include <stdexcept>

namespace lightavseg::testing {
namespace {

void add_frame(GstSample* sample, DecodedVideo* video) {
  const GstStructure* caps = gst_caps_get_structure(gst_sample_get_caps(sample), 0);
  int width = 0, height = 0;
  gst_structure_get_int(caps, "width", &width);
  gst_structure_get_int(caps, "height", &height);
  GstBuffer* buffer = gst_sample_get_buffer(sample);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_READ);
  const std::size_t stride = (std::size_t(width) * 3 + 3) / 4 * 4;
  cv::Mat frame(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y) {
    std::memcpy(frame.ptr(y), map.data + stride * std::size_t(y), std::size_t(width) * 3);
  }
  gst_buffer_unmap(buffer, &map);
  video->frames.push_back(frame);
  video->times_s.push_back(double(GST_BUFFER_PTS(buffer)) / GST_SECOND);
}

void add_audio(GstSample* sample, DecodedVideo* video) {
  GstMapInfo map;
  gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ);
  const std::size_t count = map.size / sizeof(float), before = video->audio.size();
  video->audio.resize(before + count);
  std::memcpy(video->audio.data() + before, map.data, count * sizeof(float));
  gst_buffer_unmap(gst_sample_get_buffer(sample), &map);
}

}  // namespace

DecodedVideo read_video(const std::string& path) {
  gst_init(nullptr, nullptr);
  // The sinks take everything, whatever the other one has so far.
  GstElement* pipeline = gst_parse_launch(
      "filesrc name=file ! decodebin name=d "
      "d. ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! videoconvert ! "
      "video/x-raw,format=RGB ! appsink name=video sync=false "
      "d. ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! audioconvert ! "
      "audioresample ! audio/x-raw,format=F32LE,channels=1,rate=16000 ! "
      "appsink name=audio sync=false",
      nullptr);
  if (pipeline == nullptr) throw std::runtime_error("the reader cannot be built");
  GstElement* file = gst_bin_get_by_name(GST_BIN(pipeline), "file");
  g_object_set(file, "location", path.c_str(), nullptr);
  gst_object_unref(file);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  DecodedVideo video;
  for (const char* name : {"video", "audio"}) {
    GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline), name);
    while (GstSample* sample = gst_app_sink_try_pull_sample(GST_APP_SINK(sink), 60 * GST_SECOND)) {
      name[0] == 'v' ? add_frame(sample, &video) : add_audio(sample, &video);
      gst_sample_unref(sample);
    }
    gst_object_unref(sink);
  }
  GstBus* bus = gst_element_get_bus(pipeline);
  GstMessage* message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  if (message == nullptr) return video;
  GError* error = nullptr;
  gst_message_parse_error(message, &error, nullptr);
  const std::string text = error->message;
  g_error_free(error);
  gst_message_unref(message);
  throw std::runtime_error(path + ": " + text);
}

}  // namespace lightavseg::testing
