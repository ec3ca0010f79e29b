// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/data/avsbench_types.h"

namespace lightavseg {

/// What a look through a set found.
struct AvsScan {
  std::vector<AvsClip> clips;            ///< of the split, in the CSV's order, nothing wrong
  std::vector<std::string> problems;     ///< one line each; the clips they concern are not in clips
  std::vector<std::string> class_names;  ///< AVSS: 71 names by index; else empty
};

/// "AVSBench S4 in /sets/Single-source, split train", the first words of every error.
std::string avs_headline(AvsSet set, const std::filesystem::path& root, const std::string& split);

/// Reads the metadata of a set and checks every file of one split.
/// @param decode_all decode every picture instead of reading its header
/// @throws AvsBenchError if the split's name, the root or the CSV as a whole is unusable
AvsScan scan_avsbench(AvsSet set, const std::filesystem::path& root, const std::string& split,
                      bool decode_all);

}  // namespace lightavseg
