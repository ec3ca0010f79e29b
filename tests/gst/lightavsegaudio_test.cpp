// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/lightavsegaudio.h"

#include <gst/check/gstharness.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "gst/audio_probe.h"
#include "tests/gst/sound.h"

namespace lightavseg::gst {
namespace {

using testing::audio_format;

constexpr gint64 kMs = GST_MSECOND;
constexpr gint64 kSecond = GST_SECOND;
constexpr const char* kCaps =
    "audio/x-raw, format=S16LE, layout=interleaved, rate=16000, channels=2, "
    "channel-mask=(bitmask)0x3";

class LightAVSegAudio : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_TRUE(gst_element_register(nullptr, "lightavsegaudio", GST_RANK_NONE,
                                     gst_lightavseg_audio_get_type()));
  }

  void SetUp() override {
    harness_ = gst_harness_new("lightavsegaudio");
    ASSERT_NE(harness_, nullptr);
    gst_harness_set_src_caps_str(harness_, kCaps);
    tap_ = audio_tap(harness_->element, GST_OBJECT_NAME(harness_->element));
    tap_->listen(&input_);
  }

  void TearDown() override { gst_harness_teardown(harness_); }

  static GstBuffer* sound(gint64 start, gint64 end) {
    GstBuffer* buffer = testing::sound_buffer(info(), testing::chirps(), start / kMs * 16,
                                              static_cast<std::size_t>((end - start) / kMs * 16));
    GST_BUFFER_PTS(buffer) = static_cast<GstClockTime>(start);
    GST_BUFFER_DURATION(buffer) = static_cast<GstClockTime>(end - start);
    return buffer;
  }

  static GstAudioInfo info() { return audio_format(GST_AUDIO_FORMAT_S16LE, 16000, 2); }

  // Pushes a buffer and takes it out at the other side.
  void pass(GstBuffer* buffer) {
    ASSERT_EQ(gst_harness_push(harness_, buffer), GST_FLOW_OK);
    GstBuffer* out = gst_harness_pull(harness_);
    EXPECT_EQ(out, buffer);
    gst_buffer_unref(out);
  }

  void push_segment(const GstSegment& segment) {
    ASSERT_TRUE(gst_harness_push_event(harness_, gst_event_new_segment(&segment)));
  }

  double filled(gint64 end) {
    AudioWindow window;
    input_.window(end, window);
    return window.filled;
  }

  GstHarness* harness_ = nullptr;
  AudioInput input_{AudioInput::Options()};
  std::shared_ptr<AudioTap> tap_;
};

TEST_F(LightAVSegAudio, IsAnAudioEffect) {
  EXPECT_STREQ(g_type_name(gst_lightavseg_audio_get_type()), "GstLightAVSegAudio");
  GstElementFactory* factory = gst_element_get_factory(harness_->element);
  EXPECT_STREQ(gst_element_factory_get_metadata(factory, GST_ELEMENT_METADATA_KLASS),
               "Filter/Effect/Audio");
  EXPECT_TRUE(GST_IS_LIGHTAVSEG_AUDIO(harness_->element));
  EXPECT_EQ(gst_harness_query_latency(harness_), 0u);
}

TEST_F(LightAVSegAudio, PassesBuffersUntouched) {
  GstBuffer* buffer = sound(0, kSecond);
  gst_buffer_ref(buffer);  // so that nobody may write to it
  GstBuffer* copy = gst_buffer_copy_deep(buffer);
  pass(buffer);
  GstMapInfo map;
  ASSERT_TRUE(gst_buffer_map(copy, &map, GST_MAP_READ));
  EXPECT_EQ(gst_buffer_memcmp(buffer, 0, map.data, map.size), 0);
  EXPECT_EQ(gst_buffer_get_size(buffer), map.size);
  EXPECT_EQ(GST_BUFFER_PTS(buffer), 0u);
  gst_buffer_unmap(copy, &map);
  gst_buffer_unref(copy);
  gst_buffer_unref(buffer);
}

TEST_F(LightAVSegAudio, LetsSoundBeHeardAtItsRunningTime) {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = 5 * GST_SECOND;
  segment.base = 2 * GST_SECOND;
  push_segment(segment);
  pass(sound(5500 * kMs, 6000 * kMs));
  EXPECT_EQ(input_.end(), 3 * kSecond);
  EXPECT_DOUBLE_EQ(filled(3 * kSecond), 0.5);
  EXPECT_DOUBLE_EQ(filled(2500 * kMs), 0.0);
}

TEST_F(LightAVSegAudio, PlacesSoundOfBeforeTheSegmentBeforeIt) {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = 5 * GST_SECOND;
  push_segment(segment);
  pass(sound(4 * kSecond, 4500 * kMs));
  EXPECT_EQ(input_.end(), -500 * kMs);
}

TEST_F(LightAVSegAudio, ContinuesWithoutTimeStamps) {
  pass(sound(0, kSecond));
  GstBuffer* buffer = sound(kSecond, 2 * kSecond);
  GST_BUFFER_PTS(buffer) = GST_CLOCK_TIME_NONE;
  pass(buffer);
  EXPECT_EQ(input_.end(), 2 * kSecond);
  EXPECT_EQ(filled(2 * kSecond), 1.0);

  // A segment without times says no more.
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_BYTES);
  push_segment(segment);
  pass(sound(7 * kSecond, 8 * kSecond));
  EXPECT_EQ(input_.end(), 3 * kSecond);
}

TEST_F(LightAVSegAudio, HearsNothingBackwards) {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.rate = -1.0;
  segment.stop = 10 * GST_SECOND;
  push_segment(segment);
  pass(sound(0, kSecond));
  gst_harness_push_event(harness_, gst_event_new_gap(0, GST_SECOND));
  EXPECT_EQ(input_.end(), G_MININT64);
}

TEST_F(LightAVSegAudio, PassesGapsEndsAndFlushesOn) {
  pass(sound(0, kSecond));
  ASSERT_TRUE(gst_harness_push_event(harness_, gst_event_new_gap(GST_SECOND, GST_SECOND / 2)));
  EXPECT_EQ(input_.end(), 1500 * kMs);
  EXPECT_EQ(filled(1500 * kMs), 1.0);
  ASSERT_TRUE(gst_harness_push_event(harness_, gst_event_new_eos()));
  EXPECT_TRUE(input_.ended());
  ASSERT_TRUE(gst_harness_push_event(harness_, gst_event_new_flush_start()));
  ASSERT_TRUE(gst_harness_push_event(harness_, gst_event_new_flush_stop(TRUE)));
  EXPECT_FALSE(input_.ended());
  EXPECT_EQ(input_.end(), G_MININT64);
}

TEST_F(LightAVSegAudio, FollowsAChangeOfFormat) {
  pass(sound(0, kSecond));
  gst_harness_set_src_caps_str(harness_,
                               "audio/x-raw, format=F32BE, layout=interleaved, rate=48000, "
                               "channels=1");
  const auto info = audio_format(GST_AUDIO_FORMAT_F32BE, 48000, 1);
  GstBuffer* buffer = testing::sound_buffer(info, testing::chirps(), 48000, 48000);
  GST_BUFFER_PTS(buffer) = GST_SECOND;
  pass(buffer);
  gst_harness_push_event(harness_, gst_event_new_eos());
  EXPECT_EQ(input_.end(), 2 * kSecond);
  EXPECT_EQ(filled(1500 * kMs), 1.0);
}

TEST_F(LightAVSegAudio, WorksForNobody) {
  tap_->listen(nullptr);
  pass(sound(0, kSecond));
  EXPECT_EQ(input_.end(), G_MININT64);
  // Also when the tap has been let go by the other side.
  tap_.reset();
  pass(sound(kSecond, 2 * kSecond));
}

TEST_F(LightAVSegAudio, EndsWhenStoppedAndForgetsWhenStartedAgain) {
  pass(sound(0, kSecond));
  ASSERT_EQ(gst_element_set_state(harness_->element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
  EXPECT_TRUE(input_.ended());
  EXPECT_EQ(input_.end(), kSecond);
  ASSERT_EQ(gst_element_set_state(harness_->element, GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
  EXPECT_FALSE(input_.ended());
  EXPECT_EQ(input_.end(), G_MININT64);
}

// A whole pipeline, where the listener sits elsewhere and comes first or last.
void hear_a_pipeline(bool listener_first) {
  GstElement* pipeline = gst_parse_launch(
      "audiotestsrc num-buffers=20 samplesperbuffer=4800 volume=0.5 freq=1000 "
      "! audio/x-raw, format=S24LE, rate=48000, channels=6 ! bin.( lightavsegaudio name=mic ) "
      "! fakesink sync=false bin.( name=listener identity )",
      nullptr);
  ASSERT_NE(pipeline, nullptr);
  GstElement* listener = gst_bin_get_by_name(GST_BIN(pipeline), "listener");
  ASSERT_NE(listener, nullptr);

  AudioInput input{AudioInput::Options()};
  std::shared_ptr<AudioTap> tap;
  const auto listen = [&] {
    tap = audio_tap(listener, "mic");
    tap->listen(&input);
  };
  if (listener_first) listen();
  gst_element_set_state(pipeline, GST_STATE_READY);
  if (!listener_first) listen();
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  GstBus* bus = gst_element_get_bus(pipeline);
  GstMessage* message = gst_bus_timed_pop_filtered(
      bus, 20 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(GST_MESSAGE_TYPE(message), GST_MESSAGE_EOS);
  gst_message_unref(message);
  gst_object_unref(bus);

  EXPECT_TRUE(input.ended());
  EXPECT_EQ(input.end(), 2 * kSecond);
  AudioWindow window;
  input.window(2 * kSecond, window);
  EXPECT_EQ(window.state, AudioState::kPlaying);
  EXPECT_FALSE(window.silent);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(listener);
  EXPECT_EQ(GST_OBJECT_REFCOUNT_VALUE(pipeline), 1);
  gst_object_unref(pipeline);
  tap->listen(nullptr);
}

TEST_F(LightAVSegAudio, IsFoundByAListenerThatCameBefore) {
  hear_a_pipeline(true);
}

TEST_F(LightAVSegAudio, IsFoundByAListenerThatCameAfter) {
  hear_a_pipeline(false);
}

}  // namespace
}  // namespace lightavseg::gst
