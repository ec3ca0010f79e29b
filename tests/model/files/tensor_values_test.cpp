// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/tensor_values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "model/files/half.h"
#include "model/files/safetensors_writer.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// A tensor at an odd address, as files without aligned data have them.
class UnalignedTensor {
 public:
  template <typename T>
  UnalignedTensor(DType dtype, const std::vector<T>& values)
      : bytes_(1 + values.size() * sizeof(T)) {
    if (!values.empty()) std::memcpy(bytes_.data() + 1, values.data(), values.size() * sizeof(T));
    view_ = {"t",
             dtype,
             {static_cast<int64_t>(values.size())},
             bytes_.data() + 1,
             values.size() * sizeof(T)};
  }
  const TensorView& view() const { return view_; }

 private:
  std::vector<std::byte> bytes_;
  TensorView view_;
};

/// `values` in one of the float types.
UnalignedTensor floating(DType dtype, const std::vector<double>& values) {
  if (dtype == DType::kF64) return {dtype, values};
  const std::vector<float> floats(values.begin(), values.end());
  if (dtype == DType::kF32) return {dtype, floats};
  std::vector<uint16_t> bits;
  for (const float value : floats) {
    bits.push_back(dtype == DType::kF16 ? float_to_half(value) : float_to_bfloat16(value));
  }
  return {dtype, bits};
}

constexpr DType kFloatTypes[] = {DType::kF64, DType::kF32, DType::kF16, DType::kBF16};
constexpr DType kOtherTypes[] = {DType::kI64, DType::kI32, DType::kI16,
                                 DType::kI8,  DType::kU8,  DType::kBool};

TensorView empty_view(DType dtype) {
  return {"t", dtype, {0}, nullptr, 0};
}

TEST(ToFloat, ReadsEveryFloatType) {
  for (const DType dtype : kFloatTypes) {
    const UnalignedTensor tensor = floating(dtype, {0.0, -1.5, 0.25, 192.0});
    EXPECT_EQ(to_float(tensor.view()), (std::vector<float>{0.0f, -1.5f, 0.25f, 192.0f}))
        << dtype_name(dtype);
    EXPECT_TRUE(to_float(empty_view(dtype)).empty());
  }
}

TEST(ToFloat, RoundsDoublesToNearest) {
  const UnalignedTensor tensor = floating(DType::kF64, {0.1, 1e300, -1e300});
  const std::vector<float> values = to_float(tensor.view());
  EXPECT_EQ(values[0], 0.1f);
  EXPECT_EQ(values[1], std::numeric_limits<float>::infinity());
  EXPECT_EQ(values[2], -std::numeric_limits<float>::infinity());
}

TEST(ToFloat, RefusesOtherTypes) {
  for (const DType dtype : kOtherTypes) {
    expect_file_error(
        [&] { to_float(empty_view(dtype)); }, "", "tensor \"t\"",
        {"its elements are " + std::string(dtype_name(dtype)), "F64, F32, F16 or BF16"});
  }
}

TEST(ToFloat, NamesTheFileWhereItKnowsIt) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "w.safetensors";
  const int32_t number = 7;
  write_safetensors(path, {float_source("f", {2}, {1.0f, 2.0f}),
                           {"i", DType::kI32, {}, &number, sizeof(number)}});
  const SafetensorsFile file = SafetensorsFile::open(path);
  EXPECT_EQ(to_float(file, "f"), (std::vector<float>{1.0f, 2.0f}));
  expect_file_error([&] { to_float(file, "i"); }, path, "tensor \"i\"", {"I32"});
  expect_file_error([&] { to_float(file, "nothing"); }, path, "tensor \"nothing\"", {});
}

TEST(FirstNonFinite, FindsTheFirstInEveryFloatType) {
  for (const DType dtype : kFloatTypes) {
    EXPECT_EQ(first_non_finite(floating(dtype, {1.0, kNan, kInfinity}).view()), 1u);
    EXPECT_EQ(first_non_finite(floating(dtype, {1.0, 0.0, -kInfinity}).view()), 2u);
    EXPECT_EQ(first_non_finite(floating(dtype, {kInfinity}).view()), 0u);
    EXPECT_FALSE(first_non_finite(floating(dtype, {1.0, -65504.0, 1e-8}).view()).has_value());
    EXPECT_FALSE(all_finite(floating(dtype, {kNan}).view()));
    EXPECT_TRUE(all_finite(floating(dtype, {1.0}).view()));
    EXPECT_TRUE(all_finite(empty_view(dtype)));
  }
}

TEST(FirstNonFinite, IntegersAreFinite) {
  EXPECT_TRUE(all_finite(UnalignedTensor(DType::kI32, std::vector<int32_t>{-1}).view()));
  for (const DType dtype : kOtherTypes) EXPECT_TRUE(all_finite(empty_view(dtype)));
}

template <typename T>
void expect_copied(DType dtype, const std::vector<T>& values) {
  const UnalignedTensor tensor(dtype, values);
  EXPECT_EQ(copy_values<T>(tensor.view()), values) << dtype_name(dtype);
}

TEST(CopyValues, ReadsEveryTypeAtAnyAlignment) {
  expect_copied<double>(DType::kF64, {0.1, -2.5});
  expect_copied<float>(DType::kF32, {0.1f, -2.5f});
  expect_copied<uint16_t>(DType::kF16, {0x3C00, 0x8001});
  expect_copied<uint16_t>(DType::kBF16, {0x3F80, 0xFF80});
  expect_copied<int64_t>(DType::kI64, {std::numeric_limits<int64_t>::min(), 5});
  expect_copied<int32_t>(DType::kI32, {std::numeric_limits<int32_t>::min(), 5});
  expect_copied<int16_t>(DType::kI16, {-32768, 5});
  expect_copied<int8_t>(DType::kI8, {-128, 5});
  expect_copied<uint8_t>(DType::kU8, {255, 5});
  expect_copied<uint8_t>(DType::kBool, {0, 1, 2});
}

TEST(CopyValues, RefusesAnotherType) {
  expect_file_error([] { copy_values<float>(empty_view(DType::kF64)); }, "", "tensor \"t\"",
                    {"its elements are F64, but F32 is needed"});
  expect_file_error([] { copy_values<uint16_t>(empty_view(DType::kI16)); }, "", "tensor \"t\"",
                    {"its elements are I16, but F16 or BF16 is needed"});
  expect_file_error([] { copy_values<uint8_t>(empty_view(DType::kI8)); }, "", "tensor \"t\"",
                    {"its elements are I8, but U8 or BOOL is needed"});
}

TEST(TensorValues, RefuseALengthThatDoesNotMatchTheShape) {
  UnalignedTensor right(DType::kF32, std::vector<float>{1.0f, 2.0f});
  TensorView wrong = right.view();
  wrong.shape = {3};
  const std::vector<std::string> parts = {"its 8 bytes do not match F32 elements of shape [3]"};
  expect_file_error([&] { to_float(wrong); }, "", "tensor \"t\"", parts);
  expect_file_error([&] { copy_values<float>(wrong); }, "", "tensor \"t\"", parts);
  expect_file_error([&] { static_cast<void>(first_non_finite(wrong)); }, "", "tensor \"t\"", parts);
}

TEST(CopyBytes, NeedsRoomOfTheSameLength) {
  const UnalignedTensor tensor(DType::kU8, std::vector<uint8_t>{1, 2, 3});
  uint8_t room[3] = {};
  copy_bytes(tensor.view(), room, 3);
  EXPECT_EQ(room[2], 3);
  copy_bytes(empty_view(DType::kU8), nullptr, 0);
  expect_file_error([&] { copy_bytes(tensor.view(), room, 2); }, "", "tensor \"t\"",
                    {"it has 3 bytes, but there is room for 2"});
}

}  // namespace
}  // namespace lightavseg
