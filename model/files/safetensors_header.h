// SPDX-License-Identifier: LGPL-2.1-or-later
// The JSON header of a safetensors file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/files/tensor_dtype.h"

namespace lightavseg {

/// Bytes of the length in front of the header.
constexpr size_t kSafetensorsLengthBytes = 8;

/// The longest header allowed, as in huggingface/safetensors.
constexpr uint64_t kLongestSafetensorsHeader = 100'000'000;

/// The most axes of a tensor, the limit of PyTorch.
constexpr size_t kMostTensorAxes = 64;

/// The name that is no tensor but the map of free-form strings.
constexpr std::string_view kMetadataName = "__metadata__";

/// One tensor as the header tells it.
struct SafetensorsEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;  // each axis from 0 to 2^63 - 1
  uint64_t begin = 0;          // bytes from the start of the data
  uint64_t end = 0;            // one past the last byte
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<SafetensorsEntry> tensors;  // in the order of the header
};

/// Parses the header; the offsets are not yet compared with anything (see
/// model/files/safetensors_layout.h). The parser keeps no tree and does not recurse, so that memory
/// stays in proportion to `json` whatever its nesting. `path` is for error texts only. Throws
/// FileError at the first thing that is wrong.
SafetensorsHeader parse_safetensors_header(const std::filesystem::path& path,
                                           std::string_view json);

}  // namespace lightavseg
