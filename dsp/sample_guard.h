// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace lightavseg::dsp {

// Full scale is 1; 80 dB more is no sound, and beyond it powers would leave the range of a float.
inline constexpr float kLoudestSample = 1e4f;

// -240 dB is far below the floor of every front end. Fading reverberation gets there, and then into
// subnormal numbers, which slow a processor down a hundredfold.
inline constexpr float kQuietestSample = 1e-12f;

// The sample as dsp/ sees it: NaN and infinities are silence, so that they cannot spread through a
// transform; loud samples clip at +-kLoudestSample and faint ones are 0. Applying it twice changes
// nothing.
inline float guarded(float sample) {
  const float magnitude = std::fabs(sample);
  const float clipped = std::min(std::max(sample, -kLoudestSample), kLoudestSample);
  const bool usable =
      magnitude >= kQuietestSample && magnitude <= std::numeric_limits<float>::max();
  return usable ? clipped : 0.0f;
}

}  // namespace lightavseg::dsp
