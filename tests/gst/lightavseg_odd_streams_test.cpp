// SPDX-License-Identifier: LGPL-2.1-or-later
// Streams that are allowed but unusual, and broken ones: what other elements that combine two
// streams got wrong (GStreamer's cccombiner after 1.22 among them).
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <string>

#include "tests/gst/mask_fields.h"
#include "tests/gst/run_pipeline.h"
#include "tests/gst/source_pad.h"
#include "tests/gst/stub_test.h"

namespace lightavseg::gst::test {
namespace {

constexpr int kWidth = 64, kHeight = 48;

class OddStreams : public StubTest {};

// A pipeline with grey frames from the appsrc "v".
std::string from_app(const std::string& caps_fields, const std::string& rest) {
  return fmt::format(
      "appsrc name=v format=time caps=video/x-raw,format=GRAY8,width={},height={},{} ! "
      "queue ! l.video_sink {}",
      kWidth, kHeight, caps_fields, rest);
}

// size: of the buffer, by default that of the caps.
void push(Pipeline& p, GstClockTime pts, GstClockTime duration, gsize size = kWidth * kHeight) {
  GstBuffer* frame = gst_buffer_new_allocate(nullptr, size, nullptr);
  gst_buffer_memset(frame, 0, 255, size);
  GST_BUFFER_PTS(frame) = pts;
  GST_BUFFER_DURATION(frame) = duration;
  ASSERT_EQ(gst_app_src_push_buffer(GST_APP_SRC(p.element("v")), frame), GST_FLOW_OK);
}

void end(Pipeline& p) {
  gst_app_src_end_of_stream(GST_APP_SRC(p.element("v")));
}

// A sink that gets nothing does not arrive in PLAYING; what is before it does.
void play(Pipeline& p) {
  ASSERT_NE(p.set_state(GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
}

const std::string kElement = std::string("lightavseg name=l smoothing=0 ! ") + kRecordedOut;

TEST_F(OddStreams, FramesWithoutDurationPass) {
  for (const char* rate : {"framerate=25/1", "framerate=0/1"}) {
    Pipeline p(from_app(rate, tone(2) + kElement));
    for (unsigned i = 0; i < 10; ++i)
      push(p, i * 40 * GST_MSECOND, i == 0 ? GST_CLOCK_TIME_NONE : 40 * GST_MSECOND);
    end(p);
    ASSERT_TRUE(p.run(10000)) << p.error();
    ASSERT_EQ(p.samples().size(), 10u);
    for (unsigned i = 0; i < 10; ++i) {
      EXPECT_EQ(GST_BUFFER_PTS(p.buffer(i)), i * 40 * GST_MSECOND);
      EXPECT_EQ(GST_BUFFER_DURATION(p.buffer(i)), i == 0 ? GST_CLOCK_TIME_NONE : 40 * GST_MSECOND);
      // Without a rate the first frame has no length, and no sound before it.
      if (i > 0) {
        EXPECT_NEAR(area(p.buffer(i)), 1, 1e-6) << rate << i;
      }
    }
  }
}

TEST_F(OddStreams, VariableRateWithoutAnyDurationPasses) {
  Pipeline p(from_app("framerate=0/1", tone(2) + kElement));
  const unsigned times[] = {0, 7, 100, 101, 500, 999, 1500};
  for (const auto t : times) push(p, t * GST_MSECOND, GST_CLOCK_TIME_NONE);
  end(p);
  ASSERT_TRUE(p.run(10000)) << p.error();
  ASSERT_EQ(p.samples().size(), 7u);
  for (unsigned i = 0; i < 7; ++i) {
    EXPECT_EQ(GST_BUFFER_PTS(p.buffer(i)), times[i] * GST_MSECOND);
    EXPECT_FALSE(GST_BUFFER_DURATION_IS_VALID(p.buffer(i)));
    EXPECT_EQ(age(p.buffer(i)), 0u);
  }
}

TEST_F(OddStreams, FramesWithoutTimeStampsPassInOrder) {
  Pipeline p(from_app("framerate=25/1", tone(2) + kElement));
  for (unsigned i = 0; i < 10; ++i)
    push(p, i % 3 == 0 ? i * 40 * GST_MSECOND : GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE);
  end(p);
  ASSERT_TRUE(p.run(10000)) << p.error();
  ASSERT_EQ(p.samples().size(), 10u);
  for (unsigned i = 0; i < 10; ++i) {
    EXPECT_EQ(GST_BUFFER_PTS(p.buffer(i)), i % 3 == 0 ? i * 40 * GST_MSECOND : GST_CLOCK_TIME_NONE);
    EXPECT_NEAR(area(p.buffer(i)), 1, 1e-6) << i;
  }
}

// Also the gap, which has no place in such a segment, must do no harm.
TEST_F(OddStreams, FramesInASegmentOfBytesAreAnErrorThatSaysSo) {
  for (const char* live : {"false", "true"}) {
    Pipeline p(fmt::format("appsrc name=v format=bytes is-live={} caps=video/x-raw,format=GRAY8,"
                           "width=64,height=48,framerate=25/1 ! queue ! l.video_sink ",
                           live) +
               (*live == 't' ? kLiveAudio : tone(2)) + kElement);
    gst_element_send_event(p.element("v"), gst_event_new_gap(0, GST_SECOND));
    push(p, 0, 40 * GST_MSECOND);
    push(p, 40 * GST_MSECOND, 40 * GST_MSECOND);
    end(p);
    EXPECT_FALSE(p.run(10000));
    ASSERT_NE(p.error_object(), nullptr);
    EXPECT_TRUE(g_error_matches(p.error_object(), GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT))
        << p.error();
    EXPECT_NE(p.error().find("bytes format"), std::string::npos) << p.error();
  }
}

TEST_F(OddStreams, FramesBeforeAnyCapsAreAnErrorThatSaysSo) {
  Pipeline p("appsrc name=v format=time ! l.video_sink " + tone(2) +
             "lightavseg name=l output=matte ! " + kRecordedOut);
  push(p, 0, 40 * GST_MSECOND);
  end(p);
  EXPECT_FALSE(p.run(10000));
  ASSERT_NE(p.error_object(), nullptr);
  EXPECT_TRUE(g_error_matches(p.error_object(), GST_CORE_ERROR, GST_CORE_ERROR_NEGOTIATION))
      << p.error();
}

// Sums of such times do not fit into 64 bits.
TEST_F(OddStreams, TimesAtTheEndOfTimePass) {
  Pipeline p(from_app("framerate=25/1",
                      tone(2) + "lightavseg name=l audio-offset=5000000000 ! " + kRecordedOut));
  const GstClockTime last = GST_CLOCK_TIME_NONE - 1;
  const GstClockTime times[] = {0, G_MAXINT64 - 1, last, GST_CLOCK_TIME_NONE, 40 * GST_MSECOND};
  for (const auto t : times) push(p, t, t == 0 ? last : 40 * GST_MSECOND);
  end(p);
  ASSERT_TRUE(p.run(20000)) << p.error();
  ASSERT_EQ(p.samples().size(), 5u);
  for (unsigned i = 0; i < 5; ++i) EXPECT_EQ(GST_BUFFER_PTS(p.buffer(i)), times[i]);
}

TEST_F(OddStreams, TruncatedFrameIsAnErrorThatSaysSo) {
  for (const char* output : {"overlay", "alpha", "matte"}) {
    Pipeline p(from_app("framerate=25/1", tone(2) + fmt::format("lightavseg name=l output={} ! {}",
                                                                output, kRecordedOut)));
    push(p, 0, 40 * GST_MSECOND);
    push(p, 40 * GST_MSECOND, 40 * GST_MSECOND, kWidth * kHeight / 2);
    end(p);
    EXPECT_FALSE(p.run(10000));
    ASSERT_NE(p.error_object(), nullptr);
    EXPECT_TRUE(g_error_matches(p.error_object(), GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT))
        << output << ": " << p.error();
    EXPECT_NE(p.error().find("1536"), std::string::npos) << p.error();
  }
}

TEST_F(OddStreams, BufferListsAndGapsInTheVideoPass) {
  Pipeline p(from_app("framerate=25/1", tone(3) + kElement));
  GstBufferList* list = gst_buffer_list_new();
  for (unsigned i = 0; i < 5; ++i) {
    GstBuffer* frame = gst_buffer_new_allocate(nullptr, kWidth * kHeight, nullptr);
    gst_buffer_memset(frame, 0, 255, kWidth * kHeight);
    GST_BUFFER_PTS(frame) = i * 40 * GST_MSECOND;
    GST_BUFFER_DURATION(frame) = 40 * GST_MSECOND;
    gst_buffer_list_add(list, frame);
  }
  ASSERT_EQ(gst_app_src_push_buffer_list(GST_APP_SRC(p.element("v")), list), GST_FLOW_OK);
  ASSERT_TRUE(gst_element_send_event(p.element("v"),
                                     gst_event_new_gap(200 * GST_MSECOND, 800 * GST_MSECOND)));
  for (unsigned i = 25; i < 30; ++i) push(p, i * 40 * GST_MSECOND, 40 * GST_MSECOND);
  end(p);
  ASSERT_TRUE(p.run(10000)) << p.error();
  ASSERT_EQ(p.samples().size(), 10u);
  for (unsigned i = 0; i < 10; ++i) {
    EXPECT_EQ(GST_BUFFER_PTS(p.buffer(i)), (i < 5 ? i : i + 20) * 40 * GST_MSECOND);
    EXPECT_NEAR(area(p.buffer(i)), 1, 1e-6) << i;
  }
}

// A demuxer tells of a gap and has nowhere to put the sound of it but here: the pad has room for
// one buffer. What follows must know the segment before it hears of the gap, which may come first
// of all.
TEST_F(OddStreams, SoundGoesOnInAGapOfTheVideo) {
  Pipeline p(std::string("lightavseg name=l ! ") + kRecordedOut);
  std::vector<GstEventType> events;
  GstPad* src = gst_element_get_static_pad(p.element("l"), "src");
  gst_pad_add_probe(
      src, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
      [](GstPad*, GstPadProbeInfo* info, gpointer events) {
        static_cast<std::vector<GstEventType>*>(events)->push_back(
            GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)));
        return GST_PAD_PROBE_OK;
      },
      &events, nullptr);
  gst_object_unref(src);
  SourcePad video(p.element("l"), "video_sink"), sound(p.element("l"), "audio_sink");
  ASSERT_NE(p.set_state(GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  auto demuxer = std::async(std::launch::async, [&] {
    begin_stream(video.get(), "video",
                 "video/x-raw,format=GRAY8,width=64,height=48,framerate=25/1");
    begin_stream(sound.get(), "sound",
                 "audio/x-raw,format=S16LE,layout=interleaved,rate=48000,channels=1");
    gst_pad_push_event(video.get(), gst_event_new_gap(0, 10 * GST_SECOND));
    GstFlowReturn flow = GST_FLOW_OK;
    const auto push = [&](SourcePad& pad, gsize size, GstClockTime time, int value) {
      GstBuffer* buffer = gst_buffer_new_allocate(nullptr, size, nullptr);
      gst_buffer_memset(buffer, 0, guint8(value), size);
      GST_BUFFER_PTS(buffer) = time;
      GST_BUFFER_DURATION(buffer) = 40 * GST_MSECOND;
      flow = gst_pad_push(pad.get(), buffer);
    };
    for (guint64 i = 0; i < 252 && flow == GST_FLOW_OK; ++i)
      push(sound, 2 * 1920, i * 40 * GST_MSECOND, int(i % 2 ? 5 : 50));
    if (flow == GST_FLOW_OK) push(video, 64 * 48, 10 * GST_SECOND, 255);
    gst_pad_push_event(sound.get(), gst_event_new_eos());
    gst_pad_push_event(video.get(), gst_event_new_eos());
    return flow;
  });
  const bool in_time = demuxer.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  EXPECT_TRUE(in_time);
  if (!in_time) p.set_state(GST_STATE_READY);
  EXPECT_EQ(demuxer.get(), GST_FLOW_OK);
  ASSERT_TRUE(p.run(20000)) << p.error();
  ASSERT_EQ(p.samples().size(), 1u);
  EXPECT_NEAR(area(p.buffer(0)), 1, 1e-6);
  EXPECT_GT(audio_fill(p.buffer(0)), 0.99);
  const auto first = [&](GstEventType type) {
    return std::find(events.begin(), events.end(), type) - events.begin();
  };
  EXPECT_LT(first(GST_EVENT_SEGMENT), first(GST_EVENT_GAP));
  EXPECT_LT(first(GST_EVENT_GAP), first(GST_EVENT_EOS));
}

// An application may push the sound of a whole clip at once; eight seconds are remembered.
TEST_F(OddStreams, OneBufferMayHoldAllOfTheSound) {
  for (const char* layout : {"interleaved", "non-interleaved"}) {
    Pipeline p(red_video(300) +
               fmt::format("audiotestsrc num-buffers=1 samplesperbuffer=576000 volume=0.5 ! "
                           "audio/x-raw,format=S16LE,rate=48000,channels=2,layout={} ! queue ! "
                           "l.audio_sink ",
                           layout) +
               kElement);
    ASSERT_TRUE(p.run(60000)) << p.error();
    ASSERT_EQ(p.samples().size(), 300u);
    for (unsigned i = 1; i < 300; ++i) {
      ASSERT_GT(area(p.buffer(i)), 0.95) << layout << " frame " << i;
      if (i >= 25) {
        ASSERT_GT(audio_fill(p.buffer(i)), 0.99) << layout << " frame " << i;
      }
    }
  }
}

// Caps must change exactly between the frames that they describe, whatever waits for its mask.
TEST_F(OddStreams, CapsComeBeforeTheirFramesInLiveOperation) {
  Pipeline p("appsrc name=v format=time is-live=true do-timestamp=true ! queue ! l.video_sink " +
             std::string(kLiveAudio) + "lightavseg name=l ! appsink name=out sync=false");
  stub().delay_ms = 30;
  play(p);
  for (int i = 0; i < 20; ++i) {
    GstVideoInfo info;
    gst_video_info_set_format(&info, GST_VIDEO_FORMAT_GRAY8, guint(64 + 16 * i), 48);
    GstCaps* caps = gst_video_info_to_caps(&info);
    GstBuffer* frame = gst_buffer_new_allocate(nullptr, info.size, nullptr);
    gst_buffer_memset(frame, 0, 255, info.size);
    GstSample* sample = gst_sample_new(frame, caps, nullptr, nullptr);
    ASSERT_EQ(gst_app_src_push_sample(GST_APP_SRC(p.element("v")), sample), GST_FLOW_OK);
    gst_sample_unref(sample);
    gst_buffer_unref(frame);
    gst_caps_unref(caps);
    p.collect(20);
  }
  for (int turn = 0; turn < 1000 && p.samples().size() < 20; ++turn) p.collect(10);
  stub().delay_ms = 0;
  ASSERT_TRUE(p.error().empty()) << p.error();
  ASSERT_EQ(p.samples().size(), 20u);
  for (int i = 0; i < 20; ++i) {
    GstVideoInfo info;
    ASSERT_TRUE(gst_video_info_from_caps(&info, gst_sample_get_caps(p.samples()[std::size_t(i)])));
    EXPECT_EQ(info.width, 64 + 16 * i);
    EXPECT_EQ(gst_buffer_get_size(p.buffer(std::size_t(i))), info.size);
  }
}

// Every QOS message has the counts so far: they rise by one, and the last one is all of them.
TEST_F(OddStreams, QosMessagesCountWhatTheyTell) {
  Pipeline p(std::string(kLiveVideo) + kLiveAudio + "lightavseg name=l ! " + kLiveOut);
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING));
  p.collect(500);
  GstPad* src = gst_element_get_static_pad(p.element("l"), "src");
  gst_pad_send_event(
      src, gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 0.5, 30 * gint64(GST_SECOND), GST_SECOND));
  gst_object_unref(src);
  GstBus* bus = gst_element_get_bus(p.get());
  guint64 dropped_before = 0, processed_before = 0;
  int told = 0;
  const gint64 until = g_get_monotonic_time() + G_TIME_SPAN_SECOND;
  while (g_get_monotonic_time() < until) {
    GstMessage* message = gst_bus_timed_pop_filtered(bus, 50 * GST_MSECOND, GST_MESSAGE_QOS);
    if (!message) continue;
    GstFormat format;
    guint64 processed = 0, dropped = 0, running_time = 0, timestamp = 0;
    gst_message_parse_qos_stats(message, &format, &processed, &dropped);
    gst_message_parse_qos(message, nullptr, &running_time, nullptr, &timestamp, nullptr);
    EXPECT_EQ(format, GST_FORMAT_BUFFERS);
    EXPECT_EQ(dropped, dropped_before + 1);
    EXPECT_GE(processed, processed_before);
    EXPECT_TRUE(GST_CLOCK_TIME_IS_VALID(timestamp));
    dropped_before = dropped;
    processed_before = processed;
    ++told;
    gst_message_unref(message);
  }
  gst_object_unref(bus);
  EXPECT_GE(told, 15);
  p.set_state(GST_STATE_PAUSED);
  EXPECT_GE(counter(p.element("l"), "late"), dropped_before);
}

// ---- No busy waiting

double cpu_seconds() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return double(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         double(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

const std::string kLiveApps =
    "appsrc name=v format=time is-live=true "
    "caps=video/x-raw,format=GRAY8,width=64,height=48,framerate=25/1 ! queue ! l.video_sink "
    "appsrc name=a format=time is-live=true "
    "caps=audio/x-raw,format=S16LE,rate=16000,channels=1,layout=interleaved ! queue ! "
    "l.audio_sink lightavseg name=l ! appsink name=out sync=false";

TEST_F(OddStreams, LiveSourcesWithoutDataCostNothing) {
  Pipeline p(kLiveApps);
  play(p);
  g_usleep(200000);
  const double before = cpu_seconds();
  g_usleep(1000000);
  EXPECT_LT(cpu_seconds() - before, 0.1);
}

TEST_F(OddStreams, LiveSourcesThatStallCostNothing) {
  Pipeline p(kLiveApps);
  play(p);
  const GstClockTime now = gst_element_get_current_running_time(p.get());
  for (unsigned i = 0; i < 5; ++i) push(p, now + i * 40 * GST_MSECOND, 40 * GST_MSECOND);
  p.collect(500);
  EXPECT_EQ(p.samples().size(), 5u);
  const double before = cpu_seconds();
  g_usleep(1000000);
  EXPECT_LT(cpu_seconds() - before, 0.1);
}

TEST_F(OddStreams, FramesFromTheFutureWaitWithoutSpinning) {
  Pipeline p(kLiveApps);
  play(p);
  push(p, 30 * GST_SECOND, 40 * GST_MSECOND);
  g_usleep(200000);
  const double before = cpu_seconds();
  g_usleep(1000000);
  EXPECT_LT(cpu_seconds() - before, 0.1);
}

TEST_F(OddStreams, SoundAloneDoesNotSpin) {
  Pipeline p(std::string("appsrc name=v format=time is-live=true "
                         "caps=video/x-raw,format=GRAY8,width=64,height=48,framerate=25/1 ! "
                         "queue ! l.video_sink ") +
             kLiveAudio + "lightavseg name=l ! appsink name=out sync=false");
  play(p);
  g_usleep(200000);
  const double before = cpu_seconds();
  g_usleep(1000000);
  EXPECT_LT(cpu_seconds() - before, 0.2);
}

}  // namespace
}  // namespace lightavseg::gst::test
