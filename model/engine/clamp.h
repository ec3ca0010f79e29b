// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

namespace lightavseg {

// `least` for NaN. Written so that compilers make two vector instructions of it.
[[gnu::always_inline]] inline float clamp(float x, float least, float most) {
  x = x > least ? x : least;
  return x < most ? x : most;
}

}  // namespace lightavseg
