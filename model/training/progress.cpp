// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ostream>
#include <string>

namespace lightavseg {
namespace {

constexpr double kRewriteInterval_s = 0.2;
// The speed forgets what is older than about this long.
constexpr double kRateMemory_s = 20;
constexpr double kRateStep_s = 0.5;
constexpr std::string_view kStartOfLine = "\r";
constexpr std::string_view kClearLine = "\x1b[K";

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "?";
  const auto total = static_cast<std::int64_t>(std::llround(seconds));
  const std::int64_t hours = total / 3600;
  const std::int64_t minutes = total / 60 % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, total % 60);
  return fmt::format("{}:{:02}", minutes, total % 60);
}

ProgressLine::ProgressLine(std::ostream& out, ProgressOptions options, Clock clock)
    : out_(out),
      options_(std::move(options)),
      clock_(clock ? std::move(clock) : Clock(steady_seconds)),
      start_s_(clock_()),
      measured_s_(start_s_),
      printed_s_(start_s_) {
}

ProgressLine::~ProgressLine() {
  if (line_open_) out_ << '\n' << std::flush;
}

void ProgressLine::update(std::int64_t done, const Values& values) {
  if (finished_) return;
  const double now_s = clock_();
  if (!updated_) measured_done_ = resumed_from_;
  done_ = done;
  values_ = values;
  const double passed_s = now_s - measured_s_;
  if (passed_s >= kRateStep_s || (rate_ == 0 && passed_s > 0)) {
    const double recent = static_cast<double>(done - measured_done_) / passed_s;
    // The first measurement counts fully, later ones by the share of the memory they fill.
    const double weight = rate_ == 0 ? 1 : 1 - std::exp(-passed_s / kRateMemory_s);
    rate_ += weight * (recent - rate_);
    measured_s_ = now_s;
    measured_done_ = done;
  }
  const bool rewrite = options_.style == ProgressStyle::kRewrite;
  const double interval_s = rewrite ? kRewriteInterval_s : options_.interval_s;
  if ((rewrite && !updated_) || now_s - printed_s_ >= interval_s) {
    updated_ = true;
    printed_s_ = now_s;
    print();
  }
  updated_ = true;
}

void ProgressLine::finish() {
  if (finished_) return;
  if (updated_) print();
  finished_ = true;
  if (line_open_) out_ << '\n' << std::flush;
  line_open_ = false;
}

void ProgressLine::message(std::string_view text) {
  if (line_open_) out_ << kStartOfLine << kClearLine;
  out_ << text << '\n';
  if (line_open_) print();
  out_ << std::flush;
}

std::string ProgressLine::line() const {
  std::string text = options_.label;
  if (!text.empty()) text += "  ";
  if (options_.total > 0) {
    const double share = static_cast<double>(done_) / static_cast<double>(options_.total);
    text += fmt::format("{}/{} ({:.0f} %)", done_, options_.total, 100 * share);
  } else {
    text += fmt::format("{}", done_);
  }
  text += fmt::format("  {:.1f}/s", rate_);
  if (options_.total > 0) {
    const double left_s =
        rate_ > 0 ? static_cast<double>(std::max<std::int64_t>(0, options_.total - done_)) / rate_
                  : -1;
    text += fmt::format("  {} left", format_duration(left_s));
  } else {
    text += fmt::format("  {}", format_duration(clock_() - start_s_));
  }
  for (const auto& [name, value] : values_) text += fmt::format("  {} {:.4g}", name, value);
  return text;
}

void ProgressLine::print() {
  switch (options_.style) {
    case ProgressStyle::kQuiet:
      return;
    case ProgressStyle::kLines:
      out_ << line() << '\n' << std::flush;
      return;
    case ProgressStyle::kRewrite: {
      // A line that wraps could not be taken back, so one column stays free.
      const auto width = static_cast<std::size_t>(std::max(1, options_.columns - 1));
      out_ << kStartOfLine << line().substr(0, width) << kClearLine << std::flush;
      line_open_ = true;
      return;
    }
  }
}

ProgressOptions progress_options_for_stdout(bool quiet) {
  ProgressOptions options;
  if (quiet) {
    options.style = ProgressStyle::kQuiet;
    return options;
  }
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  if (::isatty(STDOUT_FILENO) == 0 || dumb) return options;
  options.style = ProgressStyle::kRewrite;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    options.columns = size.ws_col;
  }
  return options;
}

}  // namespace lightavseg
