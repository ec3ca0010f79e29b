// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/tensor_view.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/files/tensor_dtype.h"

namespace lightavseg {
namespace {

TEST(TensorDType, NamesAndSizesAreThoseOfTheFormat) {
  const std::vector<std::pair<std::string, size_t>> facts = {
      {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
      {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U8", 1},   {"BOOL", 1}};
  for (const auto& [name, size] : facts) {
    const std::optional<DType> dtype = dtype_from_name(name);
    ASSERT_TRUE(dtype.has_value()) << name;
    EXPECT_EQ(dtype_name(*dtype), name);
    EXPECT_EQ(dtype_size(*dtype), size) << name;
    EXPECT_EQ(is_floating(*dtype), name.find('F') != std::string::npos) << name;
  }
  EXPECT_EQ(dtype_names(), "F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL");
}

TEST(TensorDType, UnknownNamesAreNoType) {
  for (const char* name : {"", "f32", "F8_E4M3", "F32 ", "F3", "U16"}) {
    EXPECT_FALSE(dtype_from_name(name).has_value()) << name;
  }
}

TEST(TensorView, BytesAreShapeTimesType) {
  EXPECT_EQ(tensor_bytes(DType::kF32, {}), 4u);
  EXPECT_EQ(tensor_bytes(DType::kF64, {2, 3}), 48u);
  EXPECT_EQ(tensor_bytes(DType::kBool, {5, 0, 7}), 0u);
}

TEST(TensorView, BytesBeyondTheRangeAreNothing) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(tensor_bytes(DType::kU8, {kMost, 2}), std::numeric_limits<uint64_t>::max() - 1);
  EXPECT_FALSE(tensor_bytes(DType::kU8, {kMost, 3}).has_value());
  EXPECT_FALSE(tensor_bytes(DType::kF32, {kMost}).has_value());
  EXPECT_FALSE(tensor_bytes(DType::kU8, {-1}).has_value());
  EXPECT_FALSE(tensor_bytes(DType::kU8, {0, -1}).has_value());
}

TEST(TensorView, TextsForErrors) {
  EXPECT_EQ(shape_text({}), "[]");
  EXPECT_EQ(shape_text({2, 3}), "[2, 3]");
  EXPECT_EQ(tensor_field("a\nb"), "tensor \"a\\nb\"");
  EXPECT_EQ(tensor_field("a", "shape"), "tensor \"a\" shape");
}

}  // namespace
}  // namespace lightavseg
