// SPDX-License-Identifier: LGPL-2.1-or-later
// What a long run says on the terminal: one line that is rewritten in place, or, when the output is
// a file or a pipe, a line every few seconds.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lightavseg {

enum class ProgressStyle {
  kQuiet,    // nothing, messages excepted
  kRewrite,  // one line, rewritten in place
  kLines,    // a line per interval
};

struct ProgressOptions {
  std::string label;       // what is counted, "epoch 3/60" for instance
  std::int64_t total = 0;  // samples of the whole task; 0 if not known
  ProgressStyle style = ProgressStyle::kLines;
  double interval_s = 10;  // kLines: seconds between lines; kRewrite rewrites 5 times a second
  int columns = 100;       // kRewrite: width of the terminal; longer lines are cut
};

// "1:02:03", "2:03"; "?" for what is negative or not finite. Rounded to whole seconds.
std::string format_duration(double seconds);

// Not for several threads at once.
class ProgressLine {
 public:
  using Values = std::vector<std::pair<std::string, double>>;  // name and value, shown in order
  using Clock = std::function<double()>;                       // seconds, never falling

  // `out` must outlive the line. clock: the steady clock of the system if empty.
  ProgressLine(std::ostream& out, ProgressOptions options, Clock clock = {});
  // Ends a rewritten line, so that what follows starts on a line of its own.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // done: samples so far, at `resumed_from` or above. Prints if it is time to.
  void update(std::int64_t done, const Values& values);

  // Prints the last state whatever the time is and ends the line. Later calls do nothing.
  void finish();

  // A line of its own that stays, above the rewritten one.
  void message(std::string_view text);

  // Samples of an earlier run, which do not count for the speed. Call before the first update.
  void resume_from(std::int64_t done) { resumed_from_ = done_ = done; }

  // Samples per second over the recent past, 0 before the second update.
  double samples_per_second() const { return rate_; }

 private:
  std::string line() const;
  void print();

  std::ostream& out_;
  ProgressOptions options_;
  Clock clock_;
  double start_s_;
  double measured_s_;  // when rate_ was last brought up to date
  double printed_s_;
  std::int64_t measured_done_ = 0;
  std::int64_t resumed_from_ = 0;
  std::int64_t done_ = 0;
  Values values_;
  double rate_ = 0;
  bool updated_ = false;
  bool line_open_ = false;
  bool finished_ = false;
};

// Options for the standard output of this process: rewritten in place on a terminal of its width,
// lines otherwise; quiet if asked for.
ProgressOptions progress_options_for_stdout(bool quiet = false);

}  // namespace lightavseg
