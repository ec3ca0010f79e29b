// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dsp/errors.h"

namespace lightavseg::dsp::testing {

// 0.5 sin(2 pi 440 t) + 0.25 sin(2 pi 3000 t), the signal of the golden features.
inline std::vector<float> two_tones(int sample_rate, std::size_t count) {
  constexpr double kTwoPi = 6.283185307179586476925;
  std::vector<float> samples(count);
  for (std::size_t n = 0; n < count; ++n) {
    const double t = static_cast<double>(n) / sample_rate;
    samples[n] = static_cast<float>(0.5 * std::sin(kTwoPi * 440.0 * t) +
                                    0.25 * std::sin(kTwoPi * 3000.0 * t));
  }
  return samples;
}

inline std::vector<float> sine(int sample_rate, double hz, double amplitude, std::size_t count) {
  constexpr double kTwoPi = 6.283185307179586476925;
  std::vector<float> samples(count);
  for (std::size_t n = 0; n < count; ++n) {
    samples[n] = static_cast<float>(amplitude *
                                    std::sin(kTwoPi * hz * static_cast<double>(n) / sample_rate));
  }
  return samples;
}

// A 32-bit mixer: the same numbers on every machine, addressed rather than drawn.
inline std::uint32_t mixed(std::uint32_t seed, std::uint32_t index) {
  std::uint32_t x = seed + index * 0x9E3779B9u;
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  return x ^ (x >> 16);
}

inline std::vector<float> noise(std::uint32_t seed, std::size_t count) {
  std::vector<float> samples(count);
  for (std::size_t n = 0; n < count; ++n) {
    samples[n] =
        static_cast<float>(mixed(seed, static_cast<std::uint32_t>(n)) / 2147483648.0 - 1.0);
  }
  return samples;
}

// The same numbers in sequence.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : seed_(seed) {}
  // 0 <= result < limit.
  int below(int limit) {
    return static_cast<int>(mixed(seed_, index_++) % static_cast<std::uint32_t>(limit));
  }

 private:
  std::uint32_t seed_;
  std::uint32_t index_ = 0;
};

// The text of the DspError that a call throws; "no error" when it does not.
template <typename Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const DspError& error) {
    return error.what();
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace lightavseg::dsp::testing
