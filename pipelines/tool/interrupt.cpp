// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/interrupt.h"

#include <csignal>

namespace lightavseg::tool {
namespace {

volatile std::sig_atomic_t came = 0;

void on_signal(int) {
  came = 1;
}

}  // namespace

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() {
  return came != 0;
}

}  // namespace lightavseg::tool
