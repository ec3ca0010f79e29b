// SPDX-License-Identifier: LGPL-2.1-or-later
// One reader that is offered whatever bytes: NAME.cpp in this folder, built twice. With libFuzzer
// (-Dfuzz=true, tests/fuzz/nightly) the bytes are searched for; with replay_test.cpp, in every run
// of the tests, they are those of corpus/NAME and mutations of them.
//
// A target catches the error that its reader documents and nothing else: any other exception, a
// crash, a report of a sanitizer or a hang is a finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace lightavseg::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// What must hold for any input. Ends the process where it does not, in all build types.
inline void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace lightavseg::fuzz
