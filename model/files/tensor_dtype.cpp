// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/tensor_dtype.h"

#include <array>

namespace lightavseg {

namespace {

struct DTypeFacts {
  std::string_view name;
  size_t size;
};

/// In the order of the enumeration.
constexpr std::array<DTypeFacts, 10> kFacts = {{
    {"F64", 8},
    {"F32", 4},
    {"F16", 2},
    {"BF16", 2},
    {"I64", 8},
    {"I32", 4},
    {"I16", 2},
    {"I8", 1},
    {"U8", 1},
    {"BOOL", 1},
}};
static_assert(kFacts.size() == static_cast<size_t>(DType::kBool) + 1, "one line for each type");

}  // namespace

size_t dtype_size(DType dtype) {
  return kFacts.at(static_cast<size_t>(dtype)).size;
}

std::string_view dtype_name(DType dtype) {
  return kFacts.at(static_cast<size_t>(dtype)).name;
}

std::optional<DType> dtype_from_name(std::string_view name) {
  for (size_t i = 0; i < kFacts.size(); ++i) {
    if (kFacts[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

std::string dtype_names() {
  std::string names;
  for (const DTypeFacts& facts : kFacts) {
    if (!names.empty()) names += ", ";
    names += facts.name;
  }
  return names;
}

bool is_floating(DType dtype) {
  return dtype == DType::kF64 || dtype == DType::kF32 || dtype == DType::kF16 ||
         dtype == DType::kBF16;
}

}  // namespace lightavseg
