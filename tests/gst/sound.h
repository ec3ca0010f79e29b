// SPDX-License-Identifier: LGPL-2.1-or-later
// Sound for tests: signals as functions of time, packed into buffers of any raw format.
#pragma once

#include <gst/audio/audio.h>
#include <gst/gst.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace lightavseg::gst::testing {

// Amplitude, -1 to 1, of a channel at a time in seconds.
using Signal = std::function<double(double seconds, int channel)>;

inline Signal sine(double hz, double amplitude) {
  return [=](double t, int) { return amplitude * std::sin(6.283185307179586 * hz * t); };
}

// Something broadband that never repeats: a fast rising and falling chirp, the same everywhere.
inline Signal chirps() {
  return [](double t, int channel) {
    const double sweep = 300.0 + 2500.0 * std::fabs(std::sin(3.1 * t + 0.2 * channel));
    return 0.4 * std::sin(sweep * t) + 0.2 * std::sin(4321.0 * t + channel);
  };
}

// exp(-(t - at)^2 / (2 width^2)), alike in all channels.
inline Signal pulse(double at, double width) {
  return [=](double t, int) { return 0.9 * std::exp(-0.5 * std::pow((t - at) / width, 2)); };
}

inline GstAudioInfo audio_format(GstAudioFormat format, int rate, int channels,
                                 bool positioned = true) {
  static const GstAudioChannelPosition k51[] = {
      GST_AUDIO_CHANNEL_POSITION_FRONT_LEFT,   GST_AUDIO_CHANNEL_POSITION_FRONT_RIGHT,
      GST_AUDIO_CHANNEL_POSITION_FRONT_CENTER, GST_AUDIO_CHANNEL_POSITION_LFE1,
      GST_AUDIO_CHANNEL_POSITION_REAR_LEFT,    GST_AUDIO_CHANNEL_POSITION_REAR_RIGHT};
  const std::vector<GstAudioChannelPosition> none(static_cast<std::size_t>(channels),
                                                  GST_AUDIO_CHANNEL_POSITION_NONE);
  const GstAudioChannelPosition* positions = nullptr;
  if (!positioned && channels <= 64) positions = none.data();
  if (positioned && channels == 6) positions = k51;
  GstAudioInfo info;
  gst_audio_info_init(&info);
  gst_audio_info_set_format(&info, format, rate, channels, positions);
  return info;
}

// Frames [first, first + count) of the signal; frame n sounds at n / rate. No time stamp.
inline GstBuffer* sound_buffer(const GstAudioInfo& info, const Signal& signal, std::int64_t first,
                               std::size_t count) {
  const auto channels = static_cast<std::size_t>(info.channels);
  const std::size_t samples = count * channels;
  std::vector<double> doubles(samples);
  for (std::size_t n = 0; n < count; ++n) {
    const double t = static_cast<double>(first + static_cast<std::int64_t>(n)) / info.rate;
    for (std::size_t c = 0; c < channels; ++c) {
      doubles[n * channels + c] = signal(t, static_cast<int>(c));
    }
  }
  GstBuffer* buffer =
      gst_buffer_new_allocate(nullptr, count * static_cast<std::size_t>(info.bpf), nullptr);
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_WRITE)) return buffer;
  const GstAudioFormatInfo* format = info.finfo;
  if (format->unpack_format == GST_AUDIO_FORMAT_F64) {
    format->pack_func(format, GST_AUDIO_PACK_FLAG_NONE, doubles.data(), map.data,
                      static_cast<gint>(samples));
  } else {
    std::vector<std::int32_t> integers(samples);
    for (std::size_t i = 0; i < samples; ++i) {
      integers[i] = static_cast<std::int32_t>(std::lround(doubles[i] * 2147483647.0));
    }
    format->pack_func(format, GST_AUDIO_PACK_FLAG_NONE, integers.data(), map.data,
                      static_cast<gint>(samples));
  }
  gst_buffer_unmap(buffer, &map);
  return buffer;
}

}  // namespace lightavseg::gst::testing
