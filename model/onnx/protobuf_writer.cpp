// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/onnx/protobuf_writer.h"

#include <cstring>

namespace lightavseg::onnx {
namespace {

enum WireType : std::uint64_t { kVarint = 0, kLength = 2, kFixed32 = 5 };

std::uint64_t key(int field, WireType type) {
  return std::uint64_t(field) << 3 | type;
}

}  // namespace

void ProtobufWriter::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) data_.push_back(char(value | 0x80));
  data_.push_back(char(value));
}

void ProtobufWriter::integer(int field, std::int64_t value) {
  varint(key(field, kVarint));
  varint(std::uint64_t(value));
}

void ProtobufWriter::real(int field, float value) {
  static_assert(sizeof(float) == sizeof(std::uint32_t));
  varint(key(field, kFixed32));
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  for (int shift = 0; shift < 32; shift += 8) data_.push_back(char(bits >> shift));
}

void ProtobufWriter::bytes(int field, std::string_view value) {
  varint(key(field, kLength));
  varint(value.size());
  data_.append(value);
}

}  // namespace lightavseg::onnx
