// SPDX-License-Identifier: LGPL-2.1-or-later
// How the learning rate moves over a run: a multiplier for the configured rate, by step.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace lightavseg {

class ScheduleError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class ScheduleKind { kConstant, kCosine };

// "constant" or "cosine"; throws ScheduleError for any other name.
ScheduleKind parse_schedule_kind(std::string_view name);
std::string_view schedule_kind_name(ScheduleKind kind);

struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::kConstant;
  std::int64_t total_steps = 1;   // length of the run, at least 1
  std::int64_t warmup_steps = 0;  // linear rise over the first steps, 0..total_steps
  double final_multiplier = 0;    // where the cosine ends, 0..1; a constant schedule ignores it
};

// Step s of the warm-up (from 0) has (s + 1) / warmup_steps, so that the first step already learns
// and the last one has 1. Behind it a constant schedule stays at 1; a cosine falls from 1 at step
// `warmup_steps` to `final_multiplier` at step `total_steps` and stays there.
// Immutable, so any number of threads may ask it.
class Schedule {
 public:
  // Throws ScheduleError naming the option that is out of its range.
  explicit Schedule(const ScheduleOptions& options);

  // step: from 0; throws ScheduleError when negative.
  double multiplier(std::int64_t step) const;

  const ScheduleOptions& options() const { return options_; }

 private:
  ScheduleOptions options_;
};

}  // namespace lightavseg
