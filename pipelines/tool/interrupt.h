// SPDX-License-Identifier: LGPL-2.1-or-later
// Ctrl-C and SIGTERM, so that what is incomplete is removed before the program ends.
#pragma once

#include <csignal>
#include <stdexcept>

namespace lightavseg::tool {

// The user wants the program to end. The exit code is 130.
class Interrupted : public std::runtime_error {
 public:
  Interrupted() : std::runtime_error("interrupted; what was incomplete is removed") {}
};

// From now on SIGINT and SIGTERM only set what interrupted() tells; a second one ends the program
// as usual. SIGPIPE is ignored: writing to a program that has ended is an error like others.
void catch_interrupts();

// Whether one of them came. From any thread.
bool interrupted();

// From now on SIGINT and SIGTERM, however many, only set what is pointed to: for training, which
// writes a checkpoint before it ends. interrupted() tells the same.
const volatile std::sig_atomic_t* stop_on_signals();

}  // namespace lightavseg::tool
