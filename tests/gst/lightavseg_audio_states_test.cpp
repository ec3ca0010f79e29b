// SPDX-License-Identifier: LGPL-2.1-or-later
// What sound may do to lightavseg: come late, pause, jump, stall, arrive in lumps.
#include <glib/gstdio.h>
#include <gst/app/gstappsrc.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "tests/gst/mask_fields.h"
#include "tests/gst/run_pipeline.h"
#include "tests/gst/stub_test.h"

namespace lightavseg::gst::test {
namespace {

constexpr const char* kAppAudio =
    "appsrc name=a format=time caps=audio/x-raw,format=S16LE,rate=16000,channels=1,"
    "layout=interleaved ! queue max-size-time=0 max-size-bytes=0 max-size-buffers=0 ! "
    "l.audio_sink ";

class AudioStates : public StubTest {};

// A tone of 16 kHz in a buffer that starts at `start`.
GstBuffer* tone_buffer(GstClockTime start, GstClockTime duration) {
  const auto samples = gst_util_uint64_scale(duration, 16000, GST_SECOND);
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, samples * 2, nullptr);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_WRITE);
  for (std::size_t i = 0; i < samples; ++i)
    reinterpret_cast<gint16*>(map.data)[i] = gint16(8000 * std::sin(0.17 * double(i)));
  gst_buffer_unmap(buffer, &map);
  GST_BUFFER_PTS(buffer) = start;
  GST_BUFFER_DURATION(buffer) = duration;
  return buffer;
}

// Tone from `from` to `until` (ms) in buffers of 20 ms; the first has `flags`.
void push_tone(GstElement* source, int from, int until, guint flags = 0) {
  for (int t = from; t < until; t += 20) {
    GstBuffer* buffer = tone_buffer(GstClockTime(t) * GST_MSECOND, 20 * GST_MSECOND);
    if (t == from) GST_BUFFER_FLAG_SET(buffer, flags);
    ASSERT_EQ(gst_app_src_push_buffer(GST_APP_SRC(source), buffer), GST_FLOW_OK);
  }
}

// Whether a frame of 40 ms whose second of sound ends at its own end hears [from, until) ms.
bool hears(std::size_t frame, int from, int until) {
  const int end = int(frame + 1) * 40;
  return end > from && end - 1000 < until;
}

// As above, but too close to tell.
bool at_the_edge(std::size_t frame, int from, int until) {
  const int end = int(frame + 1) * 40;
  return std::abs(end - from) <= 20 || std::abs(end - 1000 - until) <= 20;
}

bool told(const Pipeline& p, const std::string& state) {
  return std::any_of(p.messages().begin(), p.messages().end(), [&](const std::string& m) {
    return m.rfind("lightavseg-audio,", 0) == 0 &&
           m.find("state=(string)" + state) != std::string::npos;
  });
}

TEST_F(AudioStates, LateSoundMarksFromItsFirstSample) {
  Pipeline p(red_video(100) + tone(2, 2) + "lightavseg name=l smoothing=0 ! " + kRecordedOut);
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) {
    if (at_the_edge(i, 2000, 4000)) continue;
    EXPECT_NEAR(area(p.buffer(i)), i >= 50, 1e-6) << i;
  }
  EXPECT_TRUE(told(p, "playing"));
}

TEST_F(AudioStates, PlanarSoundIsHeardAsInterleavedSoundIs) {
  // As FFmpeg's AAC decoder gives it: without it, an MP4 file would not play at all.
  Pipeline p(red_video(50) +
             "audiotestsrc wave=white-noise num-buffers=100 samplesperbuffer=882 ! "
             "audio/x-raw,format=F32LE,rate=44100,channels=2,layout=non-interleaved ! queue ! "
             "lightavsegaudio ! l.audio_sink lightavseg name=l smoothing=0 ! " +
             kRecordedOut);
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 50u);
  for (std::size_t i = 1; i < 50; ++i) {
    EXPECT_NEAR(area(p.buffer(i)), 1, 1e-6) << i;
    EXPECT_NEAR(audio_fill(p.buffer(i)), std::min(1.0, double(i + 1) * 0.04), 0.02) << i;
  }
}

TEST_F(AudioStates, GapEventsAreSilenceThatCame) {
  Pipeline p(red_video(100) + kAppAudio + "lightavseg name=l smoothing=0 ! " + kRecordedOut);
  GstElement* source = p.element("a");
  push_tone(source, 0, 1000);
  for (int t = 1000; t < 3000; t += 500)
    ASSERT_TRUE(gst_element_send_event(
        source, gst_event_new_gap(GstClockTime(t) * GST_MSECOND, 500 * GST_MSECOND)));
  push_tone(source, 3000, 4020);
  gst_app_src_end_of_stream(GST_APP_SRC(source));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) {
    if (at_the_edge(i, 0, 1000) || at_the_edge(i, 3000, 5000)) continue;
    EXPECT_NEAR(area(p.buffer(i)), hears(i, 0, 1000) || hears(i, 3000, 5000), 1e-6) << i;
    EXPECT_NEAR(audio_fill(p.buffer(i)), std::min(1.0, double(i + 1) * 0.04), 0.02) << i;
  }
  EXPECT_FALSE(told(p, "missing"));
}

TEST_F(AudioStates, GapBuffersAreSilenceWhateverTheyHold) {
  Pipeline p(red_video(100) + kAppAudio + "lightavseg name=l smoothing=0 ! " + kRecordedOut);
  GstElement* source = p.element("a");
  push_tone(source, 0, 1000);
  for (int t = 1000; t < 3000; t += 20) push_tone(source, t, t + 20, GST_BUFFER_FLAG_GAP);
  push_tone(source, 3000, 4020);
  gst_app_src_end_of_stream(GST_APP_SRC(source));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) {
    if (at_the_edge(i, 0, 1000) || at_the_edge(i, 3000, 5000)) continue;
    EXPECT_NEAR(area(p.buffer(i)), hears(i, 0, 1000) || hears(i, 3000, 5000), 1e-6) << i;
  }
}

TEST_F(AudioStates, DiscontinuitiesLeaveAHole) {
  Pipeline p(red_video(100) + kAppAudio + "lightavseg name=l smoothing=0 ! " + kRecordedOut);
  GstElement* source = p.element("a");
  push_tone(source, 0, 1000);
  push_tone(source, 2500, 4020, GST_BUFFER_FLAG_DISCONT);
  gst_app_src_end_of_stream(GST_APP_SRC(source));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) {
    if (at_the_edge(i, 0, 1000) || at_the_edge(i, 2500, 5000)) continue;
    EXPECT_NEAR(area(p.buffer(i)), hears(i, 0, 1000) || hears(i, 2500, 5000), 1e-6) << i;
  }
  EXPECT_NEAR(audio_fill(p.buffer(55)), 0, 1e-6);
  EXPECT_NEAR(audio_fill(p.buffer(74)), 0.5, 0.02);
  EXPECT_TRUE(told(p, "missing"));
}

// ---- audio-offset

class Offsets : public testing::TestWithParam<int> {};

TEST_P(Offsets, ShiftTheSecondOfSound) {
  use_stubs();
  stub().delay_ms = 0;
  const int offset = GetParam();  // ms
  Pipeline p(red_video(100) + tone(1, 1) +
             fmt::format("lightavseg name=l smoothing=0 audio-offset={} ! ",
                         gint64(offset) * gint64(GST_MSECOND)) +
             kRecordedOut);
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) {
    if (at_the_edge(i, 1000 - offset, 2000 - offset)) continue;
    EXPECT_NEAR(area(p.buffer(i)), hears(i, 1000 - offset, 2000 - offset), 1e-6) << i;
    EXPECT_EQ(age(p.buffer(i)), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Offsets, testing::Values(-700, 0, 700, 3000));

// ---- Stalls

struct Valve {
  std::atomic<bool> closed{false};
};

GstPadProbeReturn drop_when_closed(GstPad*, GstPadProbeInfo*, gpointer user) {
  return static_cast<Valve*>(user)->closed ? GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
}

TEST_F(AudioStates, SoundThatStallsInALiveStreamComesBack) {
  Valve valve;
  Pipeline p(std::string(kLiveVideo) + kLiveAudio + "lightavseg name=l smoothing=0 ! " + kLiveOut);
  GstPad* pad = gst_element_get_static_pad(p.element("l"), "audio_sink");
  GstPad* peer = gst_pad_get_peer(pad);
  gst_pad_add_probe(peer, GST_PAD_PROBE_TYPE_BUFFER, drop_when_closed, &valve, nullptr);
  gst_object_unref(peer);
  gst_object_unref(pad);
  const auto last_area = [&] { return area(p.buffer(p.samples().size() - 1)); };
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING));
  p.collect(700);
  ASSERT_GE(p.samples().size(), 10u);
  EXPECT_GT(last_area(), 0.9);
  valve.closed = true;
  p.forget_samples();
  p.collect(1700);
  EXPECT_GE(p.samples().size(), 40u);
  EXPECT_EQ(last_area(), 0);
  EXPECT_TRUE(told(p, "missing"));
  valve.closed = false;
  p.forget_samples();
  p.collect(1400);
  EXPECT_GE(p.samples().size(), 30u);
  EXPECT_GT(last_area(), 0.9);
  EXPECT_NEAR(audio_fill(p.buffer(p.samples().size() - 1)), 1, 0.15);
  EXPECT_TRUE(p.error().empty()) << p.error();
}

// ---- A demuxer

TEST_F(AudioStates, SecondsOfSoundFromADemuxerDoNotBlock) {
  gchar* folder = g_dir_make_tmp("lightavseg-demux-XXXXXX", nullptr);
  const std::string path = std::string(folder) + "/lumps.mkv";
  {
    Pipeline write(fmt::format(
        "videotestsrc num-buffers=100 pattern=red ! "
        "video/x-raw,format=I420,width=160,height=90,framerate=25/1 ! jpegenc ! queue ! mux. "
        "audiotestsrc num-buffers=4 samplesperbuffer=48000 ! audio/x-raw,rate=48000,channels=1 ! "
        "flacenc blocksize=48000 streamable-subset=false ! queue ! mux. "
        "matroskamux name=mux ! filesink location={}",
        path));
    ASSERT_TRUE(write.run()) << write.error();
  }
  const std::string queue = "queue max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0";
  Pipeline p(
      fmt::format("filesrc location={} ! matroskademux name=d "
                  "d. ! image/jpeg ! {} ! jpegdec ! l.video_sink "
                  "d. ! audio/x-flac ! {} ! flacparse ! flacdec ! l.audio_sink "
                  "lightavseg name=l smoothing=0 ! {}",
                  path, queue, queue, kRecordedOut));
  ASSERT_TRUE(p.run(20000)) << p.error();
  ASSERT_EQ(p.samples().size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_GT(area(p.buffer(i)), 0.95) << i;
    EXPECT_EQ(age(p.buffer(i)), 0u);
  }
  EXPECT_NEAR(audio_fill(p.buffer(60)), 1, 1e-3);
  g_unlink(path.c_str());
  g_rmdir(folder);
  g_free(folder);
}

}  // namespace
}  // namespace lightavseg::gst::test
