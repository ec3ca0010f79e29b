// SPDX-License-Identifier: LGPL-2.1-or-later
// Damage from a seed, for tests without a fuzzer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/data/random.h"

namespace lightavseg::fuzz {

/// `bytes` with one to four changes: bits, bytes and numbers replaced, runs removed, doubled or
/// taken from `other`, the end cut off, and pieces that mean something to readers of JSON, TOML
/// and CSV put in.
std::string mutated(std::string bytes, std::string_view other, Random& random);

}  // namespace lightavseg::fuzz
