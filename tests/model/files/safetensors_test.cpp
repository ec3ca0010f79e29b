// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/safetensors.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/files/tensor_values.h"
#include "tests/model/files/safetensors_bytes.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

static_assert(!std::is_copy_constructible_v<SafetensorsFile>);
static_assert(std::is_nothrow_move_constructible_v<MappedFile>);

class SafetensorsTest : public testing::Test {
 protected:
  SafetensorsFile opened(const std::string& header, const std::string& data = "") {
    write_plainly(path_, safetensors_bytes(header, data));
    return SafetensorsFile::open(path_);
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "weights.safetensors";
};

// The example in the documentation of huggingface/safetensors (SafeTensors::deserialize): an
// unpadded header of 59 ('<' is 60) bytes and a 2 x 2 tensor of zeros.
TEST_F(SafetensorsTest, ReadsTheExampleOfTheFormat) {
  std::string bytes("<\0\0\0\0\0\0\0", 8);
  bytes += "{\"test\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}";
  bytes += std::string(16, '\0');
  write_plainly(path_, bytes);

  const SafetensorsFile file = SafetensorsFile::open(path_);
  EXPECT_EQ(file.path(), path_);
  EXPECT_TRUE(file.metadata().empty());
  ASSERT_EQ(file.tensors().size(), 1u);
  const TensorView& test = file.at("test");
  EXPECT_EQ(test.name, "test");
  EXPECT_EQ(test.dtype, DType::kI32);
  EXPECT_EQ(test.shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(test.bytes, 16u);
  EXPECT_EQ(copy_values<int32_t>(test), std::vector<int32_t>(4, 0));
}

TEST_F(SafetensorsTest, ReadsEveryElementType) {
  std::string header;
  std::string data;
  for (const auto& [name, bytes] :
       std::vector<std::pair<std::string, std::string>>{{"F64", raw_bytes(0.1)},
                                                        {"F32", raw_bytes(0.1f)},
                                                        {"F16", raw_bytes(uint16_t{0x3C00})},
                                                        {"BF16", raw_bytes(uint16_t{0x3F80})},
                                                        {"I64", raw_bytes(int64_t{-5})},
                                                        {"I32", raw_bytes(int32_t{-4})},
                                                        {"I16", raw_bytes(int16_t{-3})},
                                                        {"I8", raw_bytes(int8_t{-2})},
                                                        {"U8", raw_bytes(uint8_t{200})},
                                                        {"BOOL", raw_bytes(uint8_t{1})}}) {
    header += (header.empty() ? "{\"" : ",\"") + name + "\":{\"dtype\":\"" + name +
              "\",\"shape\":[],\"data_offsets\":[" + std::to_string(data.size()) + ",";
    data += bytes;
    header += std::to_string(data.size()) + "]}";
  }
  const SafetensorsFile file = opened(header + "}", data);
  EXPECT_EQ(copy_values<double>(file.at("F64")), std::vector<double>{0.1});
  EXPECT_EQ(copy_values<float>(file.at("F32")), std::vector<float>{0.1f});
  EXPECT_EQ(to_float(file, "F16"), std::vector<float>{1.0f});
  EXPECT_EQ(to_float(file, "BF16"), std::vector<float>{1.0f});
  EXPECT_EQ(copy_values<int64_t>(file.at("I64")), std::vector<int64_t>{-5});
  EXPECT_EQ(copy_values<int32_t>(file.at("I32")), std::vector<int32_t>{-4});
  EXPECT_EQ(copy_values<int16_t>(file.at("I16")), std::vector<int16_t>{-3});
  EXPECT_EQ(copy_values<int8_t>(file.at("I8")), std::vector<int8_t>{-2});
  EXPECT_EQ(copy_values<uint8_t>(file.at("U8")), std::vector<uint8_t>{200});
  EXPECT_EQ(copy_values<uint8_t>(file.at("BOOL")), std::vector<uint8_t>{1});
}

TEST_F(SafetensorsTest, ReadsUnalignedDataInAnyOrderOfTheHeader) {
  const std::string data = "\x01" + raw_bytes(1.5f) + raw_bytes(-2.5);
  const SafetensorsFile file = opened(R"({"d":{"data_offsets":[5,13],"shape":[1],"dtype":"F64"},)"
                                      R"("b":{"shape":[1],"dtype":"U8","data_offsets":[0,1]},)"
                                      R"("f":{"dtype":"F32","data_offsets":[1,5],"shape":[1]}}  )",
                                      data);
  EXPECT_EQ(to_float(file, "f"), std::vector<float>{1.5f});
  EXPECT_EQ(to_float(file, "d"), std::vector<float>{-2.5f});
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.tensors()[0].name, "b");
  EXPECT_EQ(file.tensors()[1].name, "d");
  EXPECT_EQ(file.tensors()[2].name, "f");
}

TEST_F(SafetensorsTest, ReadsMetadata) {
  const SafetensorsFile file = opened(R"({"__metadata__":{"b":"\u00e4\n","a":""}})");
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"a", ""}, {"b", "\xC3\xA4\n"}}));
  EXPECT_TRUE(file.tensors().empty());
}

TEST_F(SafetensorsTest, TakesFilesWithoutTensors) {
  EXPECT_TRUE(opened("{}").tensors().empty());
  EXPECT_TRUE(opened(R"({"__metadata__":{}}    )").metadata().empty());
}

TEST_F(SafetensorsTest, TakesTensorsWithoutElements) {
  const SafetensorsFile file =
      opened(R"({"first":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},)"
             R"("full":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
             R"("last":{"dtype":"F32","shape":[3,0,5],"data_offsets":[2,2]}})",
             "ab");
  EXPECT_EQ(file.at("first").bytes, 0u);
  EXPECT_TRUE(to_float(file, "last").empty());
}

TEST_F(SafetensorsTest, TakesTheMostAxesAllowed) {
  std::string ones = "1";
  for (int i = 1; i < 64; ++i) ones += ",1";
  const SafetensorsFile file =
      opened(R"({"t":{"dtype":"U8","shape":[)" + ones + R"(],"data_offsets":[0,1]}})", "x");
  EXPECT_EQ(file.at("t").shape.size(), 64u);
}

TEST_F(SafetensorsTest, KeepsViewsWhenMoved) {
  SafetensorsFile file = opened(R"({"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "ab");
  const TensorView before = file.at("t");
  SafetensorsFile moved(std::move(file));
  EXPECT_EQ(moved.at("t").data, before.data);

  SafetensorsFile other = opened(R"({"u":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "c");
  other = std::move(moved);
  EXPECT_EQ(other.at("t").data, before.data);
  EXPECT_EQ(copy_values<uint8_t>(before), (std::vector<uint8_t>{'a', 'b'}));
  EXPECT_EQ(other.find("u"), nullptr);
}

TEST_F(SafetensorsTest, FindsByExactName) {
  const SafetensorsFile file = opened(R"({"b.x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                                      R"("":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})");
  EXPECT_EQ(file.find("b.x"), &file.at("b.x"));
  EXPECT_NE(file.find(""), nullptr);
  for (const char* name : {"a", "b", "b.", "b.x.", "c", "__metadata__"}) {
    EXPECT_EQ(file.find(name), nullptr) << name;
  }
}

TEST_F(SafetensorsTest, NamesTheNearestWhereATensorIsMissing) {
  const SafetensorsFile file =
      opened(R"({"head.bias":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
             R"("head.weight":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})");
  expect_file_error([&] { file.at("head.wieght"); }, path_, "tensor \"head.wieght\"",
                    {"the file has no tensor of this name", "similar ones are \"head.weight\""});
  expect_file_error([&] { file.at("zzzzzzzzzzzzzz"); }, path_, "tensor \"zzzzzzzzzzzzzz\"",
                    {"none of its 2 names is similar", "another model"});
}

}  // namespace
}  // namespace lightavseg
