// SPDX-License-Identifier: LGPL-2.1-or-later
// safetensors files put together by hand, right and wrong ones, without the writer under test.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace lightavseg {

/// `length` as the first 8 bytes of a file.
inline std::string length_bytes(uint64_t length) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>((length >> (8 * i)) & 0xFFu);
  return bytes;
}

/// A whole file of this header, not padded, and `data`.
inline std::string safetensors_bytes(std::string_view header, std::string_view data = "") {
  return length_bytes(header.size()) + std::string(header) + std::string(data);
}

/// The bytes of `value` in memory order.
template <typename T>
std::string raw_bytes(const T& value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

}  // namespace lightavseg
