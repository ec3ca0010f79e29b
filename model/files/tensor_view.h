// SPDX-License-Identifier: LGPL-2.1-or-later
// A tensor inside a file, and what its shape and type say about its length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/files/tensor_dtype.h"

namespace lightavseg {

/// A tensor whose bytes belong to somebody else, usually a SafetensorsFile that must outlive it.
/// Elements lie in row-major order without gaps, at any alignment: read them with the functions
/// of model/files/tensor_values.h, not through a cast pointer.
struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;  // no axis: a scalar; an axis of 0: no elements
  const std::byte* data = nullptr;
  size_t bytes = 0;  // product of shape x dtype_size(dtype)
};

/// Product of the shape x dtype_size(dtype), or nothing where an axis is negative or a partial
/// product, taken from the left, goes beyond 64 bits.
std::optional<uint64_t> tensor_bytes(DType dtype, const std::vector<int64_t>& shape);

/// "[2, 3]", for error texts; "[]" for a scalar.
std::string shape_text(const std::vector<int64_t>& shape);

/// `tensor "NAME"`, the field() of errors about a tensor; `part` is added after a space.
std::string tensor_field(std::string_view name, std::string_view part = "");

}  // namespace lightavseg
