// SPDX-License-Identifier: LGPL-2.1-or-later
// Writing safetensors files (format: huggingface/safetensors, README.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/files/tensor_dtype.h"

namespace lightavseg {

/// A tensor to be written. The elements lie in row-major order without gaps, in the machine's own
/// (little-endian) form, at any alignment, and belong to the caller.
struct TensorSource {
  std::string name;  // not empty, UTF-8 without control characters, not "__metadata__"
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;  // at most 64 axes, none negative; no axis: a scalar
  const void* data = nullptr;  // may be null where bytes is 0
  size_t bytes = 0;            // product of shape x dtype_size(dtype)
};

/// A source for float elements held by the caller; `values` must stay until the file is written.
TensorSource float_source(std::string name, std::vector<int64_t> shape,
                          const std::vector<float>& values);

/// Writes `tensors` and `metadata` to `path`, replacing an older file only once the new one is
/// complete on the disc (see model/files/atomic_file.h).
///
/// The same input gives the same bytes, whatever the order of `tensors`: they are stored by size
/// of the element type, largest first, then by name, so that each is aligned to its own type, and
/// the header is padded with spaces to a multiple of 8 bytes. An empty `metadata` leaves
/// "__metadata__" out.
///
/// Throws FileError, before anything is written, where a name is invalid or appears twice, a
/// length does not match shape and type, text is not UTF-8 or the header passes 100 MB; and where
/// writing fails (disc full, folder missing or not writable), with the old file left as it was.
void write_safetensors(const std::filesystem::path& path, const std::vector<TensorSource>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace lightavseg
