// SPDX-License-Identifier: LGPL-2.1-or-later
// "Did you mean ...": the known names closest to one that is not known.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lightavseg {

/// Up to `most` of `names` that resemble `name`, nearest first, ties in the order of `names`.
/// The measure is the Levenshtein distance, where a name that merely lacks or has a prefix (as
/// `model.conv.weight` against `conv.weight`) counts as one step away. Names that differ in more
/// than half of their characters are left out, and so are names beyond 256 bytes.
std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& names,
                                       size_t most);

}  // namespace lightavseg
