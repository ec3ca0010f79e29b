// SPDX-License-Identifier: LGPL-2.1-or-later
// Text from a file, made safe to show in an error message.
#pragma once

#include <string>
#include <string_view>

namespace lightavseg {

/// `text` in double quotes as printable ASCII: quotes, control characters and everything beyond
/// ASCII become JSON escapes, bytes that are not UTF-8 become \ufffd, and more than 120 bytes are
/// cut and marked with "...". A hostile file can so neither flood a log nor steer a terminal.
std::string quoted_text(std::string_view text);

}  // namespace lightavseg
