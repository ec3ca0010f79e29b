// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg with live sources: nothing late, nothing lost, masks as young as the machine allows.
#include <fmt/format.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/gst/mask_fields.h"
#include "tests/gst/run_pipeline.h"
#include "tests/gst/stub_test.h"

namespace lightavseg::gst::test {
namespace {

constexpr const char* kVideo =
    "videotestsrc is-live=true num-buffers={} pattern=red ! "
    "video/x-raw,format=I420,width=160,height=90,framerate=30/1 ! queue ! l.video_sink ";

class Live : public StubTest {};

// That each has its own mask, and when they leave, is told by a clock that waits for the machine:
// lightavseg_clock_test.cpp.
TEST_F(Live, NoFrameIsLostAndMasksAreMade) {
  Pipeline p(fmt::format(kVideo, 60) + kLiveAudio + "lightavseg name=l smoothing=0 ! " + kLiveOut);
  stub().delay_ms = 3;
  ASSERT_TRUE(p.run(60000)) << p.error();
  ASSERT_EQ(p.samples().size(), 60u);
  for (size_t i = 1; i < 60; ++i)
    EXPECT_EQ((GST_BUFFER_PTS(p.buffer(i)) - GST_BUFFER_PTS(p.buffer(i - 1)) + 1) / 100,
              GST_SECOND / 3000);
  EXPECT_GT(stub().runs, 0);
  // Every frame has its mask, or was told as one that had to take another.
  const guint64 own = 60 - counter(p.element("l"), "reused");
  int fresh = 0;
  for (size_t i = 0; i < 60; ++i) fresh += age(p.buffer(i)) == 0;
  EXPECT_EQ(guint64(fresh), own);
}

TEST_F(Live, SlowInferenceAgesMasksButNotTheVideo) {
  Pipeline p(fmt::format(kVideo, 60) + kLiveAudio + "lightavseg name=l smoothing=0 ! " + kLiveOut);
  stub().delay_ms = 200;
  const gint64 start = g_get_monotonic_time();
  ASSERT_TRUE(p.run(20000)) << p.error();
  const double seconds = double(g_get_monotonic_time() - start) / 1e6;
  ASSERT_EQ(p.samples().size(), 60u);
  EXPECT_LT(seconds, 4);  // 2 s of video and the latency
  guint64 oldest = 0;
  for (size_t i = 0; i < 60; ++i)
    if (age(p.buffer(i)) != GST_CLOCK_TIME_NONE) oldest = std::max(oldest, age(p.buffer(i)));
  EXPECT_GE(oldest, 100 * GST_MSECOND);
  EXPECT_LE(oldest, 1000 * GST_MSECOND);
  EXPECT_LE(stub().runs, 14);
  EXPECT_GE(counter(p.element("l"), "reused"), 30u);
  EXPECT_GE(counter(p.element("l"), "skipped"), 30u);
}

TEST_F(Live, SilentMicrophoneBranchDoesNotHoldUpTheVideo) {
  Pipeline p(fmt::format(kVideo, 30) +
             "appsrc name=a is-live=true format=time "
             "caps=audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved ! "
             "queue ! l.audio_sink lightavseg name=l ! " +
             kLiveOut);
  const gint64 start = g_get_monotonic_time();
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING));
  p.collect(1800);
  EXPECT_TRUE(p.error().empty()) << p.error();
  ASSERT_GE(p.samples().size(), 28u);
  for (size_t i = 0; i < p.samples().size(); ++i) EXPECT_EQ(area(p.buffer(i)), 0);
  EXPECT_LT(double(g_get_monotonic_time() - start) / 1e6, 6);
}

TEST_F(Live, AudioPadIsReleasedWhilePlaying) {
  Pipeline p(
      "videotestsrc is-live=true pattern=red ! "
      "video/x-raw,format=I420,width=160,height=90,framerate=30/1 ! queue ! l.video_sink "
      "audiotestsrc is-live=true samplesperbuffer=480 ! audio/x-raw,rate=48000 ! "
      "queue name=aq ! l.audio_sink lightavseg name=l smoothing=0 ! " +
      std::string(kLiveOut));
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING));
  p.collect(500);
  ASSERT_FALSE(p.samples().empty());
  EXPECT_GT(area(p.buffer(p.samples().size() - 1)), 0.9);
  GstPad* audio = gst_element_get_static_pad(p.element("l"), "audio_sink");
  GstPad* peer = gst_pad_get_peer(audio);
  gst_pad_unlink(peer, audio);
  gst_element_release_request_pad(p.element("l"), audio);
  gst_object_unref(peer);
  gst_object_unref(audio);
  gst_element_set_state(p.element("aq"), GST_STATE_NULL);
  p.forget_samples();
  p.collect(1800);
  ASSERT_GE(p.samples().size(), 30u);
  // On a busy machine the masks lag behind.
  for (int i = 0; i < 40 && area(p.buffer(p.samples().size() - 1)) > 0; ++i) p.collect(200);
  EXPECT_EQ(area(p.buffer(p.samples().size() - 1)), 0);
}

TEST_F(Live, LateDownstreamSkipsInferenceAndKeepsFrames) {
  Pipeline p(fmt::format(kVideo, 60) + kLiveAudio + "lightavseg name=l ! " + kLiveOut);
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING));
  p.collect(700);
  const int runs = stub().runs;
  GstPad* src = gst_element_get_static_pad(p.element("l"), "src");
  // Downstream says: what comes before 60 s is too late.
  gst_pad_send_event(
      src, gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 0.5, 30 * gint64(GST_SECOND), GST_SECOND));
  gst_object_unref(src);
  p.run(20000);
  EXPECT_TRUE(p.error().empty()) << p.error();
  EXPECT_EQ(p.samples().size(), 60u);
  EXPECT_LE(stub().runs, runs + 2);
  EXPECT_GE(p.qos_messages(), 20);
  EXPECT_GE(counter(p.element("l"), "late"), 20u);
}

TEST_F(Live, LatencyIsAnsweredAndGrowsWithLookAhead) {
  GstClockTime least[2];
  for (int i = 0; i < 2; ++i) {
    Pipeline p(fmt::format(kVideo, 60) + kLiveAudio +
               fmt::format("lightavseg name=l audio-offset={} ! ", i * 500 * GST_MSECOND) +
               kLiveOut);
    ASSERT_TRUE(p.reach(GST_STATE_PLAYING));
    GstQuery* query = gst_query_new_latency();
    ASSERT_TRUE(gst_element_query(p.element("l"), query));
    gboolean live;
    gst_query_parse_latency(query, &live, &least[i], nullptr);
    EXPECT_TRUE(live);
    gst_query_unref(query);
  }
  EXPECT_GT(least[0], 15 * GST_MSECOND);
  EXPECT_LT(least[0], 300 * GST_MSECOND);
  EXPECT_NEAR(double(least[1]) - double(least[0]), 500e6, 60e6);
}

// The sound of a frame is awaited, however far ahead of it.
TEST_F(Live, LookAheadWaitsForItsSound) {
  for (const int ms : {500, 3000}) {
    Pipeline p(fmt::format(kVideo, 30) + kLiveAudio +
               fmt::format("lightavseg name=l smoothing=0 audio-offset={} ! ", ms * GST_MSECOND) +
               kLiveOut);
    ASSERT_TRUE(p.reach(GST_STATE_PLAYING));
    p.collect(ms + 2500);
    ASSERT_TRUE(p.error().empty()) << p.error();
    ASSERT_GE(p.samples().size(), 30u);
    EXPECT_NEAR(area(p.buffer(29)), 1, 1e-6) << ms;
    EXPECT_GT(audio_fill(p.buffer(29)), 0.85) << ms;
    for (const auto& message : p.messages())
      EXPECT_EQ(message.find("There is no sound"), std::string::npos) << ms;
  }
}

TEST_F(Live, EndsInEitherOrder) {
  for (const bool audio_first : {false, true}) {
    Pipeline p(fmt::format(kVideo, audio_first ? 45 : 15) +
               fmt::format("audiotestsrc is-live=true samplesperbuffer=480 num-buffers={} ! "
                           "audio/x-raw,rate=48000,channels=1 ! queue ! l.audio_sink ",
                           audio_first ? 50 : 150) +
               "lightavseg name=l ! " + kLiveOut);
    ASSERT_TRUE(p.run(20000)) << p.error();
    EXPECT_EQ(p.samples().size(), audio_first ? 45u : 15u);
  }
}

}  // namespace
}  // namespace lightavseg::gst::test
