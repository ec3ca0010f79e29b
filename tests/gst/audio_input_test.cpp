// SPDX-License-Identifier: LGPL-2.1-or-later
// Where sound lands in time, whatever its format and however it is cut into buffers.
#include "gst/audio_input.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "dsp/errors.h"
#include "dsp/sample_ring.h"
#include "tests/dsp/signals.h"
#include "tests/gst/sound.h"

namespace lightavseg::gst {
namespace {

using dsp::testing::contains;
using dsp::testing::Dice;
using dsp::testing::error_of;
using testing::audio_format;
using testing::Signal;

constexpr gint64 kMs = GST_MSECOND;
constexpr gint64 kSecond = GST_SECOND;
constexpr int kRate = 16000;  // of the default front end

GstAudioInfo mono16k() {
  return audio_format(GST_AUDIO_FORMAT_F32LE, kRate, 1);
}

// A stream that starts at running time `origin`: frame n sounds there plus n / rate.
class Player {
 public:
  Player(AudioInput& input, const GstAudioInfo& info, Signal signal, gint64 origin = 0)
      : input_(input), info_(info), signal_(std::move(signal)), origin_(origin) {
    std::string reason;
    EXPECT_TRUE(input.set_format(info, &reason)) << reason;
  }

  gint64 time() const { return origin_ + dsp::time_of(next_, info_.rate); }
  void skip(std::int64_t frames) { next_ += frames; }
  std::int64_t frames_of(gint64 ns) const { return dsp::sample_at(ns, info_.rate); }

  // The next frames, with a time stamp that is off by `late` and flags.
  void play(std::int64_t frames, gint64 late = 0, int flags = 0) {
    play_at(frames, time() + late, flags);
  }
  void play_at(std::int64_t frames, gint64 start, int flags = 0) {
    GstBuffer* buffer =
        testing::sound_buffer(info_, signal_, next_, static_cast<std::size_t>(frames));
    GST_BUFFER_FLAG_SET(buffer, flags);
    input_.push(buffer, start);
    gst_buffer_unref(buffer);
    next_ += frames;
  }
  void play_ms(gint64 ms) { play(frames_of(ms * kMs)); }

 private:
  AudioInput& input_;
  GstAudioInfo info_;
  Signal signal_;
  gint64 origin_;
  std::int64_t next_ = 0;
};

AudioWindow window_at(AudioInput& input, gint64 end) {
  AudioWindow window;
  input.window(end, window);
  return window;
}

// Windows every 70 ms over the sound that came, which also end off the grid of hops.
std::vector<AudioWindow> windows_until(AudioInput& input, gint64 until) {
  std::vector<AudioWindow> windows;
  for (gint64 end = 70 * kMs; end <= until; end += 70 * kMs) {
    windows.push_back(window_at(input, end));
  }
  return windows;
}

void expect_same(const std::vector<AudioWindow>& a, const std::vector<AudioWindow>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].filled, b[i].filled) << "window " << i;
    ASSERT_EQ(a[i].log_mel, b[i].log_mel) << "window " << i;
  }
}

double energy(const AudioWindow& window) {
  return std::pow(10.0, window.level_db / 10.0) * kRate;
}

double inverse_erf(double value) {
  double low = -4, high = 4;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (std::erf(middle) < value ? low : high) = middle;
  }
  return low;
}

// How much later than `at` (seconds; within a millisecond of a whole hop) a pulse of that width
// sounds: the share of its energy in the window that starts at that hop tells, far below a sample.
double lateness(AudioInput& input, double at, double width) {
  const auto border = static_cast<gint64>(std::llround(at * 100)) * 10 * kMs;
  const double all = energy(window_at(input, border + kSecond / 2));
  const double after = energy(window_at(input, border + kSecond));
  const double behind_border = inverse_erf(2 * after / all - 1) * width - 0.5 / kRate;
  return static_cast<double>(border) * 1e-9 + behind_border - at;
}

struct Stream {
  int rate;
  int channels;
};

TEST(AudioInput, PutsSoundWhereItSounds) {
  constexpr double kWidth = 0.0005;
  for (const Stream stream :
       {Stream{8000, 1}, Stream{16000, 1}, Stream{44100, 2}, Stream{48000, 6}, Stream{96000, 6}}) {
    for (const GstAudioFormat format :
         {GST_AUDIO_FORMAT_S16LE, GST_AUDIO_FORMAT_S16BE, GST_AUDIO_FORMAT_S24LE,
          GST_AUDIO_FORMAT_S24BE, GST_AUDIO_FORMAT_S24_32LE, GST_AUDIO_FORMAT_S32LE,
          GST_AUDIO_FORMAT_S32BE, GST_AUDIO_FORMAT_F32LE, GST_AUDIO_FORMAT_F32BE,
          GST_AUDIO_FORMAT_F64LE, GST_AUDIO_FORMAT_F64BE}) {
      // The stream starts at no round time, so that its samples fall between those of the ring.
      const gint64 origin = 123'456'789;
      const double at = 0.7302;
      AudioInput input({});
      Player player(input, audio_format(format, stream.rate, stream.channels),
                    testing::pulse(at - static_cast<double>(origin) * 1e-9, kWidth), origin);
      for (int i = 0; i < 20; ++i) player.play(player.frames_of(64 * kMs));
      input.end_of_stream();
      EXPECT_NEAR(lateness(input, at, kWidth) * kRate, 0.0, 0.6)
          << stream.rate << " Hz " << gst_audio_format_to_string(format);
    }
  }
}

TEST(AudioInput, MeetsAClickAtNegativeTimes) {
  AudioInput input({});
  Player player(input, audio_format(GST_AUDIO_FORMAT_F32LE, 48000, 1), testing::pulse(0.5, 0.0005),
                -2 * kSecond);
  player.play_ms(1000);
  input.end_of_stream();
  EXPECT_EQ(input.end(), -kSecond);
  EXPECT_NEAR(lateness(input, -1.5, 0.0005) * kRate, 0.0, 0.6);
}

// The features of one stream, by how it is cut and how its time stamps are rounded.
std::vector<AudioWindow> cut(const GstAudioInfo& info,
                             const std::function<std::int64_t()>& block_frames, gint64 round_to) {
  AudioInput input({});
  Player player(input, info, testing::chirps());
  const std::int64_t total = 3 * info.rate;
  for (std::int64_t done = 0; done < total;) {
    const std::int64_t frames = std::min(block_frames(), total - done);
    const gint64 time = player.time();
    player.play(frames, (time + round_to / 2) / round_to * round_to - time);
    done += frames;
  }
  input.end_of_stream();
  EXPECT_EQ(input.end(), 3 * kSecond);
  return windows_until(input, 3 * kSecond);
}

TEST(AudioInput, DoesNotDependOnHowTheStreamIsCut) {
  for (const Stream stream :
       {Stream{8000, 1}, Stream{16000, 2}, Stream{44100, 2}, Stream{48000, 6}, Stream{22051, 1}}) {
    const auto info = audio_format(GST_AUDIO_FORMAT_S16LE, stream.rate, stream.channels);
    const auto expected = cut(
        info, [&] { return stream.rate; }, 1);
    EXPECT_EQ(expected.back().filled, 1.0);
    for (const gint64 round_to : {gint64{1}, kMs}) {
      SCOPED_TRACE(std::to_string(stream.rate) + " Hz, stamps of " + std::to_string(round_to) +
                   " ns");
      expect_same(cut(
                      info, [&] { return stream.rate / 100; }, round_to),
                  expected);
      expect_same(cut(
                      info, [&] { return stream.rate * 64 / 1000; }, round_to),
                  expected);
      expect_same(cut(
                      info, [&] { return stream.rate; }, round_to),
                  expected);
      Dice dice(7);
      expect_same(cut(
                      info, [&] { return 1 + dice.below(stream.rate / 4); }, round_to),
                  expected);
    }
  }
}

TEST(AudioInput, DoesNotChangeAWindowThatHasEnded) {
  for (const bool silent_after : {false, true}) {
    AudioInput input({});
    Player player(input, audio_format(GST_AUDIO_FORMAT_S16LE, 44100, 2), testing::chirps());
    std::vector<AudioWindow> early;
    gint64 end = 70 * kMs;
    for (int i = 0; i < 60; ++i) {
      player.play(1777, 0, silent_after && i > 30 ? GST_BUFFER_FLAG_GAP : 0);
      for (; end <= input.end(); end += 70 * kMs) early.push_back(window_at(input, end));
    }
    ASSERT_GT(early.size(), 30u);
    expect_same(windows_until(input, static_cast<gint64>(early.size()) * 70 * kMs), early);
  }
}

TEST(AudioInput, EndsWhereNothingCanChangeAnyMore) {
  AudioInput input({});
  EXPECT_EQ(input.end(), G_MININT64);
  Player player(input, audio_format(GST_AUDIO_FORMAT_S16LE, 48000, 1), testing::chirps());
  player.play_ms(500);
  EXPECT_LE(input.end(), 500 * kMs);
  EXPECT_GE(input.end(), 495 * kMs);
  input.end_of_stream();
  EXPECT_EQ(input.end(), 500 * kMs);
}

TEST(AudioInput, DoesNotDrift) {
  // Ten minutes of milliseconds that are rounded always the same way.
  AudioInput input({});
  Player player(input, audio_format(GST_AUDIO_FORMAT_S8, 11025, 1),
                [](double, int) { return 0.1; });
  for (int i = 0; i < 25840; ++i) {
    const gint64 time = player.time();
    player.play(256, time / kMs * kMs - time);
  }
  input.end_of_stream();
  EXPECT_NEAR(static_cast<double>(input.end()), static_cast<double>(player.time()), 31250.0);
  EXPECT_EQ(window_at(input, input.end()).filled, 1.0);
}

TEST(AudioInput, FollowsAClockThatRunsOff) {
  // Samples come 0.2 % slower than they claim: every 20 s the difference is 40 ms.
  for (const double speed : {0.998, 1.002}) {
    AudioInput input({});
    Player player(input, mono16k(), testing::chirps());
    gint64 stamp = 0;
    for (int i = 0; i < 6000; ++i) {
      stamp = std::llround(i * 1e7 / speed);
      player.play_at(160, stamp);
      ASSERT_NEAR(static_cast<double>(input.end() - 10 * kMs - stamp), 0.0, 40.0 * kMs + 31250.0)
          << i;
    }
  }
}

TEST(AudioInput, TakesADiscontFlagWithAMatchingTimeForNoSeam) {
  const auto info = audio_format(GST_AUDIO_FORMAT_S16LE, 44100, 2);
  const auto play = [&](int flags) {
    AudioInput input({});
    Player player(input, info, testing::chirps());
    for (int i = 0; i < 20; ++i) {
      const gint64 time = player.time();
      player.play(4410, (time + kMs / 2) / kMs * kMs - time, flags);
    }
    input.end_of_stream();
    return windows_until(input, 2 * kSecond);
  };
  expect_same(play(GST_BUFFER_FLAG_DISCONT), play(0));
}

TEST(AudioInput, CutsAtADiscontFlagWithAnotherTime) {
  const auto filled_with = [](gint64 hole_ms, int flags) {
    AudioInput input({});
    Player player(input, mono16k(), testing::chirps());
    player.play_ms(500);
    player.skip(player.frames_of(hole_ms * kMs));
    player.play(player.frames_of(500 * kMs), 0, flags);
    return window_at(input, player.time()).filled;
  };
  EXPECT_DOUBLE_EQ(filled_with(10, GST_BUFFER_FLAG_DISCONT), 0.99);
  EXPECT_DOUBLE_EQ(filled_with(0, GST_BUFFER_FLAG_DISCONT), 1.0);
  // Without the flag 10 ms are taken for rounding, and the sound continues 10 ms early.
  EXPECT_DOUBLE_EQ(filled_with(10, 0), 0.99);
  EXPECT_DOUBLE_EQ(filled_with(40, 0), 0.96);
  EXPECT_DOUBLE_EQ(filled_with(41, 0), 0.959);
}

TEST(AudioInput, KeepsHolesAtTheirPlace) {
  AudioInput input({});
  Player player(input, mono16k(), testing::chirps());
  player.play_ms(300);
  player.skip(player.frames_of(200 * kMs));
  player.play_ms(500);
  EXPECT_DOUBLE_EQ(window_at(input, kSecond).filled, 0.8);
  EXPECT_DOUBLE_EQ(window_at(input, 500 * kMs).filled, 0.3);

  // The same with a resampler, whose tail belongs before the hole.
  AudioInput resampled({});
  Player other(resampled, audio_format(GST_AUDIO_FORMAT_S16LE, 48000, 2), testing::chirps());
  other.play_ms(300);
  other.skip(other.frames_of(200 * kMs));
  other.play_ms(500);
  resampled.end_of_stream();
  EXPECT_DOUBLE_EQ(window_at(resampled, kSecond).filled, 0.8);
}

TEST(AudioInput, OverwritesWhenTimeGoesBackALittle) {
  AudioInput input({});
  Player player(input, mono16k(), testing::chirps());
  player.play_ms(1000);
  player.play_at(8000, 500 * kMs);  // what would sound from 1.0 s on
  EXPECT_EQ(input.end(), kSecond);

  AudioInput expected({});
  Player other(expected, mono16k(), testing::chirps());
  other.play_ms(500);
  other.skip(8000);
  other.play_at(8000, 500 * kMs);
  EXPECT_EQ(window_at(input, kSecond).log_mel, window_at(expected, kSecond).log_mel);
}

TEST(AudioInput, ForgetsWhenTimeGoesBackBeyondTheHistory) {
  AudioInput input({});
  Player player(input, mono16k(), testing::chirps(), 100 * kSecond);
  player.play_ms(1000);
  player.play_at(16000, 10 * kSecond);
  EXPECT_EQ(input.end(), 11 * kSecond);
  EXPECT_EQ(window_at(input, 101 * kSecond).filled, 0.0);
  EXPECT_EQ(window_at(input, 11 * kSecond).filled, 1.0);
}

TEST(AudioInput, RemembersEightSeconds) {
  AudioInput input({});
  Player player(input, mono16k(), testing::chirps());
  for (int i = 0; i < 20; ++i) player.play_ms(1000);
  EXPECT_EQ(window_at(input, 13 * kSecond).filled, 1.0);
  EXPECT_EQ(window_at(input, 12500 * kMs).filled, 0.5);
  EXPECT_EQ(window_at(input, 12 * kSecond).filled, 0.0);
}

TEST(AudioInput, ContinuesWhereTheTimeIsUnknown) {
  const auto info = audio_format(GST_AUDIO_FORMAT_S16LE, 44100, 2);
  const auto play = [&](gint64 unknown) {
    AudioInput input({});
    Player player(input, info, testing::chirps());
    player.play(4410);
    for (int i = 0; i < 19; ++i) player.play_at(4410, unknown == 0 ? player.time() : unknown);
    input.end_of_stream();
    EXPECT_EQ(input.end(), 2 * kSecond);
    return windows_until(input, 2 * kSecond);
  };
  const auto expected = play(0);
  for (const gint64 absurd : {kUnknownTime, G_MAXINT64, G_MININT64 + 1, G_MAXINT64 / 2}) {
    expect_same(play(absurd), expected);
  }
}

TEST(AudioInput, StartsAtZeroWhereNoTimeIsKnown) {
  AudioInput input({});
  Player player(input, mono16k(), testing::chirps());
  player.play_at(16000, kUnknownTime);
  EXPECT_EQ(input.end(), kSecond);
  EXPECT_EQ(window_at(input, kSecond).filled, 1.0);
}

TEST(AudioInput, DropsBrokenTails) {
  const auto info = audio_format(GST_AUDIO_FORMAT_S24LE, kRate, 2);
  const auto play = [&](gsize extra) {
    AudioInput input({});
    Player player(input, info, testing::chirps());
    for (int i = 0; i < 10; ++i) {
      GstBuffer* buffer = testing::sound_buffer(info, testing::chirps(), i * 1600, 1600);
      if (extra > 0) {
        buffer = gst_buffer_append(buffer, gst_buffer_new_memdup("abcde", extra));
        GstBuffer* tail_only = gst_buffer_new_memdup("abcde", extra);
        input.push(tail_only, i * 100 * kMs);
        gst_buffer_unref(tail_only);
      }
      input.push(buffer, i * 100 * kMs);
      gst_buffer_unref(buffer);
    }
    return windows_until(input, kSecond);
  };
  expect_same(play(1), play(0));
  expect_same(play(5), play(0));
}

TEST(AudioInput, IgnoresABufferWithoutSamples) {
  AudioInput input({});
  Player player(input, mono16k(), testing::chirps());
  GstBuffer* empty = gst_buffer_new();
  input.push(empty, 5 * kSecond);
  gst_buffer_unref(empty);
  EXPECT_EQ(input.end(), G_MININT64);
}

TEST(AudioInput, SurvivesSamplesThatAreNoNumbers) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {nan, infinity, -infinity, 1e300}) {
    for (const int rate : {kRate, 48000}) {
      for (const auto format : {GST_AUDIO_FORMAT_F32LE, GST_AUDIO_FORMAT_F64BE}) {
        const auto play = [&](double value) {
          AudioInput input({});
          Player player(input, audio_format(format, rate, 2), [&](double t, int channel) {
            return t < 0.5 ? value : testing::chirps()(t, channel);
          });
          for (int i = 0; i < 20; ++i) player.play_ms(100);
          input.end_of_stream();
          return windows_until(input, 2 * kSecond);
        };
        const auto with_bad = play(bad);
        for (const AudioWindow& window : with_bad) {
          ASSERT_TRUE(std::all_of(window.log_mel.begin(), window.log_mel.end(),
                                  [](float x) { return std::isfinite(x); }));
          ASSERT_TRUE(std::isfinite(window.level_db));
        }
        // Once they have left the window nothing is left of them.
        EXPECT_EQ(with_bad.back().log_mel, play(0).back().log_mel);
      }
    }
  }
}

TEST(AudioInput, RefusesWhatCannotBeConvertedAndHearsNothingOfIt) {
  AudioInput input({});
  GstAudioInfo info = mono16k();
  info.rate = 20'000'000;
  std::string reason;
  EXPECT_FALSE(input.set_format(info, &reason));
  EXPECT_TRUE(contains(reason, "audioresample")) << reason;
  EXPECT_FALSE(input.set_format(info, nullptr));

  GstBuffer* buffer = testing::sound_buffer(mono16k(), testing::chirps(), 0, 16000);
  input.push(buffer, 0);
  EXPECT_EQ(input.end(), G_MININT64);
  EXPECT_TRUE(input.set_format(mono16k(), &reason));
  EXPECT_EQ(reason, "");
  input.push(buffer, 0);
  EXPECT_EQ(input.end(), kSecond);
  gst_buffer_unref(buffer);
}

TEST(AudioInput, NamesOptionsThatCannotBe) {
  AudioInput::Options options;
  options.window = 5 * GST_MSECOND;
  EXPECT_TRUE(contains(error_of([&] { AudioInput input(options); }), "window_ns"));
  options.window = GST_SECOND;
  options.history = GST_SECOND / 2;
  EXPECT_TRUE(contains(error_of([&] { AudioInput input(options); }), "history_ns"));
  options.history = GST_CLOCK_TIME_NONE;
  EXPECT_TRUE(contains(error_of([&] { AudioInput input(options); }), "history_ns"));
  options = {};
  options.front_end = static_cast<dsp::FrontEnd>(99);
  EXPECT_NE(error_of([&] { AudioInput input(options); }), "no error");
}

TEST(AudioInput, BearsPushesAndWindowsFromSeveralThreads) {
  AudioInput input({});
  std::thread pusher([&] {
    Player player(input, audio_format(GST_AUDIO_FORMAT_S16LE, 48000, 2), testing::chirps());
    for (int i = 0; i < 100; ++i) player.play_ms(20);
    input.end_of_stream();
  });
  AudioWindow window;
  while (!input.ended()) input.window(std::max<gint64>(input.end(), 0), window);
  pusher.join();
  input.window(2 * kSecond, window);
  EXPECT_EQ(window.filled, 1.0);
}

}  // namespace
}  // namespace lightavseg::gst
