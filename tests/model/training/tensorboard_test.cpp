// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/tensorboard.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

// What this file reads back: enough of the protocol buffer format to decode what is written.
struct Field {
  int number = 0;
  std::uint64_t integer = 0;  // varint and fixed values
  std::string bytes;
};

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

std::uint64_t take_varint(std::string_view* bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; !bytes->empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes->front());
    bytes->remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

std::vector<Field> decode(std::string_view message) {
  std::vector<Field> fields;
  while (!message.empty()) {
    const std::uint64_t key = take_varint(&message);
    Field field;
    field.number = static_cast<int>(key >> 3);
    std::size_t size = 0;
    switch (key & 7) {
      case 0:
        field.integer = take_varint(&message);
        break;
      case 1:
        size = 8;
        break;
      case 5:
        size = 4;
        break;
      case 2:
        size = take_varint(&message);
        field.bytes = message.substr(0, size);
        message.remove_prefix(size);
        size = 0;
        break;
      default:
        ADD_FAILURE() << "wire type " << (key & 7);
        return fields;
    }
    if (size > 0) {
      field.integer = little_endian(message.substr(0, size));
      message.remove_prefix(size);
    }
    fields.push_back(field);
  }
  return fields;
}

template <typename Float, typename Bits>
Float as_float(std::uint64_t value) {
  const auto bits = static_cast<Bits>(value);
  Float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

class TensorBoardTest : public ::testing::Test {
 protected:
  // The events of a file, after a check of both checksums of every record.
  static std::vector<std::string> events(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    std::vector<std::string> events;
    std::string_view rest = text;
    while (rest.size() >= 12) {
      const std::string_view length_bytes = rest.substr(0, 8);
      EXPECT_EQ(little_endian(rest.substr(8, 4)), masked_crc32c(length_bytes));
      const auto length = static_cast<std::size_t>(little_endian(length_bytes));
      if (rest.size() < 16 + length) break;
      const std::string_view event = rest.substr(12, length);
      EXPECT_EQ(little_endian(rest.substr(12 + length, 4)), masked_crc32c(event));
      events.emplace_back(event);
      rest.remove_prefix(16 + length);
    }
    EXPECT_TRUE(rest.empty());
    return events;
  }

  TemporaryFolder temporary_;
  const std::filesystem::path folder_ = temporary_ / "logs";  // not there yet
};

// Values of RFC 3720, appendix B.4.
TEST(Crc32c, HasTheGoldenValues) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  std::string rising, falling;
  for (char i = 0; i < 32; ++i) {
    rising.push_back(i);
    falling.push_back(static_cast<char>(31 - i));
  }
  EXPECT_EQ(crc32c(rising), 0x46DD794Eu);
  EXPECT_EQ(crc32c(falling), 0x113FDB5Cu);
}

TEST(Crc32c, MasksByRotationAndSum) {
  EXPECT_EQ(masked_crc32c(""), 0xA282EAD8u);
  // 0xE3069283 turned right by 15 bits is 0x2507C60D.
  EXPECT_EQ(masked_crc32c("123456789"), 0x2507C60Du + 0xA282EAD8u);
}

TEST_F(TensorBoardTest, StartsWithTheFileVersion) {
  const TensorBoardWriter writer(folder_, 1234567890.5);
  EXPECT_EQ(writer.path().filename().string().rfind("events.out.tfevents.1234567890.", 0), 0u);
  const auto all = events(writer.path());
  ASSERT_EQ(all.size(), 1u);
  const auto fields = decode(all[0]);
  ASSERT_EQ(fields.size(), 2u);
  EXPECT_EQ(fields[0].number, 1);
  EXPECT_EQ((as_float<double, std::uint64_t>(fields[0].integer)), 1234567890.5);
  EXPECT_EQ(fields[1].number, 3);
  EXPECT_EQ(fields[1].bytes, "brain.Event:2");
}

TEST_F(TensorBoardTest, WritesScalarsThatDecodeAgain) {
  TensorBoardWriter writer(folder_, 1.0);
  writer.add_scalars(300, {{"train/loss", 0.25}, {"val/miou", 0.5}}, 2.5);
  const auto all = events(writer.path());  // the writer is still open: every call is flushed
  ASSERT_EQ(all.size(), 2u);
  const auto event = decode(all[1]);
  ASSERT_EQ(event.size(), 3u);
  EXPECT_EQ((as_float<double, std::uint64_t>(event[0].integer)), 2.5);
  EXPECT_EQ(event[1].number, 2);
  EXPECT_EQ(event[1].integer, 300u);
  EXPECT_EQ(event[2].number, 5);
  const auto values = decode(event[2].bytes);
  ASSERT_EQ(values.size(), 2u);
  const auto loss = decode(values[0].bytes);
  ASSERT_EQ(loss.size(), 2u);
  EXPECT_EQ(loss[0].bytes, "train/loss");
  EXPECT_EQ((as_float<float, std::uint32_t>(loss[1].integer)), 0.25f);
  const auto miou = decode(values[1].bytes);
  EXPECT_EQ(miou[0].bytes, "val/miou");
  EXPECT_EQ((as_float<float, std::uint32_t>(miou[1].integer)), 0.5f);
}

TEST_F(TensorBoardTest, WritesTheBytesOfTheFormat) {
  TensorBoardWriter writer(folder_, 0.0);
  writer.add_scalars(1, {{"a", 1.0}}, 0.0);
  const std::string event(
      "\x09\0\0\0\0\0\0\0\0\x10\x01\x2A\x0A\x0A\x08\x0A\x01"
      "a\x15\0\0\x80\x3F",
      23);
  EXPECT_EQ(events(writer.path())[1], event);
}

TEST_F(TensorBoardTest, MarksARestart) {
  TensorBoardWriter writer(folder_, 1.0);
  writer.mark_restart(77, 3.0);
  const auto all = events(writer.path());
  ASSERT_EQ(all.size(), 2u);
  const auto event = decode(all[1]);
  ASSERT_EQ(event.size(), 3u);
  EXPECT_EQ(event[1].integer, 77u);
  EXPECT_EQ(event[2].number, 7);
  EXPECT_EQ(event[2].bytes, "\x08\x01");
}

TEST_F(TensorBoardTest, TwoWritersOfOneSecondDoNotShareAFile) {
  const TensorBoardWriter first(folder_, 5.0);
  const TensorBoardWriter second(folder_, 5.0);
  EXPECT_NE(first.path(), second.path());
}

TEST_F(TensorBoardTest, NamesTheFolderThatCannotBeMade) {
  std::filesystem::create_directories(folder_);
  std::ofstream(folder_ / "file") << "x";
  const std::filesystem::path inside = folder_ / "file" / "logs";
  try {
    TensorBoardWriter writer(inside);
    FAIL() << "a folder was created inside a file";
  } catch (const TensorBoardError& error) {
    EXPECT_NE(std::string(error.what()).find(inside.string()), std::string::npos);
  }
}

}  // namespace
}  // namespace lightavseg
