// SPDX-License-Identifier: LGPL-2.1-or-later
// Element types of tensors in files.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace lightavseg {

/// Those element types of huggingface/safetensors that this project reads and writes. Numbers are
/// little-endian; kF16 is IEEE binary16, kBF16 bfloat16, kBool one byte of 0 or 1.
enum class DType { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

/// Bytes of one element: 1, 2, 4 or 8.
size_t dtype_size(DType dtype);

/// The name in files: "F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8" or "BOOL".
std::string_view dtype_name(DType dtype);

/// The type of that name (capitals matter), or nothing.
std::optional<DType> dtype_from_name(std::string_view name);

/// All names, separated by ", ", for error texts.
std::string dtype_names();

/// True for kF64, kF32, kF16 and kBF16.
bool is_floating(DType dtype);

}  // namespace lightavseg
