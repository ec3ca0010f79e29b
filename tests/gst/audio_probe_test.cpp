// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/audio_probe.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gst/owned.h"
#include "tests/gst/sound.h"

namespace lightavseg::gst {
namespace {

using testing::audio_format;

using ElementPtr = Owned<GstElement>;

// A reference of our own, whether or not a bin has taken the floating one.
ElementPtr own(GstElement* element) {
  return ElementPtr(GST_ELEMENT(gst_object_ref_sink(element)));
}

ElementPtr make_bin(const char* name) {
  return own(gst_bin_new(name));
}

ElementPtr make_pipeline() {
  return own(gst_pipeline_new(nullptr));
}

void add(const ElementPtr& bin, const ElementPtr& element) {
  ASSERT_TRUE(gst_bin_add(GST_BIN(bin.get()), element.get()));
}

TEST(AudioTapRegistry, FindsTheSameTapFromAnywhereInAPipeline) {
  const auto pipeline = make_pipeline(), outer = make_bin("outer"), inner = make_bin("inner"),
             probe = make_bin("probe"), listener = make_bin("listener");
  add(pipeline, outer);
  add(outer, inner);
  add(inner, probe);
  add(pipeline, listener);

  const auto by_listener = audio_tap(listener.get(), "mic");
  EXPECT_NE(by_listener, nullptr);
  EXPECT_EQ(audio_tap(probe.get(), "mic"), by_listener);
  EXPECT_EQ(audio_tap(pipeline.get(), "mic"), by_listener);
  EXPECT_NE(audio_tap(probe.get(), "other"), by_listener);
}

TEST(AudioTapRegistry, KeepsPipelinesApart) {
  const auto one = make_pipeline(), two = make_pipeline();
  EXPECT_NE(audio_tap(one.get(), "mic"), audio_tap(two.get(), "mic"));
}

TEST(AudioTapRegistry, TakesNoNameForTheEmptyOne) {
  const auto pipeline = make_pipeline();
  const auto tap = audio_tap(pipeline.get(), nullptr);
  EXPECT_EQ(audio_tap(pipeline.get(), ""), tap);
}

TEST(AudioTapRegistry, CopesWithAnElementOutsideOfBins) {
  const auto pipeline = make_pipeline(), element = make_bin("element");
  const auto alone = audio_tap(element.get(), "mic");
  EXPECT_EQ(audio_tap(element.get(), "mic"), alone);

  const auto in_pipeline = audio_tap(pipeline.get(), "mic");
  EXPECT_NE(in_pipeline, alone);
  add(pipeline, element);
  EXPECT_EQ(audio_tap(element.get(), "mic"), in_pipeline);
  ASSERT_TRUE(gst_bin_remove(GST_BIN(pipeline.get()), element.get()));
  EXPECT_EQ(audio_tap(element.get(), "mic"), alone);
}

TEST(AudioTapRegistry, KeepsNothingAlive) {
  auto pipeline = make_pipeline();
  GstElement* watched = pipeline.get();
  g_object_add_weak_pointer(G_OBJECT(watched), reinterpret_cast<gpointer*>(&watched));
  auto tap = audio_tap(pipeline.get(), "mic");
  const std::weak_ptr<AudioTap> weak = tap;
  EXPECT_EQ(GST_OBJECT_REFCOUNT_VALUE(pipeline.get()), 1);

  tap.reset();
  EXPECT_TRUE(weak.expired());
  tap = audio_tap(pipeline.get(), "mic");
  EXPECT_NE(tap, nullptr);

  // The tap outlives its pipeline while somebody holds it.
  pipeline.reset();
  EXPECT_EQ(watched, nullptr);
  EXPECT_FALSE(tap->has_listener());
}

TEST(AudioTapRegistry, IsSafeFromSeveralThreads) {
  const auto pipeline = make_pipeline();
  std::vector<std::shared_ptr<AudioTap>> taps(4);
  std::vector<std::thread> threads;
  for (auto& tap : taps) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        audio_tap(pipeline.get(), std::to_string(i).c_str());
        tap = audio_tap(pipeline.get(), "mic");
      }
    });
  }
  for (auto& thread : threads) thread.join();
  // None let go of one before it had the next, so that it never died.
  const auto last = audio_tap(pipeline.get(), "mic");
  for (const auto& tap : taps) EXPECT_EQ(tap, last);
}

class AudioTapTest : public ::testing::Test {
 protected:
  void push(gint64 start, gint64 end) {
    const auto first = static_cast<std::int64_t>(start / GST_MSECOND * 16);
    const auto count = static_cast<std::size_t>((end - start) / GST_MSECOND * 16);
    GstBuffer* buffer = testing::sound_buffer(info_, testing::chirps(), first, count);
    tap_.push(buffer, start);
    gst_buffer_unref(buffer);
  }

  const GstAudioInfo info_ = audio_format(GST_AUDIO_FORMAT_S16LE, 16000, 2);
  AudioTap tap_;
  AudioInput one_{AudioInput::Options()}, two_{AudioInput::Options()};
};

TEST_F(AudioTapTest, HandsSoundToItsListener) {
  EXPECT_FALSE(tap_.has_listener());
  tap_.listen(&one_);
  EXPECT_TRUE(tap_.has_listener());
  tap_.set_format(info_);
  push(0, GST_SECOND);
  EXPECT_EQ(one_.end(), gint64{GST_SECOND});
  tap_.push_gap(GST_SECOND, GST_SECOND);
  EXPECT_EQ(one_.end(), gint64{2 * GST_SECOND});
  tap_.end_of_stream();
  EXPECT_TRUE(one_.ended());
  tap_.reset();
  EXPECT_EQ(one_.end(), G_MININT64);
}

TEST_F(AudioTapTest, TellsALateListenerWhatPassedTheFormatAndTheEnd) {
  tap_.set_format(info_);
  push(0, GST_SECOND);
  tap_.listen(&one_);
  // All but what the resampler looks ahead.
  EXPECT_NEAR(double(one_.end()), 1e9, 3e6);
  AudioWindow window;
  one_.window(GST_SECOND, window);
  EXPECT_GT(window.filled, 0.99);
  push(GST_SECOND, 2 * GST_SECOND);
  EXPECT_EQ(one_.end(), gint64{2 * GST_SECOND});

  tap_.end_of_stream();
  tap_.listen(&two_);
  EXPECT_TRUE(two_.ended());
  push(2 * GST_SECOND, 3 * GST_SECOND);
  EXPECT_FALSE(two_.ended());
}

TEST_F(AudioTapTest, StopsForNullAndForOne) {
  tap_.set_format(info_);
  tap_.listen(&one_);
  tap_.listen(&one_);
  tap_.listen(&two_);
  push(0, GST_SECOND);
  tap_.stop(&one_);
  EXPECT_TRUE(tap_.has_listener());
  push(GST_SECOND, 2 * GST_SECOND);
  EXPECT_EQ(one_.end(), gint64{GST_SECOND});
  EXPECT_EQ(two_.end(), gint64{2 * GST_SECOND});
  tap_.stop(&one_);
  tap_.listen(nullptr);
  EXPECT_FALSE(tap_.has_listener());
  push(2 * GST_SECOND, 3 * GST_SECOND);
  EXPECT_EQ(two_.end(), gint64{2 * GST_SECOND});
}

TEST_F(AudioTapTest, BearsAFormatThatCannotBeHeard) {
  GstAudioInfo too_fast = info_;
  too_fast.rate = 20'000'000;
  tap_.set_format(too_fast);
  tap_.listen(&one_);
  push(0, GST_SECOND);
  EXPECT_EQ(one_.end(), G_MININT64);
  tap_.set_format(info_);
  push(0, GST_SECOND);
  EXPECT_EQ(one_.end(), gint64{GST_SECOND});
}

TEST_F(AudioTapTest, NeverCallsAListenerThatHasLeft) {
  tap_.set_format(info_);
  std::atomic<bool> done{false};
  std::thread pusher([&] {
    for (gint64 i = 0; !done; ++i) push(i * 10 * GST_MSECOND, (i + 1) * 10 * GST_MSECOND);
  });
  for (int i = 0; i < 50; ++i) {
    auto input = std::make_unique<AudioInput>(AudioInput::Options());
    tap_.listen(input.get());
    i % 2 == 0 ? tap_.listen(nullptr) : tap_.stop(input.get());
    input.reset();
  }
  done = true;
  pusher.join();
  EXPECT_FALSE(tap_.has_listener());
}

}  // namespace
}  // namespace lightavseg::gst
