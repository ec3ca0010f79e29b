// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/schedule.h"

#include <gtest/gtest.h>

namespace lightavseg {
namespace {

ScheduleOptions cosine(std::int64_t total, std::int64_t warmup, double final_multiplier = 0) {
  return {ScheduleKind::kCosine, total, warmup, final_multiplier};
}

TEST(Schedule, ConstantIsOneEverywhere) {
  const Schedule schedule({ScheduleKind::kConstant, 10, 0, 0});
  for (std::int64_t step : {0, 1, 9, 10, 1000}) EXPECT_EQ(schedule.multiplier(step), 1);
}

TEST(Schedule, WarmUpRisesLinearlyToOneAtItsLastStep) {
  for (ScheduleKind kind : {ScheduleKind::kConstant, ScheduleKind::kCosine}) {
    const Schedule schedule({kind, 100, 4, 0});
    EXPECT_DOUBLE_EQ(schedule.multiplier(0), 0.25);
    EXPECT_DOUBLE_EQ(schedule.multiplier(1), 0.5);
    EXPECT_DOUBLE_EQ(schedule.multiplier(3), 1);
    EXPECT_DOUBLE_EQ(schedule.multiplier(4), 1);
  }
}

TEST(Schedule, CosineFallsToItsFloorAndStays) {
  const Schedule schedule(cosine(12, 2, 0.1));
  EXPECT_DOUBLE_EQ(schedule.multiplier(2), 1);
  EXPECT_NEAR(schedule.multiplier(7), 0.55, 1e-12);
  EXPECT_GT(schedule.multiplier(11), 0.1);
  EXPECT_DOUBLE_EQ(schedule.multiplier(12), 0.1);
  EXPECT_DOUBLE_EQ(schedule.multiplier(500), 0.1);
  for (std::int64_t step = 3; step <= 12; ++step) {
    EXPECT_LT(schedule.multiplier(step), schedule.multiplier(step - 1));
  }
}

TEST(Schedule, HandlesTheShortestRuns) {
  EXPECT_DOUBLE_EQ(Schedule(cosine(1, 0)).multiplier(0), 1);
  EXPECT_DOUBLE_EQ(Schedule(cosine(1, 0)).multiplier(1), 0);
  const Schedule only_warmup(cosine(3, 3));
  EXPECT_DOUBLE_EQ(only_warmup.multiplier(2), 1);
  EXPECT_DOUBLE_EQ(only_warmup.multiplier(3), 0);
}

TEST(Schedule, RefusesOptionsOutOfRange) {
  EXPECT_THROW(Schedule(cosine(0, 0)), ScheduleError);
  EXPECT_THROW(Schedule(cosine(10, 11)), ScheduleError);
  EXPECT_THROW(Schedule(cosine(10, -1)), ScheduleError);
  EXPECT_THROW(Schedule(cosine(10, 0, 1.5)), ScheduleError);
  EXPECT_THROW(Schedule(cosine(10, 0)).multiplier(-1), ScheduleError);
}

TEST(Schedule, NamesGoBothWays) {
  for (ScheduleKind kind : {ScheduleKind::kConstant, ScheduleKind::kCosine}) {
    EXPECT_EQ(parse_schedule_kind(schedule_kind_name(kind)), kind);
  }
  try {
    parse_schedule_kind("poly");
    FAIL() << "an unknown schedule was accepted";
  } catch (const ScheduleError& error) {
    EXPECT_NE(std::string(error.what()).find("poly"), std::string::npos);
  }
}

}  // namespace
}  // namespace lightavseg
