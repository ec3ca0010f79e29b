// SPDX-License-Identifier: LGPL-2.1-or-later
// Damaged files: each either opens with views that lie inside the file or throws FileError.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "model/files/safetensors.h"
#include "model/files/safetensors_writer.h"
#include "model/files/tensor_values.h"
#include "tests/model/files/safetensors_bytes.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

constexpr size_t kDataBytes = 24 + 24 + 16 + 3;

class SafetensorsCorruption : public testing::Test {
 protected:
  SafetensorsCorruption() {
    const std::vector<float> floats = {1.0f, -2.0f, 0.5f, 3.0f, 4.0f, 5.0f};
    const std::vector<int64_t> integers = {1, -1};
    const std::vector<uint8_t> bytes = {1, 0, 1};
    write_safetensors(path_,
                      {float_source("head.weight", {2, 3}, floats),
                       {"head.half", DType::kF16, {3, 4}, floats.data(), 24},
                       {"steps", DType::kI64, {2}, integers.data(), 16},
                       {"mask", DType::kBool, {3, 1}, bytes.data(), 3},
                       {"none", DType::kF64, {0, 7}, nullptr, 0}},
                      {{"format", "pt"}, {"classes", "a,b"}});
    original_ = read_plainly(path_);
    header_end_ = original_.size() - kDataBytes;
  }

  uint64_t below(uint64_t limit) { return random_() % limit; }

  /// Opens `bytes` and uses whatever comes out; returns whether the file was taken.
  bool survives(const std::string& bytes) {
    write_plainly(path_, bytes);
    try {
      const SafetensorsFile file = SafetensorsFile::open(path_);
      check(file, bytes.size());
      return true;
    } catch (const FileError& error) {
      EXPECT_EQ(error.path(), path_) << error.what();
      EXPECT_LT(std::string(error.what()).size(), 2000u);
      return false;
    }
  }

  void check(const SafetensorsFile& file, size_t file_bytes) {
    size_t data_bytes = 0;
    uint64_t sum = 0;
    const std::string* before = nullptr;
    for (const TensorView& tensor : file.tensors()) {
      ASSERT_EQ(tensor_bytes(tensor.dtype, tensor.shape), tensor.bytes) << tensor.name;
      if (before != nullptr) {
        ASSERT_LT(*before, tensor.name);
      }
      before = &tensor.name;
      ASSERT_EQ(file.find(tensor.name), &tensor);
      // Reading each byte lets the address sanitizer and the kernel judge the bounds.
      for (size_t i = 0; i < tensor.bytes; ++i) sum += std::to_integer<uint64_t>(tensor.data[i]);
      if (is_floating(tensor.dtype)) {
        ASSERT_EQ(to_float(tensor).size(), tensor.bytes / dtype_size(tensor.dtype));
      }
      static_cast<void>(all_finite(tensor));
      data_bytes += tensor.bytes;
    }
    ASSERT_LT(data_bytes, file_bytes);
    ASSERT_LE(sum, 255u * data_bytes);
  }

  const TemporaryFolder folder_;
  const std::filesystem::path path_ = folder_ / "damaged.safetensors";
  std::string original_;
  size_t header_end_ = 0;  // where the data begins
  std::mt19937_64 random_{20260508};
};

TEST_F(SafetensorsCorruption, TakesTheOriginal) {
  EXPECT_TRUE(survives(original_));
}

TEST_F(SafetensorsCorruption, EveryTruncationIsRefused) {
  for (size_t length = 0; length < original_.size(); ++length) {
    EXPECT_FALSE(survives(original_.substr(0, length))) << length;
  }
}

TEST_F(SafetensorsCorruption, BytesAddedAreRefused) {
  for (size_t more = 1; more < 50; ++more) {
    EXPECT_FALSE(survives(original_ + std::string(more, static_cast<char>(random_())))) << more;
  }
}

TEST_F(SafetensorsCorruption, EveryBitOfTheHeaderFlipped) {
  int refused = 0;
  for (size_t at = 0; at < header_end_; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = original_;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      if (!survives(bytes)) ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST_F(SafetensorsCorruption, RandomBytes) {
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = original_;
    for (uint64_t flips = 1 + below(8); flips > 0; --flips) {
      bytes[below(bytes.size())] = static_cast<char>(random_());
    }
    if (below(4) == 0) bytes.resize(below(bytes.size() + 20));
    survives(bytes);
  }
}

TEST_F(SafetensorsCorruption, PiecesOfJsonInWrongPlaces) {
  const std::vector<std::string> pieces = {
      "{",       "}",       "[",     "]",   ",",    ":",    "\"",           "0",
      "1",       "9",       "-1",    "1e9", "null", "true", "\"dtype\":",   "18446744073709551615",
      "\"F64\"", "\\u0000", "[0,0]", "{}",  "  ",   "\\",   "\"shape\":[]", "9223372036854775807"};
  int taken = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string header = original_.substr(8, header_end_ - 8);
    for (uint64_t changes = 1 + below(3); changes > 0; --changes) {
      const std::string& piece = pieces[below(pieces.size())];
      const size_t at = below(header.size());
      header.replace(at, below(2) == 0 ? 0 : piece.size(), piece);
    }
    if (survives(safetensors_bytes(header, original_.substr(header_end_)))) ++taken;
  }
  // Some harmless changes, such as one in a name, must be among them, or nothing was tested.
  EXPECT_GT(taken, 10);
}

TEST_F(SafetensorsCorruption, Noise) {
  for (int round = 0; round < 1000; ++round) {
    std::string bytes(below(200), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    if (bytes.size() > 9 && below(2) == 0) {
      bytes.replace(0, 9, std::string("\x10\0\0\0\0\0\0\0{", 9));
    }
    EXPECT_FALSE(survives(bytes));
  }
}

}  // namespace
}  // namespace lightavseg
