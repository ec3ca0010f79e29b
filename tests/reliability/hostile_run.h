// SPDX-License-Identifier: LGPL-2.1-or-later
// One random pipeline around the elements, from a seed to its end.
#pragma once

#include <cstdint>
#include <string>

namespace lightavseg::test {

struct HostileEnd {
  enum class Kind {
    kEos,      // the end of the stream came out
    kError,    // one of the elements told an error
    kRefused,  // caps or a link were refused, which sources tell
    kFault,    // none of these, or something that must not be
  };
  Kind kind = Kind::kFault;
  std::string text;  // the error, or what is wrong
};

// Builds the pipeline of that seed, runs it, and takes it down. The same seed sends the same
// buffers and events; how the threads take turns is the machine's. The elements must be registered,
// with a stand-in for the network that knows the models "", "yamnet", "missing" and "broken".
//
// Faults: neither end nor error within `patience_s`, an error without a type or text, more than one
// error from lightavseg, a failed state change or flow that no message explains, frames lost
// though nothing flushed, a critical warning of GLib, elements that outlive their pipeline. A crash
// or a call that never returns is the caller's to notice.
HostileEnd run_hostile_pipeline(std::uint64_t seed, int patience_s);

}  // namespace lightavseg::test
