// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/schedule.h"

#include <fmt/format.h>

#include <cmath>

namespace lightavseg {
namespace {
constexpr double kPi = 3.14159265358979323846;
}

ScheduleKind parse_schedule_kind(std::string_view name) {
  if (name == "constant") return ScheduleKind::kConstant;
  if (name == "cosine") return ScheduleKind::kCosine;
  throw ScheduleError(
      fmt::format("schedule \"{}\" is not known; use \"constant\" or \"cosine\"", name));
}

std::string_view schedule_kind_name(ScheduleKind kind) {
  return kind == ScheduleKind::kCosine ? "cosine" : "constant";
}

Schedule::Schedule(const ScheduleOptions& options) : options_(options) {
  if (options.total_steps < 1) {
    throw ScheduleError(
        fmt::format("total_steps is {}; a run has at least 1 step", options.total_steps));
  }
  if (options.warmup_steps < 0 || options.warmup_steps > options.total_steps) {
    throw ScheduleError(fmt::format("warmup_steps is {}; give 0 to total_steps ({})",
                                    options.warmup_steps, options.total_steps));
  }
  if (!(options.final_multiplier >= 0 && options.final_multiplier <= 1)) {
    throw ScheduleError(
        fmt::format("final_multiplier is {}; give a share of the learning rate in [0, 1]",
                    options.final_multiplier));
  }
}

double Schedule::multiplier(std::int64_t step) const {
  if (step < 0) throw ScheduleError(fmt::format("step is {}; steps count from 0", step));
  if (step < options_.warmup_steps) {
    return static_cast<double>(step + 1) / static_cast<double>(options_.warmup_steps);
  }
  if (options_.kind == ScheduleKind::kConstant) return 1;
  if (step >= options_.total_steps) return options_.final_multiplier;
  const double progress = static_cast<double>(step - options_.warmup_steps) /
                          static_cast<double>(options_.total_steps - options_.warmup_steps);
  return options_.final_multiplier +
         (1 - options_.final_multiplier) * 0.5 * (1 + std::cos(kPi * progress));
}

}  // namespace lightavseg
