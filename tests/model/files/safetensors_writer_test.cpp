// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/safetensors_writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "model/files/safetensors.h"
#include "model/files/tensor_values.h"
#include "tests/model/files/safetensors_bytes.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

using Metadata = std::map<std::string, std::string>;

constexpr DType kAllTypes[] = {DType::kF64, DType::kF32, DType::kF16, DType::kBF16, DType::kI64,
                               DType::kI32, DType::kI16, DType::kI8,  DType::kU8,   DType::kBool};

class SafetensorsWriterTest : public testing::Test {
 protected:
  void refuse(const std::vector<TensorSource>& tensors, const std::string& field,
              const std::vector<std::string>& parts, const Metadata& metadata = {}) {
    expect_file_error([&] { write_safetensors(path_, tensors, metadata); }, path_, field, parts);
    EXPECT_TRUE(folder_.names().empty()) << "something was written";
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "weights.safetensors";
};

TEST_F(SafetensorsWriterTest, WritesTheFormatByteForByte) {
  const std::vector<float> floats = {1.0f, -2.0f};
  const std::vector<uint8_t> mask = {1, 0, 1};
  const double number = 0.5;
  write_safetensors(path_,
                    {{"mask", DType::kBool, {3}, mask.data(), 3},
                     {"w", DType::kF32, {1, 2}, floats.data(), 8},
                     {"b", DType::kF32, {0}, nullptr, 0},
                     {"z", DType::kF64, {}, &number, 8}},
                    {{"k", "v\"\n"}, {"a", ""}});

  std::string header = R"({"__metadata__":{"a":"","k":"v\"\n"},)"
                       R"("z":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
                       R"("b":{"dtype":"F32","shape":[0],"data_offsets":[8,8]},)"
                       R"("w":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]},)"
                       R"("mask":{"dtype":"BOOL","shape":[3],"data_offsets":[16,19]}})";
  ASSERT_NE(header.size() % 8, 0u) << "choose names that show the padding";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::string data("\0\0\0\0\0\0\xE0\x3F\0\0\x80\x3F\0\0\0\xC0\x01\0\x01", 19);
  EXPECT_EQ(read_plainly(path_), safetensors_bytes(header, data));
}

TEST_F(SafetensorsWriterTest, WritesAFileWithoutTensors) {
  write_safetensors(path_, {});
  EXPECT_EQ(read_plainly(path_), safetensors_bytes("{}      "));
  EXPECT_TRUE(SafetensorsFile::open(path_).tensors().empty());
}

TEST_F(SafetensorsWriterTest, GivesTheSameBytesForEveryOrder) {
  const std::vector<float> values(24, 1.25f);
  std::vector<TensorSource> tensors;
  for (const DType dtype : kAllTypes) {
    for (const char* name : {"x.", "a."}) {
      tensors.push_back({name + std::string(dtype_name(dtype)),
                         dtype,
                         {3},
                         values.data(),
                         3 * dtype_size(dtype)});
    }
  }
  write_safetensors(path_, tensors, {{"k", "v"}});
  const std::string first = read_plainly(path_);
  std::reverse(tensors.begin(), tensors.end());
  write_safetensors(path_, tensors, {{"k", "v"}});
  EXPECT_EQ(read_plainly(path_), first);
}

TEST_F(SafetensorsWriterTest, AlignsEveryTensorToItsType) {
  const std::vector<double> values(3);
  std::vector<TensorSource> tensors;
  for (const DType dtype : kAllTypes) {
    tensors.push_back(
        {std::string(dtype_name(dtype)), dtype, {3}, values.data(), 3 * dtype_size(dtype)});
  }
  write_safetensors(path_, tensors);
  const SafetensorsFile file = SafetensorsFile::open(path_);
  for (const TensorView& tensor : file.tensors()) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data) % dtype_size(tensor.dtype), 0u)
        << tensor.name;
  }
}

TEST_F(SafetensorsWriterTest, RandomTensorsComeBack) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::vector<uint8_t>> buffers;
    std::vector<TensorSource> tensors;
    const size_t count = random() % 12;
    for (size_t i = 0; i < count; ++i) {
      TensorSource tensor;
      tensor.name = "layer." + std::to_string(i) + (random() % 2 == 0 ? "" : ".\xC3\xA4\"\\/");
      tensor.dtype = kAllTypes[random() % 10];
      for (uint64_t axes = random() % 5; axes > 0; --axes) {
        tensor.shape.push_back(static_cast<int64_t>(random() % 5));
      }
      tensor.bytes = *tensor_bytes(tensor.dtype, tensor.shape);
      buffers.emplace_back(tensor.bytes);
      for (uint8_t& byte : buffers.back()) byte = static_cast<uint8_t>(random());
      tensor.data = buffers.back().data();
      tensors.push_back(tensor);
    }
    const Metadata metadata = {{"round", std::to_string(round)}, {"", "\xE2\x82\xAC\t\x01"}};
    write_safetensors(path_, tensors, metadata);

    const SafetensorsFile file = SafetensorsFile::open(path_);
    EXPECT_EQ(file.metadata(), metadata);
    ASSERT_EQ(file.tensors().size(), count);
    for (size_t i = 0; i < count; ++i) {
      const TensorView& tensor = file.at(tensors[i].name);
      EXPECT_EQ(tensor.dtype, tensors[i].dtype);
      EXPECT_EQ(tensor.shape, tensors[i].shape);
      std::vector<uint8_t> bytes(tensor.bytes);
      copy_bytes(tensor, bytes.data(), bytes.size());
      EXPECT_EQ(bytes, buffers[i]);
    }
  }
}

TEST_F(SafetensorsWriterTest, FloatSourcePointsAtTheValues) {
  const std::vector<float> values = {1.0f, 2.0f};
  const TensorSource source = float_source("t", {2, 1}, values);
  EXPECT_EQ(source.name, "t");
  EXPECT_EQ(source.dtype, DType::kF32);
  EXPECT_EQ(source.shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(source.data, values.data());
  EXPECT_EQ(source.bytes, 8u);
}

TEST_F(SafetensorsWriterTest, ReplacesAFileThatIsStillOpen) {
  write_safetensors(path_, {float_source("t", {1}, {1.0f})});
  const SafetensorsFile old = SafetensorsFile::open(path_);
  write_safetensors(path_, {float_source("t", {1}, {2.0f})});
  EXPECT_EQ(to_float(old, "t"), std::vector<float>{1.0f});
  EXPECT_EQ(to_float(SafetensorsFile::open(path_), "t"), std::vector<float>{2.0f});
}

TEST_F(SafetensorsWriterTest, RefusesNames) {
  const auto named = [](const std::string& name) {
    return std::vector<TensorSource>{{name, DType::kU8, {0}, nullptr, 0}};
  };
  refuse(named(""), "tensor \"\"", {"the name is empty"});
  refuse(named("__metadata__"), "tensor \"__metadata__\"", {"reserved"});
  refuse(named("a\nb"), "tensor \"a\\nb\"", {"control character"});
  refuse(named(std::string("a\0b", 3)), "tensor \"a\\u0000b\"", {"control character"});
  refuse(named("a\x7f"), "tensor \"a\\u007f\"", {"control character"});
  refuse(named("a\xFF"), "tensor \"a\\ufffd\"", {"not valid UTF-8"});
  refuse({named("t")[0], named("u")[0], named("t")[0]}, "tensor \"t\"", {"given twice", "unique"});
}

TEST_F(SafetensorsWriterTest, RefusesShapesAndLengths) {
  const std::vector<float> values(4);
  refuse({{"t", DType::kF32, {3}, values.data(), 16}}, "tensor \"t\"",
         {"there are 16 bytes, but F32 of shape [3] needs 12"});
  refuse({{"t", DType::kF32, {4}, nullptr, 16}}, "tensor \"t\"", {"its data is null", "16 bytes"});
  refuse({{"t", DType::kF32, {-1}, values.data(), 4}}, "tensor \"t\" shape",
         {"[-1] has a negative axis"});
  refuse({{"t", DType::kF32, {INT64_MAX, 4}, values.data(), 16}}, "tensor \"t\" shape",
         {"beyond 64 bits"});
  refuse({{"t", DType::kU8, std::vector<int64_t>(65, 1), values.data(), 1}}, "tensor \"t\" shape",
         {"there are 65 axes; at most 64"});
  // The lengths are compared before any data is read, so that no such memory is needed.
  const size_t half = std::numeric_limits<size_t>::max() / 2 + 1;
  const std::vector<int64_t> shape = {int64_t{1} << 62, 2};
  refuse({{"a", DType::kU8, shape, values.data(), half},
          {"b", DType::kU8, shape, values.data(), half}},
         "tensor \"b\"", {"passes 64 bits"});
}

TEST_F(SafetensorsWriterTest, RefusesMetadataThatIsNotUtf8) {
  refuse({}, "__metadata__ \"k\"", {"the value is not valid UTF-8"}, {{"k", "\xFF"}});
  refuse({}, "__metadata__ \"\\ufffd\"", {"the key is not valid UTF-8"}, {{"\xFF", "v"}});
}

TEST_F(SafetensorsWriterTest, RefusesAHeaderBeyondTheLimit) {
  refuse({}, "header length", {"at most 100000000"}, {{"k", std::string(100'000'000, 'x')}});
}

TEST_F(SafetensorsWriterTest, NamesTheFolderThatIsMissing) {
  const std::filesystem::path path = folder_ / "none/weights.safetensors";
  expect_file_error([&] { write_safetensors(path, {}); }, path,
                    "folder " + (folder_ / "none").string(), {"create the folder first"});
}

TEST_F(SafetensorsWriterTest, KeepsTheOldFileWhenWritingFails) {
  write_safetensors(path_, {float_source("t", {1}, {1.0f})});
  const std::string before = read_plainly(path_);

  rlimit limit = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit unlimited = limit;
  limit.rlim_cur = 1000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::vector<float> many(1000);
  expect_file_error([&] { write_safetensors(path_, {float_source("t", {1000}, many)}); }, path_, "",
                    {"writing failed", "File too large"});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &unlimited), 0);
  std::signal(SIGXFSZ, handler);

  EXPECT_EQ(read_plainly(path_), before);
  EXPECT_EQ(folder_.names(), std::vector<std::string>{"weights.safetensors"});
}

}  // namespace
}  // namespace lightavseg
