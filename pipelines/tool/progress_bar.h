// SPDX-License-Identifier: LGPL-2.1-or-later
// One line of a terminal that tells how far something is.
#pragma once

#include <chrono>
#include <string>

namespace lightavseg::tool {

// "[#####-----]  50 %  12.0 frames/s  0:10 left". share: 0 to 1, below 0 when unknown; rate: units
// per second; seconds_left: below 0 when unknown.
std::string progress_text(double share, double rate, const char* unit, double seconds_left);

// Draws on the standard error output, and only where that is a terminal. Belongs to one thread.
class ProgressBar {
 public:
  // unit: "frames", "files".
  ProgressBar(bool wanted, const char* unit);
  // Takes the line away.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // share: 0 to 1, below 0 when unknown. done: units so far.
  void show(double share, double done);
  // Takes the line away, so that something else can be printed.
  void clear();

 private:
  bool on_;
  const char* unit_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace lightavseg::tool
