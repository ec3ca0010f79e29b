// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/tensor_values.h"

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "model/files/file_error.h"
#include "model/files/half.h"

namespace lightavseg {

namespace {

/// Views may be put together by hand; a wrong length must not become a read beyond the end.
void expect_length(const TensorView& tensor) {
  const std::optional<uint64_t> expected = tensor_bytes(tensor.dtype, tensor.shape);
  if (!expected || *expected != tensor.bytes) {
    throw FileError(
        {}, tensor_field(tensor.name),
        fmt::format("its {} bytes do not match {} elements of shape {}; they must be shape x {}",
                    tensor.bytes, dtype_name(tensor.dtype), shape_text(tensor.shape),
                    dtype_size(tensor.dtype)));
  }
}

template <typename T>
T element(const TensorView& tensor, size_t index) {
  T value;
  std::memcpy(&value, tensor.data + index * sizeof(T), sizeof(T));
  return value;
}

/// The first index whose bits under `exponent_mask` are all set: the sign of NaN and infinity in
/// every IEEE format.
template <typename Bits>
std::optional<size_t> first_full_exponent(const TensorView& tensor, Bits exponent_mask) {
  const size_t count = tensor.bytes / sizeof(Bits);
  for (size_t i = 0; i < count; ++i) {
    if ((element<Bits>(tensor, i) & exponent_mask) == exponent_mask) return i;
  }
  return std::nullopt;
}

}  // namespace

void internal::expect_dtype(const TensorView& tensor, DType wanted, DType alternative) {
  if (tensor.dtype != wanted && tensor.dtype != alternative) {
    std::string right(dtype_name(wanted));
    if (alternative != wanted) right.append(" or ").append(dtype_name(alternative));
    throw FileError({}, tensor_field(tensor.name),
                    fmt::format("its elements are {}, but {} is needed here; convert the file",
                                dtype_name(tensor.dtype), right));
  }
  expect_length(tensor);
}

void copy_bytes(const TensorView& tensor, void* destination, size_t capacity) {
  if (capacity != tensor.bytes) {
    throw FileError({}, tensor_field(tensor.name),
                    fmt::format("it has {} bytes, but there is room for {}; both must be the same",
                                tensor.bytes, capacity));
  }
  // Null pointers of empty tensors must not reach memcpy, not even with a length of 0.
  if (capacity > 0) std::memcpy(destination, tensor.data, capacity);
}

std::vector<float> to_float(const TensorView& tensor) {
  if (!is_floating(tensor.dtype)) {
    throw FileError({}, tensor_field(tensor.name),
                    fmt::format("its elements are {}, but a float type (F64, F32, F16 or BF16) is "
                                "needed here; convert the file",
                                dtype_name(tensor.dtype)));
  }
  expect_length(tensor);
  std::vector<float> values(tensor.bytes / dtype_size(tensor.dtype));
  switch (tensor.dtype) {
    case DType::kF64:
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(element<double>(tensor, i));
      }
      break;
    case DType::kF16:
      half_to_float(tensor.data, values.data(), values.size());
      break;
    case DType::kBF16:
      bfloat16_to_float(tensor.data, values.data(), values.size());
      break;
    default:
      copy_bytes(tensor, values.data(), values.size() * sizeof(float));
      break;
  }
  return values;
}

std::vector<float> to_float(const SafetensorsFile& file, std::string_view name) {
  const TensorView& tensor = file.at(name);
  if (!is_floating(tensor.dtype)) {
    throw FileError(file.path(), tensor_field(name),
                    fmt::format("its elements are {}, but a float type (F64, F32, F16 or BF16) is "
                                "needed here; convert the file",
                                dtype_name(tensor.dtype)));
  }
  return to_float(tensor);
}

std::optional<size_t> first_non_finite(const TensorView& tensor) {
  expect_length(tensor);
  switch (tensor.dtype) {
    case DType::kF64:
      return first_full_exponent<uint64_t>(tensor, 0x7FF0000000000000u);
    case DType::kF32:
      return first_full_exponent<uint32_t>(tensor, 0x7F800000u);
    case DType::kF16:
      return first_full_exponent<uint16_t>(tensor, 0x7C00u);
    case DType::kBF16:
      return first_full_exponent<uint16_t>(tensor, 0x7F80u);
    default:
      return std::nullopt;
  }
}

}  // namespace lightavseg
