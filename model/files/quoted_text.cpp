// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/quoted_text.h"

#include <nlohmann/json.hpp>

namespace lightavseg {

namespace {
constexpr size_t kShownBytes = 120;

bool continues_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0u) == 0x80u;
}
}  // namespace

std::string quoted_text(std::string_view text) {
  const bool cut = text.size() > kShownBytes;
  if (cut) {
    size_t end = kShownBytes;
    // No UTF-8 character has more than three continuation bytes; more of them are not text.
    for (int back = 0; back < 3 && continues_character(text[end]); ++back) --end;
    text = text.substr(0, end);
  }
  std::string shown = nlohmann::json(std::string(text))
                          .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  // JSON leaves DEL as it is, the only control character inside ASCII that it does not escape.
  for (size_t at = shown.find('\x7f'); at != std::string::npos; at = shown.find('\x7f', at)) {
    shown.replace(at, 1, "\\u007f");
  }
  if (cut) shown += "...";
  return shown;
}

}  // namespace lightavseg
