// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/command.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace lightavseg::tool {
namespace {

std::optional<int> parse_side(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < 32 || value > 8192) return std::nullopt;
  return value;
}

}  // namespace

std::pair<int, int> parse_size(const std::string& text) {
  const size_t x = text.find('x');
  const auto height = parse_side(text.substr(0, x));
  const auto width = x == std::string::npos ? height : parse_side(text.substr(x + 1));
  if (!height || !width)
    throw UsageError(fmt::format(
        "size '{}': give N or HEIGHTxWIDTH in pixels, each side within 32..8192", text));
  return {*height, *width};
}

std::string with_commas(int64_t value) {
  std::string digits = std::to_string(value);
  for (int i = static_cast<int>(digits.size()) - 3; i > (value < 0 ? 1 : 0); i -= 3)
    digits.insert(size_t(i), ",");
  return digits;
}

}  // namespace lightavseg::tool
