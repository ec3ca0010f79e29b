// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <vector>

namespace lightavseg {

/// Changes the rate of a recording by a windowed sinc: 48 zero crossings each side under a Kaiser
/// window (beta 9), cut off at 0.94 of the lower Nyquist frequency. Flat to 0.87 of that frequency,
/// at least 80 dB down from 1.0 on. Output sample n lies at the input position n * in / out
/// exactly, so pieces of a recording join without a seam. Immutable, so safe to use from several
/// threads.
class SincResampler {
 public:
  /// @param in_rate, out_rate Hz, above 0
  SincResampler(int in_rate, int out_rate);

  /// First input sample that output sample n needs; may be negative.
  int64_t first_input(int64_t n) const;

  /// One past the last input sample that output sample n needs.
  int64_t end_input(int64_t n) const;

  /// Output samples [first, first + count).
  /// @param input samples of the recording from index first_input(first) on, at least up to
  ///   end_input(first + count - 1); zeros where the recording has none
  std::vector<float> resample(const std::vector<float>& input, int64_t first, int count) const;

 private:
  int64_t in_step_;   // in_rate / gcd
  int64_t out_step_;  // out_rate / gcd: the number of different fractional positions
  int half_taps_;
  std::vector<float> taps_;  // [out_step_][2 * half_taps_]
};

}  // namespace lightavseg
