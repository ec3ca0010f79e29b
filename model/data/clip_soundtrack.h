// SPDX-License-Identifier: LGPL-2.1-or-later
/// The sound of composed clips: recordings of classes laid in a row. Part of ClipComposer.
#pragma once

#include <string>
#include <vector>

#include "model/data/material.h"
#include "model/data/random.h"

namespace lightavseg {

/// The part of a recording in which something is heard: quiet ends are cut off. Full scale 1, at
/// least 0.25 s long unless the recording is shorter. Of a part longer than `samples`, as much,
/// from the clearest second on if that leaves enough.
std::vector<float> audible_part(const SoundClip& clip, const SoundSamples& sound,
                                std::size_t samples);

/// Recordings one after the other, each at an RMS of -20 dB of full scale, until `samples` are
/// full; the list starts again where it is too short. Calls and barks (below 2.5 s) get pauses of
/// 0.3 s, because without them they would sound like something else; longer ones crossfade over 40
/// ms.
/// @param recordings indices into material.sounds(), not empty
/// @param used if not null, receives the ids of the recordings, each once
std::vector<float> lay_in_a_row(const Material& material, const std::vector<int>& recordings,
                                std::size_t samples, std::vector<std::string>* used);

/// Adds `part` to `track` from sample `start` on, faded in and out over 60 ms around both ends (30
/// ms on either side), so that neighbouring parts crossfade. `part` begins 30 ms before `start` and
/// ends 30 ms after the section; what falls outside of the track is left out.
void add_section(const std::vector<float>& part, std::size_t start, std::vector<float>* track);

/// Samples by which a part of add_section() is longer on either side.
constexpr std::size_t kSectionOverlap = 480;

}  // namespace lightavseg
