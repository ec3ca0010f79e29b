// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/progress.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace lightavseg {
namespace {

class ProgressTest : public ::testing::Test {
 protected:
  ProgressOptions options(ProgressStyle style) {
    ProgressOptions options;
    options.label = "epoch 1/2";
    options.total = 1000;
    options.style = style;
    return options;
  }
  ProgressLine::Clock clock() {
    return [this] { return now_s_; };
  }

  std::ostringstream out_;
  double now_s_ = 100;
};

TEST(FormatDuration, ShowsHoursOnlyWhenThereAreSome) {
  EXPECT_EQ(format_duration(0), "0:00");
  EXPECT_EQ(format_duration(9.6), "0:10");
  EXPECT_EQ(format_duration(123), "2:03");
  EXPECT_EQ(format_duration(3723), "1:02:03");
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_duration(INFINITY), "?");
  EXPECT_EQ(format_duration(NAN), "?");
}

TEST_F(ProgressTest, WritesALinePerInterval) {
  ProgressLine progress(out_, options(ProgressStyle::kLines), clock());
  progress.update(10, {{"loss", 1.0}});
  EXPECT_EQ(out_.str(), "");
  now_s_ += 10;
  progress.update(200, {{"loss", 0.51239}, {"dice", 0.25}});
  EXPECT_EQ(out_.str(), "epoch 1/2  200/1000 (20 %)  20.0/s  0:40 left  loss 0.5124  dice 0.25\n");
  now_s_ += 9;
  progress.update(300, {});
  EXPECT_EQ(out_.str().find("300/1000"), std::string::npos);
  progress.finish();
  EXPECT_NE(out_.str().find("300/1000"), std::string::npos);
  EXPECT_EQ(out_.str().find('\r'), std::string::npos);
}

TEST_F(ProgressTest, RewritesOneLineOnATerminal) {
  {
    ProgressLine progress(out_, options(ProgressStyle::kRewrite), clock());
    now_s_ += 1;
    progress.update(10, {});
    EXPECT_EQ(out_.str(), "\repoch 1/2  10/1000 (1 %)  10.0/s  1:39 left\x1b[K");
    now_s_ += 0.1;
    progress.update(11, {});  // too soon
    EXPECT_EQ(out_.str().find("11/1000"), std::string::npos);
  }
  EXPECT_EQ(out_.str().back(), '\n');
}

TEST_F(ProgressTest, CutsALineThatWouldWrap) {
  ProgressOptions narrow = options(ProgressStyle::kRewrite);
  narrow.columns = 10;
  ProgressLine progress(out_, narrow, clock());
  progress.update(10, {});
  EXPECT_EQ(out_.str(), "\repoch 1/2\x1b[K");
}

TEST_F(ProgressTest, QuietPrintsMessagesOnly) {
  ProgressLine progress(out_, options(ProgressStyle::kQuiet), clock());
  now_s_ += 60;
  progress.update(10, {});
  progress.message("saved");
  progress.finish();
  EXPECT_EQ(out_.str(), "saved\n");
}

TEST_F(ProgressTest, AMessageStaysAboveTheRewrittenLine) {
  ProgressLine progress(out_, options(ProgressStyle::kRewrite), clock());
  progress.update(10, {});
  out_.str("");
  progress.message("saved best.safetensors");
  EXPECT_EQ(out_.str().rfind("\r\x1b[Ksaved best.safetensors\n\repoch 1/2", 0), 0u);
}

TEST_F(ProgressTest, SamplesOfAnEarlierRunDoNotCountForTheSpeed) {
  ProgressLine progress(out_, options(ProgressStyle::kLines), clock());
  progress.resume_from(500);
  now_s_ += 10;
  progress.update(600, {});
  EXPECT_DOUBLE_EQ(progress.samples_per_second(), 10);
}

TEST_F(ProgressTest, TheSpeedFollowsTheRecentPast) {
  ProgressLine progress(out_, options(ProgressStyle::kLines), clock());
  std::int64_t done = 0;
  for (int i = 0; i < 10; ++i) progress.update(done += 100, {}), now_s_ += 1;
  for (int i = 0; i < 200; ++i) progress.update(done += 10, {}), now_s_ += 1;
  EXPECT_NEAR(progress.samples_per_second(), 10, 0.1);
}

TEST_F(ProgressTest, WithoutATotalItShowsTheTimePassed) {
  ProgressOptions unknown = options(ProgressStyle::kLines);
  unknown.total = 0;
  ProgressLine progress(out_, unknown, clock());
  now_s_ += 65;
  progress.update(650, {});
  EXPECT_EQ(out_.str(), "epoch 1/2  650  10.0/s  1:05\n");
}

TEST_F(ProgressTest, FinishPrintsOnce) {
  ProgressLine progress(out_, options(ProgressStyle::kLines), clock());
  progress.update(10, {});
  progress.finish();
  const std::string once = out_.str();
  progress.finish();
  progress.update(20, {});
  EXPECT_EQ(out_.str(), once);
}

}  // namespace
}  // namespace lightavseg
