// SPDX-License-Identifier: LGPL-2.1-or-later
// Files that must be refused, and what the error has to say about them.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "model/files/safetensors.h"
#include "tests/model/files/safetensors_bytes.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

class SafetensorsErrors : public testing::Test {
 protected:
  void refuse_bytes(const std::string& bytes, const std::string& field,
                    const std::vector<std::string>& parts) {
    SCOPED_TRACE(bytes.substr(0, 200));
    write_plainly(path_, bytes);
    expect_file_error([&] { SafetensorsFile::open(path_); }, path_, field, parts);
  }

  void refuse(const std::string& header, const std::string& data, const std::string& field,
              const std::vector<std::string>& parts) {
    refuse_bytes(safetensors_bytes(header, data), field, parts);
  }

  /// A header of one tensor "t" with these fields.
  void refuse_fields(const std::string& fields, const std::string& data, const std::string& field,
                     const std::vector<std::string>& parts) {
    refuse("{\"t\":{" + fields + "}}", data, field, parts);
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "bad.safetensors";
};

TEST_F(SafetensorsErrors, FileItself) {
  const std::filesystem::path missing = folder_ / "missing";
  expect_file_error([&] { SafetensorsFile::open(missing); }, missing, "", {"no such file"});
  expect_file_error([&] { SafetensorsFile::open(folder_.path()); }, folder_.path(), "",
                    {"this is a folder"});
  refuse_bytes("", "", {"the file is empty"});
}

TEST_F(SafetensorsErrors, HeaderLength) {
  const std::string field = "header length";
  refuse_bytes("1234567", field, {"has 7 bytes", "fewer than the 8", "truncated"});
  refuse_bytes(length_bytes(0), field, {"it is 0", "from 2 to 100000000"});
  refuse_bytes(length_bytes(1) + "{", field, {"it is 1", "from 2 to 100000000"});
  refuse_bytes(length_bytes(100'000'001), field, {"it is 100000001", "from 2 to 100000000"});
  refuse_bytes(length_bytes(UINT64_MAX), field, {"18446744073709551615"});
  refuse_bytes(length_bytes(3) + "{}", field, {"it is 3, but only 2 bytes follow", "truncated"});
  refuse_bytes(length_bytes(100'000'000) + "{}", field, {"only 2 bytes follow"});
}

TEST_F(SafetensorsErrors, HeaderIsNotJson) {
  refuse("[]", "", "header", {"it starts with \"[\"", "must start with \"{\""});
  refuse(" {}", "", "header", {"it starts with \" \""});
  refuse("\xEF\xBB\xBF{}", "", "header", {"it starts with"});
  refuse("{}x", "", "header", {"not valid JSON at its byte 3"});
  refuse("{}{}", "", "header", {"not valid JSON at its byte 3"});
  refuse("{\"t", "", "header", {"not valid JSON at its byte"});
  refuse("{\"t\":", "", "header", {"not valid JSON at its byte"});
  refuse("{\"t\" 1}", "", "header", {"not valid JSON at its byte"});
  refuse("{\"a\xFF\":{}}", "", "header", {"not valid JSON at its byte", "UTF-8"});
  refuse("{/**/}", "", "header", {"not valid JSON at its byte"});
  refuse("{},", "", "header", {"not valid JSON at its byte"});
  refuse("{\"__metadata__\":{},}", "", "header", {"not valid JSON at its byte"});
}

TEST_F(SafetensorsErrors, BytesHiddenBehindAZero) {
  refuse(std::string("{}\0\0", 4), "", "header", {"its byte 3 is 0", "padding must be spaces"});
  refuse(std::string("{}\0{\"t\":1}", 10), "", "header", {"its byte 3 is 0"});
}

TEST_F(SafetensorsErrors, NestingIsBounded) {
  refuse_fields("\"shape\":" + std::string(100000, '['), "", "tensor \"t\" shape",
                {"found an array", "a non-negative integer"});
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  refuse(objects, "", "tensor \"a\"", {"the field \"a\" is unknown"});
}

TEST_F(SafetensorsErrors, ErrorsStayShort) {
  write_plainly(path_, safetensors_bytes("{\"" + std::string(1000000, 'n')));
  try {
    SafetensorsFile::open(path_);
    ADD_FAILURE() << "no error";
  } catch (const FileError& error) {
    EXPECT_LT(std::string(error.what()).size(), 1000u);
  }
}

TEST_F(SafetensorsErrors, DuplicateKeys) {
  const std::string tensor = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  refuse("{\"t\":" + tensor + ",\"t\":" + tensor + "}", "", "tensor \"t\"",
         {"the name appears twice", "unique"});
  refuse("{\"t\":" + tensor + ",\"\\u0074\":" + tensor + "}", "", "tensor \"t\"",
         {"the name appears twice"});
  refuse(R"({"__metadata__":{},"__metadata__":{}})", "", "__metadata__",
         {"the name appears twice"});
  refuse(R"({"__metadata__":{"k":"1","k":"2"}})", "", "__metadata__ \"k\"",
         {"the key appears twice"});
  refuse_fields(R"("dtype":"U8","dtype":"U8")", "", "tensor \"t\" dtype",
                {"the field appears twice"});
  refuse_fields(R"("shape":[],"shape":[])", "", "tensor \"t\" shape", {"the field appears twice"});
  refuse_fields(R"("data_offsets":[0,0],"data_offsets":[0,0])", "", "tensor \"t\" data_offsets",
                {"the field appears twice"});
}

TEST_F(SafetensorsErrors, Metadata) {
  const std::string map = "it must be an object that maps strings to strings";
  refuse(R"({"__metadata__":[]})", "", "__metadata__", {"found an array", map});
  refuse(R"({"__metadata__":"x"})", "", "__metadata__", {"found the string \"x\"", map});
  refuse(R"({"__metadata__":null})", "", "__metadata__", {"found null", map});
  const std::vector<std::pair<std::string, std::string>> values = {
      {"1", "the number 1"}, {"-1", "the number -1"}, {"1.5", "the number \"1.5\""},
      {"true", "true"},      {"false", "false"},      {"null", "null"},
      {"[]", "an array"},    {"{}", "an object"}};
  for (const auto& [value, shown] : values) {
    refuse("{\"__metadata__\":{\"k\":" + value + "}}", "", "__metadata__ \"k\"",
           {"found " + shown, "it must be a string"});
  }
}

TEST_F(SafetensorsErrors, TensorIsNoObject) {
  for (const std::string value : {"1", "-1", "1.5", "\"x\"", "[]", "true", "null"}) {
    refuse("{\"t\":" + value + "}", "", "tensor \"t\"",
           {"found ", "it must be an object with dtype, shape and data_offsets"});
  }
}

TEST_F(SafetensorsErrors, UnknownAndMissingFields) {
  refuse_fields(R"("offsets":[0,0])", "", "tensor \"t\"",
                {"the field \"offsets\" is unknown", "known are \"dtype\""});
  refuse_fields("", "", "tensor \"t\" dtype", {"the field is missing"});
  refuse_fields(R"("dtype":"U8","data_offsets":[0,0])", "", "tensor \"t\" shape",
                {"the field is missing"});
  refuse_fields(R"("dtype":"U8","shape":[0])", "", "tensor \"t\" data_offsets",
                {"the field is missing"});
  // A tensor before it must not lend its fields.
  refuse(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8"}})", "",
         "tensor \"b\" shape", {"the field is missing"});
}

TEST_F(SafetensorsErrors, DType) {
  const std::string field = "tensor \"t\" dtype";
  refuse_fields(R"("dtype":"F8_E4M3")", "", field,
                {"\"F8_E4M3\" is not a known element type", "F64, F32, F16, BF16, I64"});
  refuse_fields(R"("dtype":"f32")", "", field, {"\"f32\" is not a known"});
  refuse_fields(R"("dtype":"a\u001b[2J")", "", field, {"\"a\\u001b[2J\""});
  refuse_fields(R"("dtype":5)", "", field, {"found the number 5", "it must be a string"});
  refuse_fields(R"("dtype":["F32"])", "", field, {"found an array"});
}

TEST_F(SafetensorsErrors, Shape) {
  const std::string field = "tensor \"t\" shape";
  refuse_fields(R"("shape":3)", "", field,
                {"found the number 3", "array of non-negative integers"});
  refuse_fields(R"("shape":"3")", "", field, {"found the string \"3\""});
  refuse_fields(R"("shape":{})", "", field, {"found an object"});
  const std::string integer = "it must be a non-negative integer below 2^63";
  refuse_fields(R"("shape":[-1])", "", field, {"found the number -1", integer});
  refuse_fields(R"("shape":[-0])", "", field, {"found the number -0", integer});
  refuse_fields(R"("shape":[1.0])", "", field, {"found the number \"1.0\"", integer});
  refuse_fields(R"("shape":[1e3])", "", field, {"found the number \"1e3\"", integer});
  refuse_fields(R"("shape":["1"])", "", field, {"found the string \"1\"", integer});
  refuse_fields(R"("shape":[null])", "", field, {"found null", integer});
  refuse_fields(R"("shape":[true])", "", field, {"found true", integer});
  refuse_fields(R"("shape":[[1]])", "", field, {"found an array", integer});
  refuse_fields(R"("shape":[9223372036854775808])", "", field, {"9223372036854775808", integer});
  refuse_fields(R"("shape":[18446744073709551616])", "", field, {"18446744073709551616", integer});
  std::string ones = "1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  refuse_fields("\"shape\":[" + ones + "]", "", field, {"more than 64 axes"});
  refuse_fields(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])", "", field,
                {"[4294967296, 4294967296] overflows 64 bits"});
  refuse_fields(R"("dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0])", "", field,
                {"overflows 64 bits"});
}

TEST_F(SafetensorsErrors, DataOffsets) {
  const std::string field = "tensor \"t\" data_offsets";
  const std::string rest = R"("dtype":"U8","shape":[2],"data_offsets":)";
  refuse_fields(rest + "2", "ab", field, {"found the number 2", "array of two non-negative"});
  refuse_fields(rest + "[]", "ab", field, {"there are 0 numbers", "must be 2, [begin, end]"});
  refuse_fields(rest + "[0]", "ab", field, {"there are 1 numbers"});
  refuse_fields(rest + "[0,2,2]", "ab", field, {"more than 2 numbers"});
  refuse_fields(rest + "[-1,1]", "ab", field, {"found the number -1", "below 2^64"});
  refuse_fields(rest + "[0,18446744073709551616]", "ab", field, {"18446744073709551616"});
  refuse_fields(rest + "[0,2.0]", "ab", field, {"found the number \"2.0\""});
  refuse_fields(rest + "[[0],2]", "ab", field, {"found an array"});
  refuse_fields(rest + "[2,0]", "ab", field, {"begin 2 lies behind end 0"});
  refuse_fields(rest + "[0,1]", "ab", field, {"[0, 1] are 1 bytes, but U8 of shape [2] needs 2"});
  refuse_fields(rest + "[0,2]", "a", field,
                {"ends at byte 2, but the file has only 1 bytes of data", "truncated"});
  refuse_fields(rest + "[18446744073709551613,18446744073709551615]", "ab", field,
                {"ends at byte 18446744073709551615"});
  refuse_fields(R"("dtype":"F32","shape":[],"data_offsets":[0,0])", "", field,
                {"F32 of shape [] needs 4"});
}

TEST_F(SafetensorsErrors, OverlapsHolesAndBytesLeftOver) {
  const auto two = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + a +
           R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + b + "}}";
  };
  refuse(two("[0,2]", "[1,3]"), "abc", "tensor \"b\" data_offsets",
         {"[1, 3] overlaps [0, 2] of tensor \"a\""});
  refuse(two("[0,2]", "[0,2]"), "ab", "tensor \"b\" data_offsets", {"overlaps"});
  refuse(two("[3,5]", "[0,2]"), "abcde", "tensor \"a\" data_offsets",
         {"begin is 3, but the data before it ends at 2", "no hole"});
  refuse(two("[1,3]", "[3,5]"), "abcde", "tensor \"a\" data_offsets",
         {"begin is 1, but the data before it ends at 0"});
  refuse(two("[0,2]", "[2,4]"), "abcdX", "data",
         {"5 bytes of data, but its tensors end at 4", "no bytes left over"});
  refuse("{}", "x", "data", {"1 bytes of data, but its tensors end at 0"});
  // An empty tensor inside another one.
  refuse(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
         R"("b":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}})",
         "ab", "tensor \"b\" data_offsets", {"[1, 1] overlaps"});
}

}  // namespace
}  // namespace lightavseg
