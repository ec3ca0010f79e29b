// SPDX-License-Identifier: LGPL-2.1-or-later
// Golden bytes: the examples of the format's documentation (protocolbuffers/protobuf, "Encoding"),
// and values worked out by hand.
#include "model/onnx/protobuf_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace lightavseg::onnx {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (int v : values) out.push_back(char(v));
  return out;
}

TEST(ProtobufWriter, IntegerOfTheDocumentation) {
  ProtobufWriter w;
  w.integer(1, 150);
  EXPECT_EQ(w.data(), bytes({0x08, 0x96, 0x01}));
}

TEST(ProtobufWriter, StringOfTheDocumentation) {
  ProtobufWriter w;
  w.bytes(2, "testing");
  EXPECT_EQ(w.data(), bytes({0x12, 0x07}) + "testing");
}

TEST(ProtobufWriter, MessageOfTheDocumentation) {
  ProtobufWriter inner, outer;
  inner.integer(1, 150);
  outer.message(3, inner);
  EXPECT_EQ(outer.data(), bytes({0x1a, 0x03, 0x08, 0x96, 0x01}));
}

TEST(ProtobufWriter, SmallIntegersTakeOneByte) {
  ProtobufWriter w;
  w.integer(1, 0);
  w.integer(1, 127);
  EXPECT_EQ(w.data(), bytes({0x08, 0x00, 0x08, 0x7f}));
}

TEST(ProtobufWriter, NegativeIntegersTakeTenBytes) {
  ProtobufWriter w;
  w.integer(1, -1);
  EXPECT_EQ(w.data(), bytes({0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}));
}

TEST(ProtobufWriter, TheLargestInteger) {
  ProtobufWriter w;
  w.integer(1, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(w.data(), bytes({0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}));
}

TEST(ProtobufWriter, FieldNumbersAboveFifteenTakeTwoBytes) {
  ProtobufWriter w;
  w.integer(20, 1);
  EXPECT_EQ(w.data(), bytes({0xa0, 0x01, 0x01}));
}

TEST(ProtobufWriter, RealsAreLittleEndian) {
  ProtobufWriter w;
  w.real(2, 1.5f);  // 0x3fc00000
  EXPECT_EQ(w.data(), bytes({0x15, 0x00, 0x00, 0xc0, 0x3f}));
}

TEST(ProtobufWriter, BytesMayHoldZeros) {
  ProtobufWriter w;
  w.bytes(9, std::string_view("a\0b", 3));
  EXPECT_EQ(w.data(), bytes({0x4a, 0x03, 'a', 0, 'b'}));
}

}  // namespace
}  // namespace lightavseg::onnx
