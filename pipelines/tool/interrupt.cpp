// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/interrupt.h"

namespace lightavseg::tool {
namespace {

volatile std::sig_atomic_t came = 0;

void on_signal(int) {
  came = 1;
}

void listen(int flags) {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = flags;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

void catch_interrupts() {
  listen(static_cast<int>(SA_RESETHAND));
  std::signal(SIGPIPE, SIG_IGN);
}

const volatile std::sig_atomic_t* stop_on_signals() {
  listen(0);
  return &came;
}

bool interrupted() {
  return came != 0;
}

}  // namespace lightavseg::tool
