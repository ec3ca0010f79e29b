// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_wav.h"

#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace lightavseg {
namespace {

constexpr int kMaxChannels = 8;
constexpr int kMinRate = 4000;
constexpr int kMaxRate = 192000;

struct CloseSound {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using Sound = std::unique_ptr<SNDFILE, CloseSound>;

Sound open_sound(const std::filesystem::path& path, SF_INFO& info) {
  info = SF_INFO{};
  Sound sound(sf_open(path.c_str(), SFM_READ, &info));
  if (sound != nullptr) return sound;
  if (!std::filesystem::exists(path)) {
    throw std::runtime_error(fmt::format("{} is missing", path.string()));
  }
  throw std::runtime_error(
      fmt::format("{} has no readable wav header ({})", path.string(), sf_strerror(nullptr)));
}

// Mean of the channels over [first, end), zeros outside the recording.
std::vector<float> read_mono(const std::filesystem::path& path, int64_t first, int64_t end) {
  SF_INFO info;
  const Sound sound = open_sound(path, info);
  std::vector<float> mono(static_cast<size_t>(end - first), 0.0F);
  const int64_t begin = std::clamp<int64_t>(first, 0, info.frames);
  const int64_t wanted = std::clamp<int64_t>(end, begin, info.frames) - begin;
  if (wanted == 0) return mono;

  const auto channels = static_cast<size_t>(info.channels);
  std::vector<float> interleaved(static_cast<size_t>(wanted) * channels);
  if (sf_seek(sound.get(), begin, SEEK_SET) != begin ||
      sf_readf_float(sound.get(), interleaved.data(), wanted) != wanted) {
    throw std::runtime_error(
        fmt::format("{} breaks off between samples {} and {} although its header promises {}; "
                    "extract it again",
                    path.string(), begin, begin + wanted, info.frames));
  }
  float* out = mono.data() + (begin - first);
  for (size_t i = 0; i < static_cast<size_t>(wanted); ++i) {
    float sum = 0;
    for (size_t c = 0; c < channels; ++c) sum += interleaved[i * channels + c];
    out[i] = sum / static_cast<float>(channels);
  }
  return mono;
}

}  // namespace

AvsWavInfo read_avs_wav_info(const std::filesystem::path& path) {
  SF_INFO info;
  const Sound sound = open_sound(path, info);
  if (info.frames <= 0) {
    throw std::runtime_error(fmt::format("{} holds no samples", path.string()));
  }
  if (info.channels > kMaxChannels) {
    throw std::runtime_error(fmt::format("{} has {} channels instead of 1 to {}", path.string(),
                                         info.channels, kMaxChannels));
  }
  if (info.samplerate < kMinRate || info.samplerate > kMaxRate) {
    throw std::runtime_error(fmt::format("{} has the rate {} Hz instead of {} to {} Hz",
                                         path.string(), info.samplerate, kMinRate, kMaxRate));
  }
  return {info.frames, info.samplerate, info.channels};
}

std::vector<float> read_avs_second(const std::filesystem::path& path, int second,
                                   const SincResampler* resampler) {
  const int64_t first = static_cast<int64_t>(second) * kAvsSampleRate;
  if (resampler == nullptr) return read_mono(path, first, first + kAvsSampleRate);
  const std::vector<float> input = read_mono(path, resampler->first_input(first),
                                             resampler->end_input(first + kAvsSampleRate - 1));
  return resampler->resample(input, first, kAvsSampleRate);
}

}  // namespace lightavseg
