// SPDX-License-Identifier: LGPL-2.1-or-later
/// What a pixel of an internal label map says. Besides "this class" and "nothing is known" it can
/// say "this class or background", which is what the uncertain rim of an object's mask means: such
/// a pixel is certainly silent while another class sounds.
#pragma once

#include <cstdint>

namespace lightavseg {

constexpr std::uint8_t kBackgroundLabel = 0;
constexpr std::uint8_t kUnknownLabel = 255;

/// "Class `cls` or background"; cls is at most Taxonomy::kMaxVisible.
constexpr std::uint8_t perhaps(int cls) {
  return static_cast<std::uint8_t>(128 + cls);
}

constexpr bool is_certain(std::uint8_t label) {
  return label < 128;
}

/// The class of a perhaps() label; -1 for certain labels and kUnknownLabel.
constexpr int perhaps_class(std::uint8_t label) {
  return label >= 128 && label != kUnknownLabel ? label - 128 : -1;
}

}  // namespace lightavseg
