// SPDX-License-Identifier: LGPL-2.1-or-later
// The built tool, as its users call it.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace lightavseg::testing {

struct Finished {
  int code = -1;
  std::string text;  // standard output and standard error
};

// arguments: a part of a shell command.
inline Finished run_tool(const std::string& arguments) {
  const char* tool = std::getenv("LIGHTAVSEG_TOOL");
  if (tool == nullptr) throw std::runtime_error("LIGHTAVSEG_TOOL must name the built tool");
  const std::string command = std::string(tool) + " " + arguments + " 2>&1";
  Finished out;
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("no shell for " + command);
  char block[4096];
  for (std::size_t n; (n = std::fread(block, 1, sizeof block, pipe)) > 0;) {
    out.text.append(block, n);
  }
  const int status = ::pclose(pipe);
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return out;
}

}  // namespace lightavseg::testing
