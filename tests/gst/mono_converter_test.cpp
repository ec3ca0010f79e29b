// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/mono_converter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/gst/sound.h"

namespace lightavseg::gst {
namespace {

using testing::audio_format;
using testing::Signal;

constexpr int kRate = 16000;

std::unique_ptr<MonoConverter> make(const GstAudioInfo& info, int rate = kRate) {
  std::string reason;
  auto converter = MonoConverter::make(info, rate, &reason);
  EXPECT_NE(converter, nullptr) << reason;
  return converter;
}

// The whole signal through the converter, cut into blocks of `block` frames, and drained.
std::vector<float> converted(MonoConverter& converter, const Signal& signal, std::size_t frames,
                             std::size_t block) {
  std::vector<float> all;
  for (std::size_t done = 0; done < frames;) {
    const std::size_t count = std::min({block, converter.max_frames(), frames - done});
    GstBuffer* buffer =
        testing::sound_buffer(converter.input(), signal, static_cast<std::int64_t>(done), count);
    GstMapInfo map;
    EXPECT_TRUE(gst_buffer_map(buffer, &map, GST_MAP_READ));
    const auto& samples = converter.convert(map.data, count);
    all.insert(all.end(), samples.begin(), samples.end());
    gst_buffer_unmap(buffer, &map);
    gst_buffer_unref(buffer);
    done += count;
  }
  for (std::size_t left = converter.delay_frames(); left > 0;) {
    const std::size_t count = std::min(left, converter.max_frames());
    const auto& samples = converter.convert_silence(count);
    all.insert(all.end(), samples.begin(), samples.end());
    left -= count;
  }
  return all;
}

std::size_t loudest(const std::vector<float>& samples) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (std::fabs(samples[i]) > std::fabs(samples[best])) best = i;
  }
  return best;
}

struct Format {
  int rate;
  int channels;
};

TEST(MonoConverter, KeepsTheTimeOfAClick) {
  for (const Format format : {Format{8000, 1}, Format{16000, 1}, Format{44100, 2}, Format{48000, 6},
                              Format{96000, 6}, Format{11025, 1}, Format{192000, 2}}) {
    for (const int output : {16000, 32000}) {
      const auto converter =
          make(audio_format(GST_AUDIO_FORMAT_F32LE, format.rate, format.channels), output);
      const std::int64_t click = format.rate / 7;
      const Signal signal = [&](double t, int) {
        return std::llround(t * format.rate) == click ? 0.9 : 0.0;
      };
      const auto samples =
          converted(*converter, signal, static_cast<std::size_t>(format.rate) / 4, 1000);
      const double expected = static_cast<double>(click) * output / format.rate;
      EXPECT_NEAR(static_cast<double>(loudest(samples)), expected, 1.0)
          << format.rate << " Hz to " << output;
    }
  }
}

TEST(MonoConverter, DoesNotDependOnHowTheInputIsCut) {
  for (const int rate : {8000, 16000, 44100, 48000, 44099}) {
    const auto info = audio_format(GST_AUDIO_FORMAT_S16LE, rate, 2);
    const auto frames = static_cast<std::size_t>(rate) / 2;
    const auto whole = converted(*make(info), testing::chirps(), frames, frames);
    EXPECT_NEAR(static_cast<double>(whole.size()), kRate / 2.0, 2.0);
    for (const std::size_t block : {1u, 7u, 441u, 4096u}) {
      EXPECT_EQ(converted(*make(info), testing::chirps(), frames, block), whole)
          << rate << " Hz in blocks of " << block;
    }
  }
}

TEST(MonoConverter, StartsAgainAsIfNew) {
  const auto converter = make(audio_format(GST_AUDIO_FORMAT_F32LE, 44100, 1));
  const auto fresh = converted(*converter, testing::chirps(), 5000, 512);
  ASSERT_TRUE(converter->restart());
  EXPECT_EQ(converted(*converter, testing::chirps(), 5000, 512), fresh);
}

TEST(MonoConverter, HoldsBackAFewMilliseconds) {
  for (const int rate : {44100, 48000, 96000}) {
    const auto converter = make(audio_format(GST_AUDIO_FORMAT_F32LE, rate, 1));
    EXPECT_LE(static_cast<double>(converter->delay_frames()) / rate, 0.005) << rate;
  }
  EXPECT_EQ(make(audio_format(GST_AUDIO_FORMAT_F32LE, kRate, 1))->delay_frames(), 0u);
}

TEST(MonoConverter, ConvertsSilenceToZerosInEveryFormat) {
  for (int f = GST_AUDIO_FORMAT_S8; f <= GST_AUDIO_FORMAT_F64BE; ++f) {
    const auto format = static_cast<GstAudioFormat>(f);
    const auto converter = make(audio_format(format, 48000, 2));
    // Sound first: it must not sound again out of a buffer that is used twice.
    converted(*converter, testing::sine(500, 0.9), 4800, 4800);
    converter->convert_silence(4800);
    for (const float sample : converter->convert_silence(4800)) {
      ASSERT_NEAR(sample, 0.0f, 1e-7f) << gst_audio_format_to_string(format);
    }
  }
}

TEST(MonoConverter, KeepsTonesAndDropsWhatTheOutputCannotHold) {
  const auto level = [](double hz) {
    const auto converter = make(audio_format(GST_AUDIO_FORMAT_F32LE, 48000, 1));
    const auto samples = converted(*converter, testing::sine(hz, 0.5), 24000, 4096);
    double power = 0;
    for (std::size_t i = 1000; i < 7000; ++i) power += samples[i] * samples[i];
    return 10 * std::log10(power / 6000 + 1e-12);
  };
  EXPECT_NEAR(level(1000), -9.03, 0.05);
  EXPECT_LT(level(10000), -70);
}

TEST(MonoConverter, WeighsChannelsWithoutPositionsTheSame) {
  for (const int channels : {2, 3, 6, 12}) {
    const auto converter =
        make(audio_format(GST_AUDIO_FORMAT_F32LE, kRate, channels, /*positioned=*/false));
    const Signal last_only = [=](double, int channel) {
      return channel == channels - 1 ? 0.6 : 0.0;
    };
    const auto samples = converted(*converter, last_only, 100, 100);
    EXPECT_NEAR(samples[50], 0.6 / channels, 1e-6) << channels;
  }
}

TEST(MonoConverter, MixesStereoHalfAndHalf) {
  const auto converter = make(audio_format(GST_AUDIO_FORMAT_S16LE, kRate, 2));
  const Signal right = [](double, int channel) { return channel == 1 ? 0.6 : 0.0; };
  EXPECT_NEAR(converted(*converter, right, 100, 100)[50], 0.3, 1e-4);
}

TEST(MonoConverter, ReadsEveryRawFormat) {
  for (int f = GST_AUDIO_FORMAT_S8; f <= GST_AUDIO_FORMAT_F64BE; ++f) {
    const auto format = static_cast<GstAudioFormat>(f);
    const auto converter = make(audio_format(format, kRate, 1));
    const auto samples = converted(
        *converter, [](double, int) { return 0.5; }, 100, 100);
    ASSERT_EQ(samples.size(), 100u);
    EXPECT_NEAR(samples[50], 0.5, 0.01) << gst_audio_format_to_string(format);
  }
}

TEST(MonoConverter, BoundsItsMemoryForAnyRate) {
  for (const int rate : {1'000, 2'000, 16'000'000}) {
    const auto converter = make(audio_format(GST_AUDIO_FORMAT_S16LE, rate, 1));
    ASSERT_GE(converter->max_frames(), 1u);
    EXPECT_LE(
        converter->max_frames() * static_cast<std::size_t>(kRate) / static_cast<std::size_t>(rate),
        32000u);
    EXPECT_LE(converter->convert_silence(converter->max_frames()).size(), 32000u);
  }
}

TEST(MonoConverter, NamesWhatItCannotRead) {
  const auto reason_for = [](const GstAudioInfo& info) {
    std::string reason;
    EXPECT_EQ(MonoConverter::make(info, kRate, &reason), nullptr);
    EXPECT_EQ(MonoConverter::make(info, kRate, nullptr), nullptr);
    return reason;
  };
  GstAudioInfo info;
  gst_audio_info_init(&info);
  EXPECT_NE(reason_for(info).find("incomplete"), std::string::npos);

  info = audio_format(GST_AUDIO_FORMAT_S16LE, 48000, 2);
  info.layout = GST_AUDIO_LAYOUT_NON_INTERLEAVED;
  EXPECT_NE(reason_for(info).find("interleaved"), std::string::npos);

  for (const int rate : {1, 999, 16'000'001}) {
    info = audio_format(GST_AUDIO_FORMAT_S16LE, rate, 2);
    EXPECT_NE(reason_for(info).find(fmt::format("{} Hz is not 1000 to", rate)), std::string::npos);
  }

  info = audio_format(GST_AUDIO_FORMAT_S16LE, 48000, 2);
  info.finfo = gst_audio_format_get_info(GST_AUDIO_FORMAT_ENCODED);
  EXPECT_NE(reason_for(info).find("not raw"), std::string::npos);

  gst_audio_info_set_format(&info, GST_AUDIO_FORMAT_S16LE, 48000, 64, nullptr);
  EXPECT_NE(reason_for(info).find("64 channels"), std::string::npos);

  info = audio_format(GST_AUDIO_FORMAT_S16LE, 48000, 2);
  info.rate = 0;
  EXPECT_NE(reason_for(info).find("0 Hz"), std::string::npos);
}

}  // namespace
}  // namespace lightavseg::gst
