// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "model/data/avsbench_resample.h"

namespace lightavseg {

/// What the network listens at, Hz.
inline constexpr int kAvsSampleRate = 16000;

/// What the header of a recording says.
struct AvsWavInfo {
  int64_t frames = 0;   ///< samples per channel
  int sample_rate = 0;  ///< Hz
  int channels = 0;
};

/// Reads the header.
/// @throws std::runtime_error naming the file if it is missing, no recording that libsndfile knows,
///   empty, above 8 channels or outside 4000 ... 192000 Hz
AvsWavInfo read_avs_wav_info(const std::filesystem::path& path);

/// Reads one second as the network wants it: the mean of the channels at 16 kHz.
/// @param second 0 for the first; silence where the recording has ended
/// @param resampler from the recording's rate to 16 kHz; null if it has that rate already
/// @return 16000 samples, full scale 1
/// @throws std::runtime_error naming the file if it cannot be read
std::vector<float> read_avs_second(const std::filesystem::path& path, int second,
                                   const SincResampler* resampler);

}  // namespace lightavseg
