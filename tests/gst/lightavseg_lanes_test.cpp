// SPDX-License-Identifier: LGPL-2.1-or-later
// Several frames at a time: they come out in order, with the masks that they have one by one.
#include <fmt/format.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/gst/mask_fields.h"
#include "tests/gst/run_pipeline.h"
#include "tests/gst/stub_test.h"

namespace lightavseg::gst::test {
namespace {

constexpr int kFrames = 40;

class Lanes : public StubTest {
 protected:
  void SetUp() override {
    StubTest::SetUp();
    stub().shares = stub().uneven = true;
    stub().delay_ms = 3;
  }
};

// A ball moves, so that no two masks are the same.
std::string moving(int threads) {
  return fmt::format(
      "videotestsrc num-buffers={} pattern=ball ! "
      "video/x-raw,format=I420,width=64,height=48,framerate=25/1 ! queue ! l.video_sink {}"
      "lightavseg name=l smoothing=0.7 output=matte threads={} ! {}",
      kFrames, tone(2), threads, kRecordedOut);
}

struct Seen {
  GstClockTime pts, age;
  double area;
  std::string pixels;
  bool operator==(const Seen& o) const {
    return pts == o.pts && age == o.age && area == o.area && pixels == o.pixels;
  }
};

std::vector<Seen> seen_by(int threads) {
  Pipeline p(moving(threads));
  EXPECT_TRUE(p.run()) << p.error();
  std::vector<Seen> seen;
  for (size_t i = 0; i < p.samples().size(); ++i) {
    GstBuffer* buffer = p.buffer(i);
    GstMapInfo map;
    EXPECT_TRUE(gst_buffer_map(buffer, &map, GST_MAP_READ));
    seen.push_back({GST_BUFFER_PTS(buffer), age(buffer), area(buffer),
                    std::string(reinterpret_cast<const char*>(map.data), map.size)});
    gst_buffer_unmap(buffer, &map);
  }
  return seen;
}

TEST_F(Lanes, AnyNumberGivesTheSameMasksInOrder) {
  const auto wanted = seen_by(1);
  EXPECT_EQ(stub().most_inside, 1);
  ASSERT_EQ(wanted.size(), size_t(kFrames));
  EXPECT_NE(wanted[0].pixels, wanted[20].pixels);
  for (const int threads : {2, 4}) {
    const auto seen = seen_by(threads);
    ASSERT_EQ(seen.size(), wanted.size());
    for (size_t i = 0; i < seen.size(); ++i)
      EXPECT_TRUE(seen[i] == wanted[i]) << threads << " threads, frame " << i;
  }
  EXPECT_GT(stub().most_inside, 1) << "no two frames were ever worked on at the same time";
}

TEST_F(Lanes, AModelThatCannotBeSharedRunsInOne) {
  stub().shares = false;
  EXPECT_EQ(seen_by(4).size(), size_t(kFrames));
  EXPECT_EQ(stub().most_inside, 1);
}

// Every lane may have made its mask while downstream still takes the first frame.
TEST_F(Lanes, MasksAreKeptForAllThatIsHeld) {
  stub().uneven = false;
  Pipeline p(
      red_video(80) + tone(4) +
      "lightavseg name=l smoothing=0 threads=64 ! appsink name=out sync=false max-buffers=1");
  stub().delay_ms = 500;  // time for all lanes to get a frame before the first has its mask
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED)) << p.error();
  for (int i = 0; i < 3000 && stub().inside > 0; ++i) g_usleep(1000);
  ASSERT_GT(stub().runs, 40);
  stub().delay_ms = 0;
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 80u);
  for (size_t i = 1; i < 80; ++i) EXPECT_GT(area(p.buffer(i)), 0.95) << i;
}

// Who pushes a frame and waits for it before pushing the next must get it.
TEST_F(Lanes, NothingIsHeldForFramesThatMayNeverCome) {
  Pipeline p(
      fmt::format("appsrc name=in format=time "
                  "caps=video/x-raw,format=I420,width=64,height=48,framerate=25/1 ! l.video_sink {}"
                  "lightavseg name=l threads=4 ! {}",
                  tone(2), kRecordedOut));
  ASSERT_EQ(p.set_state(GST_STATE_PLAYING), GST_STATE_CHANGE_ASYNC);
  for (size_t i = 0; i < 8; ++i) {
    GstBuffer* frame = gst_buffer_new_allocate(nullptr, 64 * 48 * 3 / 2, nullptr);
    gst_buffer_memset(frame, 0, 128, 64 * 48 * 3 / 2);
    GST_BUFFER_PTS(frame) = i * 40 * GST_MSECOND;
    GST_BUFFER_DURATION(frame) = 40 * GST_MSECOND;
    ASSERT_EQ(gst_app_src_push_buffer(GST_APP_SRC(p.element("in")), frame), GST_FLOW_OK);
    for (int turn = 0; turn < 1000 && p.samples().size() <= i; ++turn) p.collect(10);
    ASSERT_EQ(p.samples().size(), i + 1) << p.error();
  }
}

TEST_F(Lanes, AnotherModelIsTakenBetweenFrames) {
  Pipeline p(moving(4));
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED)) << p.error();
  g_object_set(p.element("l"), "model", "another", nullptr);
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), size_t(kFrames));
  for (size_t i = 0; i < p.samples().size(); ++i) EXPECT_EQ(age(p.buffer(i)), 0u) << i;
  EXPECT_GE(stub().opened, 2);
}

TEST_F(Lanes, AnErrorOfTheNetworkEndsTheStream) {
  Pipeline p(moving(4));
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED)) << p.error();
  stub().fail = true;
  EXPECT_FALSE(p.run());
  EXPECT_NE(p.error().find("the stub was told to fail"), std::string::npos) << p.error();
}

}  // namespace
}  // namespace lightavseg::gst::test
