// SPDX-License-Identifier: LGPL-2.1-or-later
// Whether the header of a safetensors file describes the data that follows it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "model/files/safetensors_header.h"

namespace lightavseg {

/// Checks that every tensor has the length that its shape and type ask for and that the tensors
/// cover the `data_bytes` bytes of data exactly once. `path` is for error texts only.
/// Throws FileError naming the tensor, its offsets and what would be right.
void check_safetensors_layout(const std::filesystem::path& path,
                              const std::vector<SafetensorsEntry>& tensors, uint64_t data_bytes);

}  // namespace lightavseg
