// SPDX-License-Identifier: LGPL-2.1-or-later
// Copies of a tensor's elements as numbers. All functions read at any alignment and are
// thread-safe as long as the bytes of the tensor stay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <vector>

#include "model/files/safetensors.h"
#include "model/files/tensor_view.h"

namespace lightavseg {

/// All elements as float, in row-major order. kF16 and kBF16 widen exactly, kF64 rounds to nearest
/// (to infinity beyond the range of float).
/// Throws FileError naming the tensor where it holds integers or booleans, or where its length
/// does not match its shape.
std::vector<float> to_float(const TensorView& tensor);

/// The same for the tensor of that name; errors name the file too.
std::vector<float> to_float(const SafetensorsFile& file, std::string_view name);

/// The index in row-major order of the first NaN or infinity, or nothing where all elements are
/// finite, as those of integer tensors always are.
/// Throws FileError where the tensor's length does not match its shape.
std::optional<size_t> first_non_finite(const TensorView& tensor);

/// Whether no element is NaN or infinite.
inline bool all_finite(const TensorView& tensor) {
  return !first_non_finite(tensor).has_value();
}

/// Copies the raw bytes to `destination`, which has room for exactly `capacity` bytes.
/// Throws FileError where that is not the tensor's length. Null is allowed for an empty tensor.
void copy_bytes(const TensorView& tensor, void* destination, size_t capacity);

namespace internal {
/// Throws FileError unless `tensor` is of type `wanted`, or of `alternative`, and of right length.
void expect_dtype(const TensorView& tensor, DType wanted, DType alternative);
}  // namespace internal

/// All elements in their own type: double, float, int64_t, int32_t, int16_t, int8_t, uint8_t (kU8
/// and kBool, whose bytes a file need not keep to 0 and 1) or uint16_t (the bit patterns of kF16
/// and kBF16, see model/files/half.h).
/// Throws FileError naming the tensor and both types where they differ, or where the tensor's
/// length does not match its shape.
template <typename T>
std::vector<T> copy_values(const TensorView& tensor) {
  if constexpr (std::is_same_v<T, double>) {
    internal::expect_dtype(tensor, DType::kF64, DType::kF64);
  } else if constexpr (std::is_same_v<T, float>) {
    internal::expect_dtype(tensor, DType::kF32, DType::kF32);
  } else if constexpr (std::is_same_v<T, int64_t>) {
    internal::expect_dtype(tensor, DType::kI64, DType::kI64);
  } else if constexpr (std::is_same_v<T, int32_t>) {
    internal::expect_dtype(tensor, DType::kI32, DType::kI32);
  } else if constexpr (std::is_same_v<T, int16_t>) {
    internal::expect_dtype(tensor, DType::kI16, DType::kI16);
  } else if constexpr (std::is_same_v<T, int8_t>) {
    internal::expect_dtype(tensor, DType::kI8, DType::kI8);
  } else if constexpr (std::is_same_v<T, uint8_t>) {
    internal::expect_dtype(tensor, DType::kU8, DType::kBool);
  } else {
    static_assert(std::is_same_v<T, uint16_t>, "no element type of files has this C++ type");
    internal::expect_dtype(tensor, DType::kF16, DType::kBF16);
  }
  std::vector<T> values(tensor.bytes / sizeof(T));
  copy_bytes(tensor, values.data(), values.size() * sizeof(T));
  return values;
}

}  // namespace lightavseg
