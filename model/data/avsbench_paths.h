// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>

#include "model/data/avsbench_types.h"

namespace lightavseg {

/// The folder a set is published in: "Single-source", "Multi-sources" or "AVSS".
const char* avs_folder(AvsSet set);

/// The set's metadata file.
std::filesystem::path avs_csv_path(AvsSet set, const std::filesystem::path& root);

/// label2idx.json of AVSS.
std::filesystem::path avss_names_path(const std::filesystem::path& root);

/// True for a name that can be one file or folder: not empty, no slashes or line breaks, not "." or
/// "..". Names from a CSV become paths, and must not lead anywhere else.
bool is_plain_avs_name(const std::string& name);

/// Fills in frame_paths, mask_paths, annotated and wav_path from name, category, split and subset,
/// as OpenNLPLab/AVSBench lays the sets out. Touches no file.
void fill_avs_paths(const std::filesystem::path& root, AvsClip& clip);

}  // namespace lightavseg
