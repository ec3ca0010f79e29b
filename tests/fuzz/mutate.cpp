// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/fuzz/mutate.h"

#include <algorithm>
#include <iterator>

namespace lightavseg::fuzz {
namespace {

constexpr std::string_view kPieces[] = {
    "\"", "{", "}", "[", "]", ",", ":", "=", "\n", "\r\n", "\\u0000", "\xff", "0", "-1", "1e999",
    "18446744073709551616", "9223372036854775807", "2147483648", "nan", "inf", "null", "true",
    // A length of 2^63 - 1 and one of 2^31, little-endian.
    std::string_view("\xff\xff\xff\xff\xff\xff\xff\x7f", 8), std::string_view("\0\0\0\x80", 4)};

std::size_t below(std::size_t limit, Random& random) {
  return static_cast<std::size_t>(random.next() % limit);
}

void change(std::string& bytes, std::string_view other, Random& random) {
  if (bytes.empty()) bytes.push_back('\0');
  const std::size_t at = below(bytes.size(), random);
  const std::size_t length = std::min(1 + below(16, random), bytes.size() - at);
  switch (random.below(8)) {
    case 0:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
      break;
    case 1:
      bytes[at] = static_cast<char>(random.next());
      break;
    case 2:
      bytes.erase(at, length);
      break;
    case 3:
      bytes.insert(below(bytes.size(), random), std::string(bytes, at, length));
      break;
    case 4:
      if (!other.empty()) {
        const std::size_t from = below(other.size(), random);
        bytes.replace(at, length, other.substr(from, 1 + below(64, random)));
      }
      break;
    case 5: {
      const auto piece = kPieces[below(std::size(kPieces), random)];
      bytes.replace(at, random.chance(0.5) ? 0 : std::min(piece.size(), bytes.size() - at), piece);
      break;
    }
    case 6: {
      const auto digit = std::find_if(bytes.begin() + std::ptrdiff_t(at), bytes.end(),
                                      [](char c) { return c >= '0' && c <= '9'; });
      if (digit != bytes.end()) *digit = static_cast<char>('0' + random.below(10));
      break;
    }
    default:
      if (random.chance(0.25)) bytes.resize(at);
  }
}

}  // namespace

std::string mutated(std::string bytes, std::string_view other, Random& random) {
  for (int changes = 1 + random.below(4); changes > 0; --changes) change(bytes, other, random);
  return bytes;
}

}  // namespace lightavseg::fuzz
