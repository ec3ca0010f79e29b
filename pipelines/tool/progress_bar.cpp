// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace lightavseg::tool {
namespace {

constexpr int kCells = 30;
constexpr const char* kEraseLine = "\r\033[K";

}  // namespace

std::string progress_text(double share, double rate, const char* unit, double seconds_left) {
  std::string text;
  if (share >= 0) {
    share = std::min(1.0, share);
    const auto full = static_cast<std::size_t>(share * kCells);
    text = fmt::format("[{}{}] {:3.0f} %  ", std::string(full, '#'),
                       std::string(kCells - full, '-'), std::floor(100 * share));
  }
  text += fmt::format("{:.1f} {}/s", rate, unit);
  if (seconds_left >= 0) {
    const long left = std::lround(std::min(seconds_left, 359999.0));
    text += left >= 3600
                ? fmt::format("  {}:{:02}:{:02} left", left / 3600, left / 60 % 60, left % 60)
                : fmt::format("  {}:{:02} left", left / 60, left % 60);
  }
  return text;
}

ProgressBar::ProgressBar(bool wanted, const char* unit)
    : on_(wanted && isatty(STDERR_FILENO)), unit_(unit), start_(std::chrono::steady_clock::now()) {
}

ProgressBar::~ProgressBar() {
  clear();
}

void ProgressBar::show(double share, double done) {
  if (!on_) return;
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
  const double left = share > 0 ? passed.count() * (1 - std::min(1.0, share)) / share : -1;
  const double rate = passed.count() > 0 ? done / passed.count() : 0;
  fmt::print(stderr, "{}{}", kEraseLine, progress_text(share, rate, unit_, left));
  std::fflush(stderr);
}

void ProgressBar::clear() {
  if (!on_) return;
  fmt::print(stderr, "{}", kEraseLine);
  std::fflush(stderr);
}

}  // namespace lightavseg::tool
