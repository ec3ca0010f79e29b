// SPDX-License-Identifier: LGPL-2.1-or-later
// Seeks, flushes, state changes, events and queries that go through lightavseg.
#include <glib/gstdio.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "tests/gst/mask_fields.h"
#include "tests/gst/run_pipeline.h"
#include "tests/gst/source_pad.h"
#include "tests/gst/stub_test.h"

namespace lightavseg::gst::test {
namespace {

class Events : public StubTest {};

// 4 s of red with a tone from `from` to `until` seconds, in a file.
class Clip {
 public:
  Clip(int from, int until) {
    gchar* made = g_dir_make_tmp("lightavseg-events-XXXXXX", nullptr);
    folder_ = made;
    g_free(made);
    Pipeline write(fmt::format(
        "videotestsrc num-buffers=100 pattern=red ! "
        "video/x-raw,format=I420,width=160,height=90,framerate=25/1 ! jpegenc ! queue ! mux. "
        "audiotestsrc num-buffers={} samplesperbuffer=960 timestamp-offset={} ! "
        "audio/x-raw,format=S16LE,rate=48000,channels=1 ! flacenc ! queue ! mux. "
        "matroskamux name=mux ! filesink location={}",
        (until - from) * 50, from * GST_SECOND, path()));
    EXPECT_TRUE(write.run()) << write.error();
  }
  ~Clip() {
    g_unlink(path().c_str());
    g_rmdir(folder_.c_str());
  }
  std::string path() const { return folder_ + "/clip.mkv"; }
  std::string through_element() const {
    constexpr const char* queue =
        "queue max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0";
    return fmt::format(
        "filesrc location={} ! matroskademux name=d "
        "d. ! image/jpeg ! {} ! jpegdec ! l.video_sink "
        "d. ! audio/x-flac ! {} ! flacparse ! flacdec ! l.audio_sink "
        "lightavseg name=l smoothing=0 ! {}",
        path(), queue, queue, kRecordedOut);
  }

 private:
  std::string folder_;
};

bool seek(Pipeline& p, double rate, int flags, gint64 start, gint64 stop = -1) {
  return gst_element_seek(p.get(), rate, GST_FORMAT_TIME, GstSeekFlags(flags), GST_SEEK_TYPE_SET,
                          start, stop < 0 ? GST_SEEK_TYPE_NONE : GST_SEEK_TYPE_SET, stop);
}

// ---- Seeks

TEST_F(Events, FlushingSeeksStartWhereTheyShould) {
  const Clip clip(0, 4);
  for (const int flags : {int(GST_SEEK_FLAG_ACCURATE), int(GST_SEEK_FLAG_KEY_UNIT), 0}) {
    Pipeline p(clip.through_element());
    ASSERT_TRUE(p.reach(GST_STATE_PAUSED)) << p.error();
    ASSERT_TRUE(seek(p, 1, GST_SEEK_FLAG_FLUSH | flags, 2 * gint64(GST_SECOND)));
    ASSERT_TRUE(p.run(20000)) << p.error();
    ASSERT_GE(p.samples().size(), 50u);
    const auto start = GST_BUFFER_PTS(p.buffer(0));
    EXPECT_EQ(start, (100 - p.samples().size()) * 40 * GST_MSECOND);
    if (flags & GST_SEEK_FLAG_ACCURATE) {
      EXPECT_EQ(start, 2 * GST_SECOND);
    }
    for (std::size_t i = 0; i < p.samples().size(); ++i) {
      EXPECT_EQ(GST_BUFFER_PTS(p.buffer(i)), start + i * 40 * GST_MSECOND);
      // After a seek to somewhere near, the first block of sound may start after the first frame.
      if (i >= 3 || flags & GST_SEEK_FLAG_ACCURATE) {
        EXPECT_GT(area(p.buffer(i)), 0.95) << i;
      }
      EXPECT_EQ(age(p.buffer(i)), 0u);
    }
  }
}

TEST_F(Events, SeekWithoutFlushGoesOnWithTheNewPart) {
  const Clip clip(0, 4);
  Pipeline p(clip.through_element());
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED));
  // What was read waits in the queues, which must empty before the seek can begin. Sent to the pad,
  // since gst_element_seek() would hold the pipeline's state lock for all that time: going to
  // PLAYING, and telling the latency, would wait for the seek that waits for them.
  GstPad* src = gst_element_get_static_pad(p.element("l"), "src");
  std::thread seeker([&] {
    EXPECT_TRUE(gst_pad_send_event(
        src, gst_event_new_seek(1, GST_FORMAT_TIME, GST_SEEK_FLAG_ACCURATE, GST_SEEK_TYPE_SET,
                                3 * gint64(GST_SECOND), GST_SEEK_TYPE_NONE, -1)));
  });
  // The queues take 3 s of the clip, so that the demuxer cannot have come to its end. It pauses its
  // task first of all, and then waits for that to stop.
  GstPad* task = gst_element_get_static_pad(p.element("d"), "sink");
  for (int i = 0; i < 10000 && gst_pad_get_task_state(task) == GST_TASK_STARTED; ++i)
    g_usleep(1000);
  EXPECT_EQ(gst_pad_get_task_state(task), GST_TASK_PAUSED);
  gst_object_unref(task);
  const bool ended = p.run(60000);
  seeker.join();
  gst_object_unref(src);
  ASSERT_TRUE(ended) << p.error();
  int jumps = 0;
  for (std::size_t i = 0; i < p.samples().size(); ++i) {
    EXPECT_GT(area(p.buffer(i)), 0.95) << i;
    EXPECT_EQ(age(p.buffer(i)), 0u) << i;
    if (i == 0) continue;
    const auto pts = GST_BUFFER_PTS(p.buffer(i));
    if (pts == GST_BUFFER_PTS(p.buffer(i - 1)) + 40 * GST_MSECOND) continue;
    ++jumps;
    EXPECT_EQ(pts, 3 * GST_SECOND);
  }
  EXPECT_EQ(jumps, 1);
  EXPECT_EQ(GST_BUFFER_PTS(p.buffer(p.samples().size() - 1)), 3960 * GST_MSECOND);
}

TEST_F(Events, SegmentSeeksEndWithOneMessageAndLoop) {
  const Clip clip(0, 4);
  Pipeline p(clip.through_element());
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED));
  // Behind the last frame; the demuxer's message comes when frames are still on their way.
  std::atomic<int> ends{0};
  GstPad* sink = gst_element_get_static_pad(p.element("out"), "sink");
  gst_pad_add_probe(
      sink, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
      [](GstPad*, GstPadProbeInfo* info, gpointer count) {
        if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_SEGMENT_DONE)
          ++*static_cast<std::atomic<int>*>(count);
        return GST_PAD_PROBE_OK;
      },
      &ends, nullptr);
  gst_object_unref(sink);
  GstBus* bus = gst_element_get_bus(p.get());
  const auto next_message = [&] {
    return gst_bus_pop_filtered(
        bus, GstMessageType(GST_MESSAGE_SEGMENT_DONE | GST_MESSAGE_ERROR | GST_MESSAGE_EOS));
  };
  for (int loop = 0; loop < 3; ++loop) {
    // The first with a flush, the loops without, as players do it.
    ASSERT_TRUE(seek(p, 1, GST_SEEK_FLAG_SEGMENT | (loop == 0 ? GST_SEEK_FLAG_FLUSH : 0),
                     gint64(GST_SECOND), 2 * gint64(GST_SECOND)));
    ASSERT_NE(p.set_state(GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
    std::vector<GstClockTime> times;
    const auto pull = [&](GstClockTime patience) {
      GstSample* sample = nullptr;
      g_signal_emit_by_name(p.element("out"), "try-pull-sample", guint64(patience), &sample);
      if (!sample) return false;
      times.push_back(GST_BUFFER_PTS(gst_sample_get_buffer(sample)));
      EXPECT_GT(area(gst_sample_get_buffer(sample)), 0.95);
      gst_sample_unref(sample);
      return true;
    };
    for (int i = 0; i < 2000 && ends <= loop; ++i) pull(10 * GST_MSECOND);
    while (pull(0)) {
    }
    EXPECT_EQ(ends, loop + 1);
    ASSERT_EQ(times.size(), 25u) << "loop " << loop;
    for (unsigned i = 0; i < 25; ++i)
      EXPECT_EQ(times[i], GST_SECOND + i * 40 * GST_MSECOND) << "loop " << loop;
    GstMessage* message = nullptr;
    for (int i = 0; i < 2000 && !(message = next_message()); ++i) g_usleep(10000);
    ASSERT_NE(message, nullptr) << "loop " << loop;
    EXPECT_EQ(GST_MESSAGE_TYPE(message), GST_MESSAGE_SEGMENT_DONE);
    gst_message_unref(message);
    EXPECT_EQ(next_message(), nullptr) << "loop " << loop;
  }
  gst_object_unref(bus);
}

TEST_F(Events, DoubleSpeedMarksAsSingleSpeedDoes) {
  const Clip clip(1, 2);
  Pipeline p(clip.through_element());
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED));
  ASSERT_TRUE(seek(p, 2, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, 0));
  ASSERT_TRUE(p.run(20000)) << p.error();
  ASSERT_EQ(p.samples().size(), 100u);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(GST_BUFFER_PTS(p.buffer(i)), i * 40 * GST_MSECOND);
    if (i == 24 || i == 25 || i == 74 || i == 75) continue;  // too close to tell
    EXPECT_NEAR(area(p.buffer(i)), i >= 25 && i < 75, 0.05) << i;
  }
}

TEST_F(Events, BackwardsTheVideoPassesUnmarked) {
  const Clip clip(0, 4);
  Pipeline p(clip.through_element());
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED));
  ASSERT_TRUE(seek(p, -1, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, 0, 2 * gint64(GST_SECOND)));
  const int runs = stub().runs;
  ASSERT_TRUE(p.run(20000)) << p.error();
  ASSERT_GE(p.samples().size(), 49u);
  for (std::size_t i = 0; i < p.samples().size(); ++i) {
    EXPECT_EQ(area(p.buffer(i)), 0) << i;
    if (i == 0) continue;
    EXPECT_LT(GST_BUFFER_PTS(p.buffer(i)), GST_BUFFER_PTS(p.buffer(i - 1)));
  }
  EXPECT_EQ(stub().runs, runs);
}

// A live source, or a pipe. Nothing is lost, and nothing stops.
TEST_F(Events, SeekThatUpstreamRefusesChangesNothing) {
  Pipeline p(
      "appsrc name=v format=time stream-type=stream "
      "caps=video/x-raw,format=GRAY8,width=64,height=48,framerate=25/1 ! l.video_sink "
      "appsrc name=a format=time stream-type=stream "
      "caps=audio/x-raw,format=S16LE,rate=16000,channels=1,layout=interleaved ! l.audio_sink "
      "lightavseg name=l ! appsink name=out sync=false");
  const auto push = [&](const char* to, gsize size, int i) {
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, size, nullptr);
    gst_buffer_memset(buffer, 0, 200, size);
    GST_BUFFER_PTS(buffer) = GstClockTime(i) * 40 * GST_MSECOND;
    GST_BUFFER_DURATION(buffer) = 40 * GST_MSECOND;
    gst_app_src_push_buffer(GST_APP_SRC(p.element(to)), buffer);
  };
  const auto push_both = [&](int from, int until) {
    for (int i = from; i < until; ++i) {
      push("v", 64 * 48, i);
      push("a", 2 * 640, i);
    }
  };
  push_both(0, 5);
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED)) << p.error();
  for (int i = 0; i < 3; ++i) seek(p, 1, GST_SEEK_FLAG_FLUSH, gint64(GST_SECOND));
  push_both(5, 10);
  for (const char* name : {"v", "a"}) gst_app_src_end_of_stream(GST_APP_SRC(p.element(name)));
  ASSERT_TRUE(p.run(20000)) << p.error();
  // The flush that the seek began with took what was in the sink.
  ASSERT_GE(p.samples().size(), 5u);
  const auto last = p.samples().size() - 1;
  EXPECT_EQ(GST_BUFFER_PTS(p.buffer(last)), 9 * 40 * GST_MSECOND);
}

// Downstream was flushed, and has forgotten the end that it had.
TEST_F(Events, SeekThatUpstreamRefusesAtTheEndIsFollowedByTheEnd) {
  Pipeline p(
      "appsrc name=v format=time stream-type=stream "
      "caps=video/x-raw,format=GRAY8,width=64,height=48,framerate=25/1 ! l.video_sink "
      "lightavseg name=l ! fakesink sync=false");
  GstBuffer* frame = gst_buffer_new_allocate(nullptr, 64 * 48, nullptr);
  gst_buffer_memset(frame, 0, 200, 64 * 48);
  GST_BUFFER_PTS(frame) = 0;
  gst_app_src_push_buffer(GST_APP_SRC(p.element("v")), frame);
  gst_app_src_end_of_stream(GST_APP_SRC(p.element("v")));
  ASSERT_TRUE(p.run(20000)) << p.error();
  for (int i = 0; i < 2; ++i) {
    p.forget_end();
    seek(p, 1, GST_SEEK_FLAG_FLUSH, 0);
    ASSERT_TRUE(p.run(5000)) << p.error() << i;
  }
}

// What the tee feeds beside lightavseg gets all of its sound.
TEST_F(Events, SoundThatOutlastsTheVideoHoldsNobodyUp) {
  std::atomic<int> buffers{0};
  Pipeline p(
      "videotestsrc num-buffers=5 ! video/x-raw,format=GRAY8,width=64,height=48 ! l.video_sink "
      "lightavseg name=l ! fakesink sync=false "
      "audiotestsrc num-buffers=400 samplesperbuffer=480 ! "
      "audio/x-raw,format=S16LE,rate=48000,channels=1 ! tee name=t "
      "t. ! queue max-size-buffers=2 ! l.audio_sink "
      "t. ! queue max-size-buffers=2 ! fakesink name=beside sync=false");
  p.count_buffers("beside", buffers);
  ASSERT_TRUE(p.run(20000)) << p.error() << buffers;
  EXPECT_EQ(buffers, 400);
}

// Nobody can be told any more: downstream has the end of the stream. The sound goes on meanwhile,
// or waits until the second video has been through, as it does when one thread pushes both.
class LateVideo : public Events, public testing::WithParamInterface<bool> {};

TEST_P(LateVideo, IsDropped) {
  const bool sound_goes_on = GetParam();
  constexpr const char* kVideo = "video/x-raw,format=GRAY8,width=64,height=48,framerate=25/1";
  constexpr const char* kSound =
      "audio/x-raw,format=S16LE,layout=interleaved,rate=48000,channels=1";
  std::atomic<int> frames{0};
  std::atomic<bool> ended{false}, shown{false};
  Pipeline p("lightavseg name=l ! fakesink name=out sync=false async=false");
  p.count_buffers("out", frames);
  GstPad* out = gst_element_get_static_pad(p.element("out"), "sink");
  gst_pad_add_probe(
      out, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
      [](GstPad*, GstPadProbeInfo* info, gpointer ended) {
        if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_EOS)
          *static_cast<std::atomic<bool>*>(ended) = true;
        return GST_PAD_PROBE_OK;
      },
      &ended, nullptr);
  gst_object_unref(out);
  SourcePad video(p.element("l"), "video_sink"), sound(p.element("l"), "audio_sink");
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING)) << p.error();
  const auto push = [](SourcePad& pad, std::size_t bytes, GstClockTime time) {
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, bytes, nullptr);
    gst_buffer_memset(buffer, 0, 0, bytes);
    GST_BUFFER_PTS(buffer) = time;
    GST_BUFFER_DURATION(buffer) = 40 * GST_MSECOND;
    return gst_pad_push(pad.get(), buffer);
  };
  begin_stream(sound.get(), "sound", kSound);
  auto hears = std::async(std::launch::async, [&] {
    GstFlowReturn flow = GST_FLOW_OK;
    for (guint64 i = 0; flow == GST_FLOW_OK && (sound_goes_on ? !shown : !ended); ++i)
      flow = push(sound, 2 * 1920, i * 40 * GST_MSECOND);
    return flow;
  });
  auto shows = std::async(std::launch::async, [&] {
    GstFlowReturn flow = GST_FLOW_OK;
    for (int stream = 0; stream < 2; ++stream) {
      begin_stream(video.get(), stream ? "again" : "video", kVideo);
      for (guint64 i = 0; i < 5 && flow == GST_FLOW_OK; ++i)
        flow = push(video, 64 * 48, i * 40 * GST_MSECOND);
      gst_pad_push_event(video.get(), gst_event_new_eos());
      // The next one comes when there is nothing left of this one.
      while (flow == GST_FLOW_OK && !ended) g_usleep(1000);
      if (!sound_goes_on) hears.wait();
    }
    shown = true;
    return flow;
  });
  const bool in_time = shows.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
  EXPECT_TRUE(in_time);
  if (!in_time) {
    ended = shown = true;
    p.set_state(GST_STATE_READY);
  }
  EXPECT_EQ(hears.get(), GST_FLOW_OK);
  EXPECT_EQ(shows.get(), GST_FLOW_OK);
  gst_pad_push_event(sound.get(), gst_event_new_eos());
  EXPECT_TRUE(p.run(20000)) << p.error();
  EXPECT_EQ(frames, 5);
}

INSTANTIATE_TEST_SUITE_P(Sound, LateVideo, testing::Bool(),
                         [](const auto& info) { return info.param ? "GoesOn" : "Waits"; });

TEST_F(Events, FlushDoesNotWaitForASlowInference) {
  const Clip clip(0, 4);
  Pipeline p(clip.through_element());
  stub().delay_ms = 1000;
  ASSERT_NE(p.set_state(GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  for (int i = 0; i < 500 && stub().runs == 0; ++i) g_usleep(2000);
  ASSERT_GT(stub().runs, 0);
  const gint64 start = g_get_monotonic_time();
  ASSERT_TRUE(seek(p, 1, GST_SEEK_FLAG_FLUSH, 2 * gint64(GST_SECOND)));
  EXPECT_LT(g_get_monotonic_time() - start, 500000);
  stub().delay_ms = 0;
  ASSERT_TRUE(p.run(20000)) << p.error();
  ASSERT_EQ(p.samples().size(), 50u);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(age(p.buffer(i)), 0u) << i;
}

// ---- States

TEST_F(Events, PausesAndPlaysAHundredTimes) {
  Pipeline p(std::string(kLiveVideo) + kLiveAudio + "lightavseg name=l ! " + kLiveOut);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(p.reach(GST_STATE_PLAYING)) << i << " " << p.error();
    p.collect(5);
    ASSERT_TRUE(p.reach(GST_STATE_PAUSED)) << i << " " << p.error();
  }
  p.forget_samples();
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING));
  p.collect(500);
  EXPECT_GE(p.samples().size(), 8u);
}

// ---- Caps and pads in live operation

// Upstream elements stop after this one, and ask until they do.
TEST_F(Events, AStoppedElementLetsNoQueryWait) {
  Pipeline p(
      "videotestsrc num-buffers=3 ! video/x-raw,format=GRAY8,width=64,height=48 ! "
      "l.video_sink lightavseg name=l ! fakesink");
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(p.reach(GST_STATE_PAUSED)) << p.error();
    ASSERT_TRUE(p.reach(GST_STATE_READY)) << p.error();
    GstPad* pad = gst_element_get_static_pad(p.element("l"), "video_sink");
    std::promise<bool> answer;
    auto answered = answer.get_future();
    std::thread asking([&] {
      GstCaps* caps = gst_caps_from_string("video/x-raw,format=GRAY8,width=64,height=48");
      GstQuery* query = gst_query_new_allocation(caps, FALSE);
      answer.set_value(gst_pad_query(pad, query));
      gst_query_unref(query);
      gst_caps_unref(caps);
    });
    const bool in_time = answered.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
    EXPECT_TRUE(in_time);
    if (!in_time) p.reach(GST_STATE_PAUSED);  // which answers it
    asking.join();
    EXPECT_FALSE(answered.get());
    gst_object_unref(pad);
  }
}

// Sound that is linked just then is not stopped with the others.
TEST_F(Events, SoundThatArrivesWhileItStopsDoesNotHoldItUp) {
  constexpr const char* kCaps = "audio/x-raw,format=S16LE,layout=interleaved,rate=48000,channels=1";
  Pipeline p(
      "videotestsrc num-buffers=3 ! video/x-raw,format=GRAY8,width=64,height=48 ! "
      "l.video_sink lightavseg name=l ! fakesink");
  GstPad* source = gst_pad_new("sound", GST_PAD_SRC);
  gst_pad_set_active(source, TRUE);
  GstPad* sink = nullptr;
  std::thread pushing;
  stub().on_close = [&] {
    if (sink) return;
    sink = gst_element_request_pad_simple(p.element("l"), "audio_sink");
    ASSERT_NE(sink, nullptr);
    gst_pad_set_active(sink, TRUE);
    ASSERT_EQ(gst_pad_link(source, sink), GST_PAD_LINK_OK);
    std::promise<void> began;
    auto begins = began.get_future();
    pushing = std::thread([&, began = std::move(began)]() mutable {
      begin_stream(source, "sound", kCaps);
      began.set_value();
      for (GstClockTime time = 0;; time += GST_SECOND) {
        GstBuffer* buffer = gst_buffer_new_allocate(nullptr, 96000, nullptr);
        GST_BUFFER_PTS(buffer) = time;
        GST_BUFFER_DURATION(buffer) = GST_SECOND;
        if (gst_pad_push(source, buffer) != GST_FLOW_OK) break;
      }
    });
    begins.wait();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // until there is no room
  };
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED)) << p.error();
  auto stopped = std::async(std::launch::async, [&] { return p.reach(GST_STATE_READY); });
  const bool in_time = stopped.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
  EXPECT_TRUE(in_time);
  if (!in_time) gst_pad_push_event(source, gst_event_new_flush_start());
  EXPECT_TRUE(stopped.get());
  stub().on_close = nullptr;
  ASSERT_TRUE(pushing.joinable()) << "no segmenter was closed";
  pushing.join();
  gst_pad_unlink(source, sink);
  gst_element_release_request_pad(p.element("l"), sink);
  gst_object_unref(sink);
  gst_object_unref(source);
  EXPECT_TRUE(p.reach(GST_STATE_PAUSED)) << p.error();
}

TEST_F(Events, LiveCapsChangeWhilePlaying) {
  Pipeline p(
      "videotestsrc is-live=true pattern=red ! capsfilter name=f "
      "caps=video/x-raw,format=I420,width=160,height=90,framerate=30/1 ! queue ! l.video_sink " +
      std::string(kLiveAudio) + "lightavseg name=l smoothing=0 ! " + kLiveOut);
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING));
  for (const char* caps : {"video/x-raw,format=RGB,width=99,height=77,framerate=30/1",
                           "video/x-raw,format=NV12,width=320,height=240,framerate=15/1",
                           "video/x-raw,format=I420,width=160,height=90,framerate=30/1"}) {
    gst_util_set_object_arg(G_OBJECT(p.element("f")), "caps", caps);
    GstCaps* wanted = gst_caps_from_string(caps);
    bool seen = false;
    for (int i = 0; i < 200 && !seen; ++i) {
      p.collect(20);
      for (auto* s : p.samples()) {
        GstVideoInfo info;
        ASSERT_TRUE(gst_video_info_from_caps(&info, gst_sample_get_caps(s)));
        EXPECT_EQ(gst_buffer_get_size(gst_sample_get_buffer(s)), info.size);
        seen |= gst_caps_is_subset(gst_sample_get_caps(s), wanted);
      }
      p.forget_samples();
    }
    EXPECT_TRUE(seen) << caps;
    gst_caps_unref(wanted);
  }
  EXPECT_TRUE(p.error().empty()) << p.error();
}

TEST_F(Events, AudioPadIsReleasedAndRequestedAgain) {
  Pipeline p(std::string(kLiveVideo) +
             "audiotestsrc is-live=true samplesperbuffer=480 ! audio/x-raw,rate=48000,channels=1 "
             "! tee name=t allow-not-linked=true lightavseg name=l smoothing=0 ! " +
             kLiveOut);
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING));
  for (int round = 0; round < 2; ++round) {
    GstElement* queue = gst_element_factory_make("queue", nullptr);
    gst_bin_add(GST_BIN(p.get()), queue);
    GstPad* audio = gst_element_request_pad_simple(p.element("l"), "audio_sink");
    ASSERT_NE(audio, nullptr);
    EXPECT_EQ(gst_element_request_pad_simple(p.element("l"), "audio_sink"), nullptr);
    GstPad* from = gst_element_get_static_pad(queue, "src");
    ASSERT_EQ(gst_pad_link(from, audio), GST_PAD_LINK_OK);
    gst_element_sync_state_with_parent(queue);
    GstPad* branch = gst_element_request_pad_simple(p.element("t"), "src_%u");
    GstPad* to = gst_element_get_static_pad(queue, "sink");
    ASSERT_EQ(gst_pad_link(branch, to), GST_PAD_LINK_OK);
    p.forget_samples();
    p.collect(700);
    ASSERT_FALSE(p.samples().empty());
    EXPECT_GT(area(p.buffer(p.samples().size() - 1)), 0.9) << round;
    gst_pad_unlink(branch, to);
    gst_pad_unlink(from, audio);
    gst_element_release_request_pad(p.element("l"), audio);
    gst_element_release_request_pad(p.element("t"), branch);
    gst_element_set_state(queue, GST_STATE_NULL);
    for (GstPad* pad : {audio, from, branch, to}) gst_object_unref(pad);
    gst_bin_remove(GST_BIN(p.get()), queue);
    p.forget_samples();
    p.collect(1600);
    ASSERT_GE(p.samples().size(), 20u);
    EXPECT_EQ(area(p.buffer(p.samples().size() - 1)), 0) << round;
  }
  EXPECT_TRUE(p.error().empty()) << p.error();
}

// ---- Other events

struct Seen {
  std::vector<GstEventType> types;
  std::vector<std::string> structures;
};

GstPadProbeReturn note_event(GstPad*, GstPadProbeInfo* info, gpointer user) {
  auto* seen = static_cast<Seen*>(user);
  GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
  seen->types.push_back(GST_EVENT_TYPE(event));
  const auto* s = gst_event_get_structure(event);
  if (GST_EVENT_TYPE(event) == GST_EVENT_TAG) {
    GstTagList* tags;
    gst_event_parse_tag(event, &tags);
    gchar* text = gst_tag_list_to_string(tags);
    const bool global = gst_tag_list_get_scope(tags) == GST_TAG_SCOPE_GLOBAL;
    seen->structures.push_back((global ? "global " : "stream ") + std::string(text));
    g_free(text);
  } else if (s) {
    seen->structures.emplace_back(gst_structure_get_name(s));
  }
  return GST_PAD_PROBE_OK;
}

void watch(Pipeline& p, const char* element, const char* name, GstPadProbeType type, Seen* seen) {
  GstPad* pad = gst_element_get_static_pad(p.element(element), name);
  gst_pad_add_probe(pad, type, note_event, seen, nullptr);
  gst_object_unref(pad);
}

auto count_of(const Seen& seen, const std::string& text) {
  return std::count_if(seen.structures.begin(), seen.structures.end(),
                       [&](const std::string& s) { return s.find(text) != std::string::npos; });
}

TEST_F(Events, EventsComeInOrderAndTagsPass) {
  Pipeline p(
      "videotestsrc num-buffers=5 pattern=red ! "
      "video/x-raw,format=I420,width=64,height=48,framerate=25/1 ! "
      "taginject tags=\"title=picture\" ! identity name=container ! queue ! l.video_sink "
      "audiotestsrc num-buffers=50 samplesperbuffer=960 ! audio/x-raw,rate=48000 ! "
      "taginject tags=\"title=sound\" ! queue ! l.audio_sink lightavseg name=l ! " +
      std::string(kRecordedOut));
  Seen seen;
  watch(p, "l", "src", GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, &seen);
  // As a demuxer tells of the file as a whole.
  GstPad* container = gst_element_get_static_pad(p.element("container"), "src");
  gst_pad_add_probe(
      container, GST_PAD_PROBE_TYPE_BUFFER,
      [](GstPad* pad, GstPadProbeInfo*, gpointer) {
        GstTagList* tags = gst_tag_list_new(GST_TAG_TITLE, "film", nullptr);
        gst_tag_list_set_scope(tags, GST_TAG_SCOPE_GLOBAL);
        gst_pad_push_event(pad, gst_event_new_tag(tags));
        return GST_PAD_PROBE_REMOVE;
      },
      nullptr, nullptr);
  gst_object_unref(container);
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 5u);
  ASSERT_GE(seen.types.size(), 4u);
  EXPECT_EQ(seen.types[0], GST_EVENT_STREAM_START);
  EXPECT_EQ(seen.types[1], GST_EVENT_CAPS);
  EXPECT_EQ(seen.types[2], GST_EVENT_SEGMENT);
  EXPECT_EQ(seen.types.back(), GST_EVENT_EOS);
  // Each in its own scope: a muxer writes them to different places.
  const auto tags = [&](const std::string& scope, const std::string& title) {
    return std::count_if(seen.structures.begin(), seen.structures.end(), [&](const auto& s) {
      return s.find(scope + " ") == 0 && s.find(title) != std::string::npos;
    });
  };
  EXPECT_EQ(tags("stream", "picture"), 1);
  EXPECT_EQ(tags("global", "film"), 1);
  EXPECT_EQ(tags("global", "picture") + tags("stream", "film"), 0);
  EXPECT_EQ(count_of(seen, "sound"), 0);
}

TEST_F(Events, CustomEventsPassBothWays) {
  Pipeline p(
      "appsrc name=v format=time "
      "caps=video/x-raw,format=GRAY8,width=64,height=48,framerate=25/1 ! l.video_sink " +
      tone(2) + "lightavseg name=l ! " + kRecordedOut);
  Seen down, up;
  watch(p, "l", "src", GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, &down);
  watch(p, "v", "src", GST_PAD_PROBE_TYPE_EVENT_UPSTREAM, &up);
  GstElement* source = p.element("v");
  const auto push = [&](int i) {
    GstBuffer* frame = gst_buffer_new_allocate(nullptr, 64 * 48, nullptr);
    gst_buffer_memset(frame, 0, 200, 64 * 48);
    GST_BUFFER_PTS(frame) = GstClockTime(i) * 40 * GST_MSECOND;
    gst_app_src_push_buffer(GST_APP_SRC(source), frame);
  };
  push(0);
  gst_element_send_event(source, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
                                                      gst_structure_new_empty("between-frames")));
  push(1);
  gst_app_src_end_of_stream(GST_APP_SRC(source));
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED)) << p.error();
  GstPad* src = gst_element_get_static_pad(p.element("l"), "src");
  gst_pad_send_event(src, gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM,
                                               gst_structure_new_empty("from-the-sink")));
  gst_object_unref(src);
  ASSERT_TRUE(p.run()) << p.error();
  EXPECT_EQ(p.samples().size(), 2u);
  EXPECT_EQ(count_of(down, "between-frames"), 1);
  EXPECT_EQ(count_of(up, "from-the-sink"), 1);
}

TEST_F(Events, DurationIsTheVideos) {
  const Clip clip(0, 4);
  Pipeline p(clip.through_element());
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED)) << p.error();
  gint64 duration = 0;
  ASSERT_TRUE(gst_element_query_duration(p.get(), GST_FORMAT_TIME, &duration));
  EXPECT_NEAR(double(duration), 4e9, 1e8);
}

}  // namespace
}  // namespace lightavseg::gst::test
