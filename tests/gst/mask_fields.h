// SPDX-License-Identifier: LGPL-2.1-or-later
// Reading what lightavseg tells of its masks, and the sources that most tests of it share.
#pragma once

#include <fmt/format.h>
#include <gst/gst.h>
#include <gtest/gtest.h>

#include <string>

#include "gst/mask_meta.h"

namespace lightavseg::gst::test {

// Share of the picture that is marked, -1 without metadata.
inline double area(GstBuffer* buffer) {
  double value = -1;
  if (const auto* s = mask_meta_of(buffer)) gst_structure_get_double(s, "area", &value);
  return value;
}

// Share of the second of sound that came, -1 without metadata.
inline double audio_fill(GstBuffer* buffer) {
  double value = -1;
  if (const auto* s = mask_meta_of(buffer)) gst_structure_get_double(s, "audio-fill", &value);
  return value;
}

// ns; 12345 without metadata.
inline guint64 age(GstBuffer* buffer) {
  guint64 value = 12345;
  if (const auto* s = mask_meta_of(buffer)) gst_structure_get_uint64(s, "age", &value);
  return value;
}

// A counter of the property `stats`.
inline guint64 counter(GstElement* element, const char* name) {
  GstStructure* stats = nullptr;
  g_object_get(element, "stats", &stats, nullptr);
  guint64 value = 0;
  EXPECT_TRUE(gst_structure_get_uint64(stats, name, &value)) << name;
  gst_structure_free(stats);
  return value;
}

// What the element promises just now, ns; GST_CLOCK_TIME_NONE when it does not answer.
inline GstClockTime promised_latency(GstElement* element) {
  GstClockTime least = GST_CLOCK_TIME_NONE;
  GstQuery* query = gst_query_new_latency();
  if (gst_element_query(element, query)) gst_query_parse_latency(query, nullptr, &least, nullptr);
  gst_query_unref(query);
  return least;
}

// `frames` of red at 25 per second; more caps fields may follow the size.
inline std::string red_video(int frames, const std::string& format = "I420",
                             const std::string& size = "width=160,height=90") {
  return fmt::format(
      "videotestsrc num-buffers={} pattern=red ! video/x-raw,format={},{},framerate=25/1 ! queue ! "
      "l.video_sink ",
      frames, format, size);
}

// `seconds` of a tone in buffers of 20 ms, the first at `start` seconds.
inline std::string tone(double seconds, double start = 0) {
  return fmt::format(
      "audiotestsrc num-buffers={} samplesperbuffer=960 freq=440 volume=0.5 timestamp-offset={} ! "
      "audio/x-raw,format=S16LE,rate=48000,channels=1 ! queue ! l.audio_sink ",
      int(seconds * 50), gint64(start * 1e9));
}

constexpr const char* kRecordedOut = "appsink name=out sync=false max-buffers=4";
constexpr const char* kLiveOut = "appsink name=out sync=true max-buffers=0 qos=false";
constexpr const char* kLiveVideo =
    "videotestsrc is-live=true pattern=red ! "
    "video/x-raw,format=I420,width=160,height=90,framerate=30/1 ! queue ! l.video_sink ";
constexpr const char* kLiveAudio =
    "audiotestsrc is-live=true samplesperbuffer=480 ! audio/x-raw,rate=48000,channels=1 ! queue ! "
    "l.audio_sink ";

}  // namespace lightavseg::gst::test
