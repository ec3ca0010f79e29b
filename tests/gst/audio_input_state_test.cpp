// SPDX-License-Identifier: LGPL-2.1-or-later
// What a window says of itself; gaps, ends, flushes and changes of format and model.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "dsp/errors.h"
#include "dsp/sample_ring.h"
#include "gst/audio_input.h"
#include "tests/gst/sound.h"

namespace lightavseg::gst {
namespace {

using testing::audio_format;
using testing::Signal;

constexpr gint64 kMs = GST_MSECOND;
constexpr gint64 kSecond = GST_SECOND;

GstAudioInfo mono16k() {
  return audio_format(GST_AUDIO_FORMAT_F32LE, 16000, 1);
}

AudioWindow window_at(AudioInput& input, gint64 end) {
  AudioWindow window;
  input.window(end, window);
  return window;
}

// Sound of the signal from `start` to `end`, in one buffer.
void play(AudioInput& input, const GstAudioInfo& info, const Signal& signal, gint64 start,
          gint64 end, int flags = 0) {
  ASSERT_TRUE(input.set_format(info, nullptr));
  const std::int64_t first = dsp::sample_at(start, info.rate);
  const std::int64_t last = dsp::sample_at(end, info.rate);
  GstBuffer* buffer =
      testing::sound_buffer(info, signal, first, static_cast<std::size_t>(last - first));
  GST_BUFFER_FLAG_SET(buffer, flags);
  input.push(buffer, start);
  gst_buffer_unref(buffer);
}

TEST(AudioInputState, IsNamed) {
  EXPECT_STREQ(to_string(AudioState::kNone), "none");
  EXPECT_STREQ(to_string(AudioState::kPlaying), "playing");
  EXPECT_STREQ(to_string(AudioState::kPartial), "partial");
  EXPECT_STREQ(to_string(AudioState::kMissing), "missing");
}

TEST(AudioInputState, TellsHowMuchOfAWindowCame) {
  AudioInput input({});
  AudioWindow window = window_at(input, kSecond);
  EXPECT_EQ(window.state, AudioState::kNone);
  EXPECT_EQ(window.filled, 0.0);
  EXPECT_TRUE(window.silent);
  EXPECT_EQ(window.level_db, -100.0);
  EXPECT_EQ(window.frames, 101);
  EXPECT_EQ(window.log_mel.size(), 101u * 64u);

  play(input, mono16k(), testing::sine(440, 0.5), 0, 500 * kMs);
  window = window_at(input, 500 * kMs);
  EXPECT_EQ(window.state, AudioState::kPartial);
  EXPECT_EQ(window.filled, 0.5);
  EXPECT_FALSE(window.silent);

  play(input, mono16k(), testing::sine(440, 0.5), 500 * kMs, 2 * kSecond);
  window = window_at(input, 2 * kSecond);
  EXPECT_EQ(window.state, AudioState::kPlaying);
  EXPECT_EQ(window.filled, 1.0);
  EXPECT_NEAR(window.level_db, -9.03, 0.01);

  EXPECT_EQ(window_at(input, 2500 * kMs).state, AudioState::kPartial);
  EXPECT_EQ(window_at(input, 3500 * kMs).state, AudioState::kMissing);
  EXPECT_EQ(window_at(input, G_MAXINT64).state, AudioState::kMissing);
  EXPECT_EQ(window_at(input, G_MININT64).state, AudioState::kMissing);
}

TEST(AudioInputState, CallsDigitalSilenceSilent) {
  for (const auto format : {GST_AUDIO_FORMAT_S16LE, GST_AUDIO_FORMAT_F32LE, GST_AUDIO_FORMAT_U8}) {
    AudioInput input({});
    const auto info = audio_format(format, 48000, 2);
    play(
        input, info, [](double, int) { return 0.0; }, 0, 2 * kSecond);
    AudioWindow window = window_at(input, 1500 * kMs);
    EXPECT_TRUE(window.silent) << gst_audio_format_to_string(format);
    EXPECT_EQ(window.state, AudioState::kPlaying);
    EXPECT_EQ(window.level_db, -100.0);
  }
  AudioInput input({});
  play(
      input, mono16k(), [](double t, int) { return t == 0.5 ? 1e-5 : 0.0; }, 0, kSecond);
  EXPECT_FALSE(window_at(input, kSecond).silent);
}

TEST(AudioInputState, GivesEqualFeaturesEqualSerials) {
  AudioInput input({});
  play(input, mono16k(), testing::chirps(), 0, kSecond);
  const auto first = window_at(input, kSecond);
  EXPECT_EQ(first.serial, 1u);
  EXPECT_EQ(window_at(input, kSecond).serial, 1u);
  EXPECT_EQ(window_at(input, kSecond + 9 * kMs).serial, 1u) << "the same hop";
  // What comes behind a window does not change it.
  play(input, mono16k(), testing::chirps(), kSecond, 1200 * kMs);
  EXPECT_EQ(window_at(input, kSecond).serial, 1u);
  const auto moved = window_at(input, 1100 * kMs);
  EXPECT_EQ(moved.serial, 2u);
  EXPECT_NE(moved.log_mel, first.log_mel);
  // What comes into a window does.
  const auto before = window_at(input, 1500 * kMs);
  EXPECT_EQ(before.serial, 3u);
  play(input, mono16k(), testing::chirps(), 1200 * kMs, 1210 * kMs);
  EXPECT_EQ(window_at(input, 1500 * kMs).serial, 4u);
  // Silence is alike wherever it is.
  EXPECT_EQ(window_at(input, 5 * kSecond).serial, 5u);
  EXPECT_EQ(window_at(input, 6 * kSecond).serial, 5u);
}

TEST(AudioInputState, CountsGapBuffersAsSilenceThatCame) {
  for (const int rate : {16000, 44100}) {
    AudioInput input({});
    const auto info = audio_format(GST_AUDIO_FORMAT_S16LE, rate, 1);
    play(input, info, testing::chirps(), 0, kSecond);
    play(input, info, testing::chirps(), kSecond, 2 * kSecond, GST_BUFFER_FLAG_GAP);
    EXPECT_EQ(input.end(), 2 * kSecond);
    const AudioWindow window = window_at(input, 2 * kSecond);
    EXPECT_EQ(window.state, AudioState::kPlaying) << rate;
    EXPECT_TRUE(window.silent) << "the content of a gap is nobody's business";
    play(input, info, testing::chirps(), 2 * kSecond, 3 * kSecond);
    input.end_of_stream();
    EXPECT_EQ(window_at(input, 2500 * kMs).filled, 1.0);
    EXPECT_FALSE(window_at(input, 2500 * kMs).silent);
  }
}

TEST(AudioInputState, HearsAGapAsZerosWouldSound) {
  // At 16 kHz nothing is resampled, so that both ways give the same bits.
  const auto hear = [](int flags) {
    AudioInput input({});
    const Signal stops = [](double t, int c) { return t < 0.5 ? testing::chirps()(t, c) : 0.0; };
    play(input, mono16k(), stops, 0, 500 * kMs);
    play(input, mono16k(), stops, 500 * kMs, kSecond, flags);
    return window_at(input, kSecond).log_mel;
  };
  EXPECT_EQ(hear(GST_BUFFER_FLAG_GAP), hear(0));
}

TEST(AudioInputState, TakesGapEvents) {
  AudioInput input({});
  // Before any format, as a stream that starts with silence has it.
  input.push_gap(0, 300 * GST_MSECOND);
  EXPECT_EQ(input.end(), 300 * kMs);
  play(input, audio_format(GST_AUDIO_FORMAT_S16LE, 48000, 2), testing::chirps(), 300 * kMs,
       600 * kMs);
  // Rounded a little, which must leave no hole.
  input.push_gap(601 * kMs, 399 * GST_MSECOND);
  EXPECT_EQ(input.end(), kSecond);
  EXPECT_EQ(window_at(input, kSecond).filled, 1.0);
  // A minute of them ends where the last one ends.
  for (gint64 i = 0; i < 1800; ++i) {
    input.push_gap(kSecond + i * kSecond / 30, static_cast<GstClockTime>(kSecond / 30));
  }
  EXPECT_NEAR(static_cast<double>(input.end()), 61.0 * kSecond, 62500.0);
  EXPECT_EQ(window_at(input, 60 * kSecond).state, AudioState::kPlaying);
  EXPECT_TRUE(window_at(input, 60 * kSecond).silent);
}

TEST(AudioInputState, LeavesAHoleBeforeALateGap) {
  AudioInput input({});
  play(input, mono16k(), testing::chirps(), 0, 500 * kMs);
  input.push_gap(700 * kMs, 300 * GST_MSECOND);
  EXPECT_EQ(input.end(), kSecond);
  EXPECT_DOUBLE_EQ(window_at(input, kSecond).filled, 0.8);
}

TEST(AudioInputState, IsNotMisledByAbsurdGaps) {
  AudioInput input({});
  play(input, mono16k(), testing::chirps(), 0, kSecond);
  input.push_gap(kSecond, GST_CLOCK_TIME_NONE);
  input.push_gap(kSecond, 0);
  input.push_gap(500 * kMs, 10 * GST_MSECOND);  // long over, a hole in what came
  EXPECT_EQ(input.end(), kSecond);
  input.push_gap(kUnknownTime, 100 * GST_MSECOND);
  EXPECT_NEAR(static_cast<double>(input.end()), 1.1 * kSecond, 0.6 * kSecond);

  AudioInput other({});
  other.push_gap(0, G_MAXINT64);
  EXPECT_EQ(other.end() >= 0 || other.end() == G_MININT64, true);
  other.push_gap(G_MAXINT64, G_MAXINT64);
  other.reset();
  // An hour takes no longer than what will be remembered of it.
  other.push_gap(0, 3600 * GST_SECOND);
  EXPECT_EQ(other.end(), 3600 * kSecond);
  EXPECT_EQ(window_at(other, 3600 * kSecond).filled, 1.0);
}

TEST(AudioInputState, TakesEmptyGapBuffersForTheirDuration) {
  AudioInput input({});
  play(input, mono16k(), testing::chirps(), 0, 500 * kMs);
  GstBuffer* gap = gst_buffer_new();
  GST_BUFFER_FLAG_SET(gap, GST_BUFFER_FLAG_GAP);
  GST_BUFFER_DURATION(gap) = 500 * GST_MSECOND;
  input.push(gap, 500 * kMs);
  gst_buffer_unref(gap);
  EXPECT_EQ(input.end(), kSecond);
  EXPECT_EQ(window_at(input, kSecond).filled, 1.0);
}

TEST(AudioInputState, EndsUntilMoreComes) {
  AudioInput input({});
  EXPECT_FALSE(input.ended());
  input.end_of_stream();
  EXPECT_TRUE(input.ended());
  EXPECT_EQ(input.end(), G_MININT64);

  const auto info = audio_format(GST_AUDIO_FORMAT_S16LE, 44100, 2);
  play(input, info, testing::chirps(), 0, kSecond);
  EXPECT_FALSE(input.ended());
  EXPECT_LT(input.end(), kSecond);
  input.end_of_stream();
  input.end_of_stream();
  EXPECT_TRUE(input.ended());
  EXPECT_EQ(input.end(), kSecond);

  // A stream that goes on after an end, as concatenated files do, leaves no hole.
  play(input, info, testing::chirps(), kSecond, 2 * kSecond);
  EXPECT_FALSE(input.ended());
  input.end_of_stream();
  EXPECT_EQ(window_at(input, 1500 * kMs).filled, 1.0);
  input.push_gap(2 * kSecond, 100 * GST_MSECOND);
  EXPECT_FALSE(input.ended());
}

TEST(AudioInputState, ForgetsAtAFlushButKeepsTheFormat) {
  const auto info = audio_format(GST_AUDIO_FORMAT_S16LE, 44100, 2);
  AudioInput input({});
  play(input, info, testing::chirps(), 0, 2 * kSecond);
  input.end_of_stream();
  input.reset();
  EXPECT_FALSE(input.ended());
  EXPECT_EQ(input.end(), G_MININT64);
  EXPECT_EQ(window_at(input, kSecond).state, AudioState::kNone);
  EXPECT_TRUE(window_at(input, kSecond).silent);

  // Nothing of the sound before is left in the resampler either.
  AudioInput fresh({});
  play(fresh, info, testing::chirps(), kSecond, 2 * kSecond);
  GstBuffer* buffer = testing::sound_buffer(info, testing::chirps(), 44100, 44100);
  input.push(buffer, kSecond);
  gst_buffer_unref(buffer);
  EXPECT_EQ(window_at(input, 2 * kSecond).log_mel, window_at(fresh, 2 * kSecond).log_mel);
}

TEST(AudioInputState, PlaysOnWhenTheFormatChanges) {
  const Signal tone = testing::sine(1000, 0.5);
  AudioInput input({});
  gint64 time = 0;
  for (const auto& info :
       {audio_format(GST_AUDIO_FORMAT_S16LE, 48000, 2),
        audio_format(GST_AUDIO_FORMAT_F32LE, 44100, 1),
        audio_format(GST_AUDIO_FORMAT_S24BE, 16000, 6), audio_format(GST_AUDIO_FORMAT_U8, 8000, 1),
        audio_format(GST_AUDIO_FORMAT_F64LE, 96000, 2)}) {
    play(input, info, tone, time, time + 300 * kMs);
    time += 300 * kMs;
  }
  input.end_of_stream();
  EXPECT_EQ(input.end(), 1500 * kMs);
  for (const gint64 end : {kSecond, 1250 * kMs, 1500 * kMs}) {
    const AudioWindow window = window_at(input, end);
    EXPECT_EQ(window.filled, 1.0);
    EXPECT_NEAR(window.level_db, -9.03, 0.15);
  }
}

TEST(AudioInputState, IsNotDisturbedByTheSameFormatAgain) {
  const auto info = audio_format(GST_AUDIO_FORMAT_S16LE, 44100, 2);
  const auto hear = [&](bool again) {
    AudioInput input({});
    for (gint64 i = 0; i < 10; ++i) {
      if (again) {
        EXPECT_TRUE(input.set_format(info, nullptr));
      }
      play(input, info, testing::chirps(), i * 100 * kMs, (i + 1) * 100 * kMs);
    }
    input.end_of_stream();
    return window_at(input, kSecond).log_mel;
  };
  EXPECT_EQ(hear(true), hear(false));
}

TEST(AudioInputState, KeepsSoundForAModelOfTheSameRate) {
  const auto hear = [](AudioInput& input) {
    play(input, mono16k(), testing::chirps(), 0, 400 * kMs);
    play(input, mono16k(), testing::chirps(), 600 * kMs, 2 * kSecond);
    input.end_of_stream();
  };
  AudioInput input({});
  hear(input);
  const auto serial = window_at(input, kSecond).serial;
  input.set_front_end(dsp::FrontEnd::kVggish);
  EXPECT_TRUE(input.ended());
  EXPECT_EQ(input.end(), 2 * kSecond);

  AudioInput::Options options;
  options.front_end = dsp::FrontEnd::kVggish;
  AudioInput expected(options);
  hear(expected);
  for (const gint64 end : {kSecond, 1300 * kMs, 2 * kSecond, 2500 * kMs}) {
    const AudioWindow a = window_at(input, end), b = window_at(expected, end);
    EXPECT_EQ(a.frames, 98);
    EXPECT_EQ(a.filled, b.filled);
    EXPECT_EQ(a.log_mel, b.log_mel);
    EXPECT_GT(a.serial, serial);
  }
  // And goes on without a seam.
  play(input, mono16k(), testing::chirps(), 2 * kSecond, 3 * kSecond);
  EXPECT_EQ(window_at(input, 2700 * kMs).filled, 1.0);
}

TEST(AudioInputState, ForgetsSoundForAModelOfAnotherRate) {
  AudioInput input({});
  const auto info = audio_format(GST_AUDIO_FORMAT_S16LE, 44100, 2);
  play(input, info, testing::chirps(), 0, kSecond);
  input.set_front_end(dsp::FrontEnd::kPanns32k);
  EXPECT_EQ(input.end(), G_MININT64);
  EXPECT_EQ(window_at(input, kSecond).state, AudioState::kNone);
  // The format is still known, converted to the new rate.
  GstBuffer* buffer = testing::sound_buffer(info, testing::sine(10000, 0.5), 44100, 44100);
  input.push(buffer, kSecond);
  gst_buffer_unref(buffer);
  input.end_of_stream();
  EXPECT_EQ(input.end(), 2 * kSecond);
  EXPECT_NEAR(window_at(input, 2 * kSecond).level_db, -9.03, 0.1)
      << "10 kHz fit into 32 kHz, not into 16 kHz";
}

TEST(AudioInputState, KeepsTheFrontEndWhenAnotherCannotBe) {
  AudioInput input({});
  play(input, mono16k(), testing::chirps(), 0, kSecond);
  const auto before = window_at(input, kSecond);
  EXPECT_THROW(input.set_front_end(static_cast<dsp::FrontEnd>(99)), dsp::DspError);
  const auto after = window_at(input, kSecond);
  EXPECT_EQ(after.serial, before.serial);
  EXPECT_EQ(after.log_mel, before.log_mel);
}

}  // namespace
}  // namespace lightavseg::gst
