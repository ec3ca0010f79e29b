// SPDX-License-Identifier: LGPL-2.1-or-later
/// Composed clips as clips of the three AVSBench sets, for AvsBenchWriter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/data/avsbench_writer.h"
#include "model/data/clip_composer.h"

namespace lightavseg {

/// The clip with this index of a set. One picture a second, taken 15/16 s into its second as the
/// published sets do; pixels of which nothing certain is known are background.
///  - S4: one object, in a photograph or on a background, whose class sounds all the time
///  - MS3: two objects; what sounds is drawn for every second
///  - AVSS: clips of v1s (as S4), v1m (as MS3) and v2 (10 s) in turn; masks hold class numbers of
///    the taxonomy
/// A pure function of its arguments and of the material.
/// @param split "train", "val" or "test": what to call it in the set
/// @param size side of the pictures, pixels
/// @throws ClipError if the material allows no clip, MaterialError if a file is damaged
AvsClipContent compose_avs_clip(const ClipComposer& composer, AvsSet set, const std::string& split,
                                int size, std::uint64_t seed, int index);

/// 71 names for label2idx.json: the visible classes of the taxonomy under their numbers, then
/// "unused-41", "unused-42" ...
/// @throws ClipError if the taxonomy has more than 70 visible classes
std::vector<std::string> avss_names_of(const Taxonomy& taxonomy);

}  // namespace lightavseg
