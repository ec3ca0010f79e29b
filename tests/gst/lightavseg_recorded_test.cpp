// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg on recorded material: every frame comes out, with its own mask, whatever the sound
// does.
#include <fmt/format.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/gst/mask_fields.h"
#include "tests/gst/run_pipeline.h"
#include "tests/gst/stub_test.h"

namespace lightavseg::gst::test {
namespace {

// Without an end.
constexpr const char* kEndlessVideo =
    "videotestsrc pattern=red ! video/x-raw,format=I420,width=64,height=48,framerate=25/1 ! "
    "queue ! l.video_sink ";
constexpr const char* kEndlessTone = "audiotestsrc ! queue ! l.audio_sink ";

std::string red_video_of(int frames, const std::string& caps) {
  return fmt::format(
      "videotestsrc num-buffers={} pattern=red ! video/x-raw,{} ! queue ! l.video_sink ", frames,
      caps);
}

// `seconds` of a tone in buffers of 20 ms.
std::string tone_of(double seconds, const std::string& caps) {
  return fmt::format(
      "audiotestsrc num-buffers={} samplesperbuffer=960 freq=440 volume=0.5 ! "
      "audio/x-raw,rate=48000 "
      "! audioconvert ! audioresample ! audio/x-raw,{} ! queue ! l.audio_sink ",
      int(seconds * 50), caps);
}

class Recorded : public StubTest {};

TEST_F(Recorded, EveryFrameComesOutWithItsTimesAndItsOwnMask) {
  Pipeline p(fmt::format("{}{}lightavseg name=l smoothing=0 ! {}", red_video(50),
                         tone_of(2.2, "channels=2"), kRecordedOut));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 50u);
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(GST_BUFFER_PTS(p.buffer(i)), i * 40 * GST_MSECOND);
    EXPECT_EQ(GST_BUFFER_DURATION(p.buffer(i)), 40 * GST_MSECOND);
    EXPECT_EQ(age(p.buffer(i)), 0u);
    EXPECT_NEAR(area(p.buffer(i)), 1, 1e-6) << i;
  }
  EXPECT_EQ(stub().runs, 50);
}

TEST_F(Recorded, WithoutAudioPadTheVideoPassesUnmarkedAndTheUserIsTold) {
  Pipeline p(fmt::format("{}lightavseg name=l ! {}", red_video(100), kRecordedOut));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 100u);
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(area(p.buffer(i)), 0) << i;
  EXPECT_EQ(stub().runs, 0);
  int told = 0;
  for (const auto& m : p.messages()) told += m.find("There is no sound") != std::string::npos;
  EXPECT_EQ(told, 1);
}

TEST_F(Recorded, AudioThatEndsEarlyLeavesTheRestUnmarked) {
  Pipeline p(
      fmt::format("{}{}lightavseg name=l smoothing=0 ! {}", red_video(100), tone(1), kRecordedOut));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 100u);
  EXPECT_NEAR(area(p.buffer(20)), 1, 1e-6);
  EXPECT_EQ(area(p.buffer(60)), 0);  // 2.4 s: nothing of the first second is in the window
  bool missing = false;
  for (const auto& m : p.messages())
    missing |= m.find("lightavseg-audio") == 0 && m.find("missing") != std::string::npos;
  EXPECT_TRUE(missing);
}

TEST_F(Recorded, SoundOfANewPadIsHeardAfterTheOldOneEnded) {
  Pipeline p(fmt::format("{}{}lightavseg name=l smoothing=0 ! {}", kEndlessVideo, tone(0.2),
                         kRecordedOut));
  const auto reach_area = [&](double wanted) {
    for (int i = 0; i < 500; ++i) {
      p.collect(10);
      const bool seen =
          !p.samples().empty() && std::abs(area(p.buffer(p.samples().size() - 1)) - wanted) < 1e-6;
      p.forget_samples();
      if (seen) return true;
    }
    return false;
  };
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING)) << p.error();
  ASSERT_TRUE(reach_area(0));
  GstPad* old_pad = gst_element_get_static_pad(p.element("l"), "audio_sink");
  GstPad* peer = gst_pad_get_peer(old_pad);
  gst_pad_unlink(peer, old_pad);
  gst_element_release_request_pad(p.element("l"), old_pad);
  gst_object_unref(peer);
  gst_object_unref(old_pad);
  GstElement* sound = gst_parse_bin_from_description(
      "audiotestsrc samplesperbuffer=960 ! audio/x-raw,rate=48000,channels=1 ! queue", TRUE,
      nullptr);
  ASSERT_TRUE(gst_bin_add(GST_BIN(p.get()), sound));
  ASSERT_TRUE(gst_element_link_pads(sound, "src", p.element("l"), "audio_sink"));
  gst_element_sync_state_with_parent(sound);
  EXPECT_TRUE(reach_area(1)) << p.error();
}

TEST_F(Recorded, AudioLongerThanTheVideoEndsWithTheVideo) {
  Pipeline p(fmt::format("{}{}lightavseg name=l ! {}", red_video(10), tone(5), kRecordedOut));
  ASSERT_TRUE(p.run()) << p.error();
  EXPECT_EQ(p.samples().size(), 10u);
}

TEST_F(Recorded, VideoThatEndsBeforeItsFirstFrameEndsTheStream) {
  Pipeline p(
      fmt::format("videotestsrc num-buffers=0 ! queue ! l.video_sink {}lightavseg name=l ! {}",
                  tone(1), kRecordedOut));
  EXPECT_TRUE(p.run(10000)) << p.error();
  EXPECT_TRUE(p.samples().empty());
}

class AudioFormats : public testing::TestWithParam<const char*> {};

TEST_P(AudioFormats, MakeNoDifference) {
  use_stubs();
  stub().runs = 0;
  Pipeline p(fmt::format("{}{}lightavseg name=l smoothing=0 ! {}", red_video(40),
                         tone_of(2, GetParam()), kRecordedOut));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 40u);
  EXPECT_NEAR(area(p.buffer(39)), 1, 1e-6);
  double level = -100, fill = 0;
  gst_structure_get_double(mask_meta_of(p.buffer(39)), "audio-level", &level);
  gst_structure_get_double(mask_meta_of(p.buffer(39)), "audio-fill", &fill);
  EXPECT_NEAR(level, -9.03, 0.3);  // a sine of amplitude 0.5
  EXPECT_NEAR(fill, 1, 1e-3);
}

INSTANTIATE_TEST_SUITE_P(All, AudioFormats,
                         testing::Values("rate=8000,channels=1,format=S16LE",
                                         "rate=44100,channels=2,format=F32LE",
                                         "rate=48000,channels=2,format=S24BE",
                                         "rate=96000,channels=6,channel-mask=(bitmask)0x3f,"
                                         "format=S32LE"));

TEST_F(Recorded, ChunksOfASecondDoNotBlock) {
  Pipeline p(fmt::format(
      "{}audiotestsrc num-buffers=4 samplesperbuffer=48000 ! audio/x-raw,rate=48000 ! queue ! "
      "l.audio_sink  lightavseg name=l smoothing=0 ! {}",
      red_video(100), kRecordedOut));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 100u);
  for (size_t i = 0; i < 100; ++i) EXPECT_NEAR(area(p.buffer(i)), 1, 1e-6) << i;
}

class Sizes : public testing::TestWithParam<const char*> {};

TEST_P(Sizes, AllPass) {
  use_stubs();
  Pipeline p(fmt::format("{}{}lightavseg name=l ! {}", red_video_of(5, GetParam()), tone(1),
                         kRecordedOut));
  ASSERT_TRUE(p.run()) << p.error();
  EXPECT_EQ(p.samples().size(), 5u);
}

INSTANTIATE_TEST_SUITE_P(Odd, Sizes,
                         testing::Values("format=I420,width=16,height=16,framerate=25/1",
                                         "format=I420,width=161,height=97,framerate=30000/1001",
                                         "format=RGB,width=17,height=33,framerate=25/1",
                                         "format=NV12,width=321,height=241,framerate=0/1",
                                         "format=v210,width=50,height=30,framerate=25/1",
                                         "format=GRAY8,width=64,height=64,framerate=5/1"));

TEST_F(Recorded, IntervalReusesTheMaskBefore) {
  Pipeline p(fmt::format("{}{}lightavseg name=l inference-interval=4 ! {}", red_video(20), tone(1),
                         kRecordedOut));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 20u);
  EXPECT_EQ(stub().runs, 5);
  for (size_t i = 0; i < 20; ++i) EXPECT_EQ(age(p.buffer(i)), (i % 4) * 40 * GST_MSECOND) << i;
}

TEST_F(Recorded, MasksOlderThanAllowedAreNotShown) {
  Pipeline p(fmt::format("{}{}lightavseg name=l inference-interval=10 max-mask-age=100000000 ! {}",
                         red_video(20), tone(1), kRecordedOut));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 20u);
  EXPECT_GT(area(p.buffer(2)), 0.9);
  EXPECT_EQ(area(p.buffer(5)), 0);
  EXPECT_EQ(age(p.buffer(5)), 200 * GST_MSECOND);
}

TEST_F(Recorded, OnlySelectedClassesAreShown) {
  for (const char* wanted : {"red", "blue"}) {
    Pipeline p(fmt::format("{}{}lightavseg name=l classes={} ! {}", red_video(5), tone(1), wanted,
                           kRecordedOut));
    ASSERT_TRUE(p.run()) << p.error();
    EXPECT_NEAR(area(p.buffer(4)), std::string(wanted) == "red" ? 1 : 0, 1e-6);
  }
  Pipeline p(
      fmt::format("{}{}lightavseg name=l classes=green ! {}", red_video(5), tone(1), kRecordedOut));
  ASSERT_TRUE(p.run()) << p.error();
  bool told = false;
  for (const auto& m : p.messages()) told |= m.find("no class 'green'") != std::string::npos;
  EXPECT_TRUE(told);
}

TEST_F(Recorded, CapsAndSizeChangeInTheMiddle) {
  Pipeline p(
      fmt::format("concat name=c ! queue ! l.video_sink "
                  "videotestsrc num-buffers=10 pattern=red ! "
                  "video/x-raw,format=I420,width=160,height=90,framerate=25/1 ! c. "
                  "videotestsrc num-buffers=10 pattern=red ! "
                  "video/x-raw,format=RGB,width=99,height=77,framerate=10/1 ! c. "
                  "{}lightavseg name=l smoothing=0 ! {}",
                  tone(2), kRecordedOut));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 20u);
  for (size_t i = 0; i < 20; ++i) {
    GstVideoInfo info;
    ASSERT_TRUE(gst_video_info_from_caps(&info, gst_sample_get_caps(p.samples()[i])));
    EXPECT_EQ(info.width, i < 10 ? 160 : 99);
    EXPECT_EQ(gst_buffer_get_size(p.buffer(i)), info.size);
    EXPECT_NEAR(area(p.buffer(i)), 1, 1e-6) << i;
  }
}

class Outputs : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Outputs, NegotiateWhatTheyPromise) {
  use_stubs();
  Pipeline p(fmt::format("{}{}lightavseg name=l output={} ! {}", red_video(3), tone(1),
                         GetParam().first, kRecordedOut));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 3u);
  GstVideoInfo info;
  ASSERT_TRUE(gst_video_info_from_caps(&info, gst_sample_get_caps(p.samples()[0])));
  EXPECT_STREQ(GST_VIDEO_INFO_NAME(&info), GetParam().second);
  EXPECT_EQ(info.width, 160);
  EXPECT_EQ(info.fps_n, 25);
  EXPECT_GT(area(p.buffer(2)), 0.9);
}

INSTANTIATE_TEST_SUITE_P(All, Outputs,
                         testing::Values(std::pair("overlay", "I420"), std::pair("alpha", "RGBA"),
                                         std::pair("cutout", "RGBA"), std::pair("matte", "GRAY8"),
                                         std::pair("metadata", "I420")));

TEST_F(Recorded, OutputThatNobodyTakesIsAnErrorWithBothSides) {
  Pipeline p(fmt::format("{}{}lightavseg name=l output=matte ! capsfilter name=f ! {}",
                         red_video(3), tone(1), kRecordedOut));
  gst_util_set_object_arg(G_OBJECT(p.element("f")), "caps", "video/x-raw,format=NV12");
  EXPECT_FALSE(p.run(5000));
  ASSERT_NE(p.error_object(), nullptr);
  EXPECT_TRUE(g_error_matches(p.error_object(), GST_CORE_ERROR, GST_CORE_ERROR_NEGOTIATION))
      << p.error();
  for (const char* part : {"output=matte", "GRAY8", "NV12", "I420"})
    EXPECT_NE(p.error().find(part), std::string::npos) << part << " in " << p.error();
}

TEST_F(Recorded, SeeksInPausedAndPlaying) {
  Pipeline p(fmt::format("{}{}lightavseg name=l smoothing=0 ! {}",
                         "videotestsrc num-buffers=100 pattern=red ! "
                         "video/x-raw,format=I420,width=160,height=90,framerate=25/1 ! queue ! "
                         "l.video_sink ",
                         tone(4), kRecordedOut));
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED)) << p.error();
  for (int s : {2, 1, 3}) {
    ASSERT_TRUE(gst_element_seek_simple(p.get(), GST_FORMAT_TIME,
                                        GstSeekFlags(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
                                        s * gint64(GST_SECOND)));
    ASSERT_EQ(gst_element_get_state(p.get(), nullptr, nullptr, 10 * GST_SECOND),
              GST_STATE_CHANGE_SUCCESS);
  }
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_FALSE(p.samples().empty());
  EXPECT_EQ(GST_BUFFER_PTS(p.buffer(0)), 3 * GST_SECOND);
}

TEST_F(Recorded, StartsAgainAfterAStopInTheMiddleOfAFlush) {
  Pipeline p(fmt::format("{}{}lightavseg name=l ! {}", kEndlessVideo, kEndlessTone, kRecordedOut));
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING)) << p.error();
  for (const char* name : {"video_sink", "audio_sink"}) {
    GstPad* pad = gst_element_get_static_pad(p.element("l"), name);
    GstEvent* event = gst_event_new_flush_start();
    gst_event_set_seqnum(event, 12345);
    EXPECT_TRUE(gst_pad_send_event(pad, event));
    gst_object_unref(pad);
  }
  ASSERT_TRUE(p.reach(GST_STATE_READY)) << p.error();
  EXPECT_TRUE(p.reach(GST_STATE_PLAYING, 5000)) << p.error();
}

TEST_F(Recorded, ComesAndGoesAHundredTimes) {
  Pipeline p(fmt::format("{}{}lightavseg name=l ! {}", kEndlessVideo, kEndlessTone,
                         // A full appsink that nobody reads may block its own change of state.
                         "appsink name=out sync=false max-buffers=4 drop=true"));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(p.reach(GST_STATE_PLAYING)) << i << " " << p.error();
    ASSERT_TRUE(p.reach(i % 2 ? GST_STATE_PAUSED : GST_STATE_READY)) << i << " " << p.error();
  }
  ASSERT_TRUE(p.reach(GST_STATE_NULL));
  EXPECT_EQ(stub().alive, 0);
}

TEST_F(Recorded, BadModelsFailTheChangeToPaused) {
  const auto description = [](const char* model) {
    return fmt::format("{}lightavseg name=l model={} ! {}", red_video(3), model, kRecordedOut);
  };
  Pipeline missing(description("missing"));
  EXPECT_FALSE(missing.run(5000));
  ASSERT_NE(missing.error_object(), nullptr);
  EXPECT_TRUE(
      g_error_matches(missing.error_object(), GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
  EXPECT_NE(missing.error().find("/nowhere/missing"), std::string::npos) << missing.error();
  Pipeline broken(description("broken"));
  EXPECT_FALSE(broken.run(5000));
  ASSERT_NE(broken.error_object(), nullptr);
  EXPECT_TRUE(g_error_matches(broken.error_object(), GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT));
  EXPECT_NE(broken.error().find("header length"), std::string::npos) << broken.error();
}

TEST_F(Recorded, FailureOfTheNetworkIsAnErrorNotACrash) {
  Pipeline p(fmt::format("{}{}lightavseg name=l ! {}", red_video(50), tone(2), kRecordedOut));
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED));
  stub().fail = true;
  EXPECT_FALSE(p.run(10000));
  EXPECT_NE(p.error().find("told to fail"), std::string::npos) << p.error();
  stub().fail = false;
}

TEST_F(Recorded, ModelIsSwappedWhilePlaying) {
  Pipeline p(fmt::format("{}{}lightavseg name=l ! {}", kEndlessVideo, kEndlessTone, kRecordedOut));
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING));
  const auto wait_for = [&](const char* text) {
    for (int i = 0; i < 200; ++i) {
      p.collect(20);
      p.forget_samples();
      for (const auto& m : p.messages())
        if (m.find(text) == 0) return true;
    }
    return false;
  };
  g_object_set(p.element("l"), "model", "yamnet", nullptr);
  EXPECT_TRUE(wait_for("lightavseg-model-changed"));
  g_object_set(p.element("l"), "model", "missing", nullptr);
  EXPECT_TRUE(wait_for("lightavseg-model-failed"));
  p.collect(100);
  ASSERT_FALSE(p.samples().empty());
  gchar* name = nullptr;
  gst_structure_get(mask_meta_of(p.buffer(p.samples().size() - 1)), "model", G_TYPE_STRING, &name,
                    nullptr);
  EXPECT_STREQ(name, "yamnet");
  g_free(name);
  EXPECT_TRUE(p.error().empty());
}

TEST_F(Recorded, OutputChangesWhilePlaying) {
  Pipeline p(fmt::format("{}{}lightavseg name=l ! {}", kEndlessVideo, kEndlessTone, kRecordedOut));
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING));
  for (const auto& [output, format] :
       {std::pair{"alpha", "RGBA"}, std::pair{"matte", "GRAY8"}, std::pair{"overlay", "I420"}}) {
    gst_util_set_object_arg(G_OBJECT(p.element("l")), "output", output);
    bool seen = false;
    for (int i = 0; i < 200 && !seen; ++i) {
      p.collect(10);
      for (auto* s : p.samples()) {
        const auto* structure = gst_caps_get_structure(gst_sample_get_caps(s), 0);
        seen |= g_strcmp0(gst_structure_get_string(structure, "format"), format) == 0;
        GstVideoInfo info;
        ASSERT_TRUE(gst_video_info_from_caps(&info, gst_sample_get_caps(s)));
        EXPECT_EQ(gst_buffer_get_size(gst_sample_get_buffer(s)), info.size);
      }
      p.forget_samples();
    }
    EXPECT_TRUE(seen) << output;
  }
  EXPECT_TRUE(p.error().empty()) << p.error();
}

}  // namespace
}  // namespace lightavseg::gst::test
