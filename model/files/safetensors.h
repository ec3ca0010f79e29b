// SPDX-License-Identifier: LGPL-2.1-or-later
// Reading safetensors files (format: huggingface/safetensors, README.md).
//
// Layout: the length N of the header as 64-bit little-endian integer, N bytes of JSON that map
// each tensor's name to dtype, shape and data_offsets, then the data. A file is data: nothing in
// it is ever executed, and nothing in it is believed before it has been checked.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/files/mapped_file.h"
#include "model/files/tensor_dtype.h"
#include "model/files/tensor_view.h"

namespace lightavseg {

/// An open safetensors file. The data is mapped, not read, so that opening costs only the header.
///
/// Movable, not copyable; views stay valid when the object is moved and end with it. Reading from
/// several threads at once is safe.
class SafetensorsFile {
 public:
  /// Maps `path` and checks the whole header: its length (2 bytes to 100 MB), strict JSON without
  /// duplicate, unknown or missing keys, known element types, shapes of at most 64 axes whose size
  /// matches the data, and data that covers the file without overlaps, holes or bytes left over.
  /// Data need not be aligned. Element values are not looked at; see all_finite().
  /// Throws FileError naming the tensor or field, what was found and what would be right.
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const noexcept { return path_; }

  /// The free-form strings under "__metadata__"; empty where the file has none.
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

  /// All tensors, sorted by name (byte order).
  const std::vector<TensorView>& tensors() const noexcept { return tensors_; }

  /// The tensor of that name, or null.
  const TensorView* find(std::string_view name) const noexcept;

  /// The tensor of that name. Throws FileError with the nearest existing names where there is none.
  const TensorView& at(std::string_view name) const;

 private:
  SafetensorsFile(std::filesystem::path path, MappedFile file);

  std::filesystem::path path_;
  MappedFile file_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorView> tensors_;
};

}  // namespace lightavseg
