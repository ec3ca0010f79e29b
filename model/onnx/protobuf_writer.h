// SPDX-License-Identifier: LGPL-2.1-or-later
// The protobuf wire format, as far as ONNX files need it (protocolbuffers/protobuf,
// docs "Encoding"): a message is a sequence of fields, each a key and a value.
//
// Not thread-safe; plain value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace lightavseg::onnx {

// Writes the fields of one message in the order of the calls. Field numbers are 1..2^29 - 1.
class ProtobufWriter {
 public:
  // int32, int64, bool and enum; negative ones take ten bytes, as the format wants.
  void integer(int field, std::int64_t value);
  // float (little-endian, whatever the machine).
  void real(int field, float value);
  // string and bytes.
  void bytes(int field, std::string_view value);
  // A message within this one.
  void message(int field, const ProtobufWriter& value) { bytes(field, value.data()); }

  const std::string& data() const { return data_; }
  std::string take() { return std::move(data_); }

 private:
  void varint(std::uint64_t value);

  std::string data_;
};

}  // namespace lightavseg::onnx
