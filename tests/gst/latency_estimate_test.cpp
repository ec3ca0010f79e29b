// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/latency_estimate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace lightavseg::gst {
namespace {

constexpr GstClockTime ms = GST_MSECOND;

TEST(LatencyEstimate, BeginsWithWhatItIsGiven) {
  const LatencyEstimate estimate(40 * ms);
  EXPECT_EQ(estimate.promise(), 40 * ms);
  EXPECT_EQ(estimate.mean(), 0u);
  EXPECT_EQ(estimate.percentile95(), 0u);
}

TEST(LatencyEstimate, RisesAtOnceWithHeadroom) {
  LatencyEstimate estimate(10 * ms);
  EXPECT_TRUE(estimate.add(20 * ms));
  EXPECT_EQ(estimate.promise(), 25 * ms);
  EXPECT_FALSE(estimate.add(20 * ms));
  EXPECT_TRUE(estimate.add(20 * ms + 1));  // 25 ms and 1.25 ns
  EXPECT_EQ(estimate.promise(), 30 * ms);
}

TEST(LatencyEstimate, IsAMultipleOfFiveMilliseconds) {
  for (GstClockTime d : {1, 3999999, 4000000, 4000001, 123456789}) {
    LatencyEstimate estimate(0);
    EXPECT_TRUE(estimate.add(d));
    EXPECT_EQ(estimate.promise() % (5 * ms), 0u) << d;
    EXPECT_GE(4 * estimate.promise(), 5 * d) << d;
    EXPECT_LT(4 * estimate.promise(), 5 * d + 20 * ms + 4) << d;
  }
}

TEST(LatencyEstimate, KeepsAPromiseThatIsLargeEnough) {
  LatencyEstimate estimate(40 * ms);
  // The figure is 30 ms, which is more than two thirds of 40.
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(estimate.add(24 * ms)) << i;
  EXPECT_EQ(estimate.promise(), 40 * ms);
}

TEST(LatencyEstimate, ExactlyTwoThirdsIsNotUnderThem) {
  LatencyEstimate estimate(45 * ms);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(estimate.add(24 * ms)) << i;
  EXPECT_EQ(estimate.promise(), 45 * ms);
}

TEST(LatencyEstimate, FallsAfter128LowOnesInARow) {
  LatencyEstimate estimate(100 * ms);
  for (int i = 0; i < 127; ++i) ASSERT_FALSE(estimate.add(8 * ms)) << i;
  EXPECT_EQ(estimate.promise(), 100 * ms);
  EXPECT_TRUE(estimate.add(8 * ms));
  EXPECT_EQ(estimate.promise(), 10 * ms);
  for (int i = 0; i < 500; ++i) ASSERT_FALSE(estimate.add(8 * ms)) << i;
}

TEST(LatencyEstimate, AHighFigureBetweenStartsTheCountAnew) {
  LatencyEstimate estimate(100 * ms);
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(estimate.add(8 * ms));
  // Six of 106 are more than a twentieth, so the figure is 75 ms until enough others came.
  for (int i = 0; i < 6; ++i) ASSERT_FALSE(estimate.add(60 * ms));
  EXPECT_EQ(estimate.percentile95(), 60 * ms);
  for (int i = 0; i < 127; ++i) ASSERT_FALSE(estimate.add(8 * ms)) << i;
  EXPECT_EQ(estimate.promise(), 100 * ms);
}

TEST(LatencyEstimate, OneSlowFrameAmongManyDoesNotCount) {
  LatencyEstimate estimate(25 * ms);
  for (int i = 0; i < 100; ++i) ASSERT_FALSE(estimate.add(20 * ms));
  EXPECT_FALSE(estimate.add(900 * ms));
  EXPECT_EQ(estimate.promise(), 25 * ms);
}

TEST(LatencyEstimate, ASlowStartIsForgotten) {
  LatencyEstimate estimate(25 * ms);
  EXPECT_TRUE(estimate.add(900 * ms));  // the first frame loads and allocates
  EXPECT_EQ(estimate.promise(), 1125 * ms);
  int changes = 0;
  for (int i = 0; i < 300; ++i) changes += estimate.add(20 * ms);
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(estimate.promise(), 25 * ms);
}

TEST(LatencyEstimate, HoldsForNineteenOfTwenty) {
  std::mt19937_64 random(1);
  std::vector<GstClockTime> durations;
  for (int i = 0; i < 5000; ++i) durations.push_back(10 * ms + random() % (30 * ms));
  LatencyEstimate estimate(0);
  int changes = 0, late = 0;
  for (auto d : durations) {
    late += d > estimate.promise();
    changes += estimate.add(d);
  }
  EXPECT_LT(late, 10);  // while it learns
  EXPECT_LT(changes, 10);
  EXPECT_LE(estimate.promise(), 55 * ms);
}

TEST(LatencyEstimate, KeepsTheLast128) {
  LatencyEstimate estimate(1000 * ms);
  for (int i = 0; i < 50; ++i) estimate.add(500 * ms);
  for (int i = 1; i <= 128; ++i) estimate.add(GstClockTime(i) * ms);
  EXPECT_EQ(estimate.mean(), GstClockTime(64.5 * double(ms)));
  EXPECT_EQ(estimate.percentile95(), 122 * ms);  // the 121.6th
}

TEST(LatencyEstimate, FiguresOfAFew) {
  LatencyEstimate estimate(0);
  estimate.add(10 * ms);
  EXPECT_EQ(estimate.mean(), 10 * ms);
  EXPECT_EQ(estimate.percentile95(), 10 * ms);
  estimate.add(30 * ms);
  EXPECT_EQ(estimate.mean(), 20 * ms);
  EXPECT_EQ(estimate.percentile95(), 30 * ms);
}

TEST(LatencyEstimate, WhatIsNoDurationIsNotTaken) {
  LatencyEstimate estimate(25 * ms);
  EXPECT_FALSE(estimate.add(GST_CLOCK_TIME_NONE));
  EXPECT_EQ(estimate.mean(), 0u);
  EXPECT_EQ(estimate.promise(), 25 * ms);
}

TEST(LatencyEstimate, DoesNotOverflow) {
  LatencyEstimate estimate(0);
  for (int i = 0; i < 128; ++i) estimate.add(G_MAXUINT64 - 1);
  EXPECT_EQ(estimate.mean(), 3600 * GST_SECOND);
  EXPECT_EQ(estimate.promise(), 4500 * GST_SECOND);
}

TEST(LatencyEstimate, NothingTakesNoTime) {
  LatencyEstimate estimate(0);
  EXPECT_FALSE(estimate.add(0));
  EXPECT_EQ(estimate.promise(), 0u);
}

}  // namespace
}  // namespace lightavseg::gst
