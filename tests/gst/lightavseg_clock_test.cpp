// SPDX-License-Identifier: LGPL-2.1-or-later
// Live operation on a clock that only the test moves: when frames leave, to the nanosecond.
#include <gst/app/gstappsrc.h>
#include <gst/check/gsttestclock.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <vector>

#include "tests/gst/mask_fields.h"
#include "tests/gst/run_pipeline.h"
#include "tests/gst/stub_test.h"

namespace lightavseg::gst::test {
namespace {

constexpr GstClockTime kFrame = 40 * GST_MSECOND;
constexpr int kPixels = 64 * 48;

// A live pipeline of two appsrcs whose time stands still until it is moved.
class ClockedLine {
 public:
  ClockedLine()
      : pipeline_(
            "appsrc name=v format=time is-live=true "
            "caps=video/x-raw,format=GRAY8,width=64,height=48,framerate=25/1 ! queue ! "
            "l.video_sink appsrc name=a format=time is-live=true "
            "caps=audio/x-raw,format=S16LE,rate=16000,channels=1,layout=interleaved ! "
            "queue ! l.audio_sink lightavseg name=l smoothing=0 ! "
            "appsink name=out sync=false") {
    clock_ = GST_TEST_CLOCK(gst_test_clock_new());
    gst_pipeline_use_clock(GST_PIPELINE(pipeline_.get()), GST_CLOCK(clock_));
    gst_element_set_base_time(pipeline_.get(), 0);
    gst_element_set_start_time(pipeline_.get(), GST_CLOCK_TIME_NONE);
    GstPad* src = gst_element_get_static_pad(element(), "src");
    gst_pad_add_probe(src, GST_PAD_PROBE_TYPE_BUFFER, leaves, this, nullptr);
    gst_object_unref(src);
    EXPECT_NE(pipeline_.set_state(GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  }
  ~ClockedLine() {
    pipeline_.set_state(GST_STATE_NULL);
    gst_object_unref(clock_);
  }

  struct Left {
    GstClockTime pts, at, age;
  };

  Pipeline& pipeline() { return pipeline_; }
  GstElement* element() { return pipeline_.element("l"); }
  void set_time(GstClockTime time) { gst_test_clock_set_time(clock_, time); }
  GstClockTime time() { return gst_clock_get_time(GST_CLOCK(clock_)); }

  // Tone up to `until`, in buffers of 20 ms.
  void push_tone(GstClockTime until) {
    for (; heard_ < until; heard_ += 20 * GST_MSECOND) {
      GstBuffer* buffer = gst_buffer_new_allocate(nullptr, 640, nullptr);
      GstMapInfo map;
      gst_buffer_map(buffer, &map, GST_MAP_WRITE);
      for (int i = 0; i < 320; ++i)
        reinterpret_cast<gint16*>(map.data)[i] = gint16(8000 * std::sin(0.17 * i));
      gst_buffer_unmap(buffer, &map);
      GST_BUFFER_PTS(buffer) = heard_;
      GST_BUFFER_DURATION(buffer) = 20 * GST_MSECOND;
      gst_app_src_push_buffer(GST_APP_SRC(pipeline_.element("a")), buffer);
    }
  }
  void push_frame(GstClockTime pts) {
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, kPixels, nullptr);
    gst_buffer_memset(buffer, 0, 255, kPixels);
    GST_BUFFER_PTS(buffer) = pts;
    GST_BUFFER_DURATION(buffer) = kFrame;
    gst_app_src_push_buffer(GST_APP_SRC(pipeline_.element("v")), buffer);
  }

  // The time that the element waits for, once it does; 5 s of patience.
  GstClockTime next_wait() {
    for (int i = 0; i < 2500; ++i) {
      GstClockID id = nullptr;
      if (gst_test_clock_peek_next_pending_id(clock_, &id)) {
        const auto when = gst_clock_id_get_time(id);
        gst_clock_id_unref(id);
        return when;
      }
      g_usleep(2000);
    }
    return GST_CLOCK_TIME_NONE;
  }
  // Moves the clock to `when` and lets go whoever waited for that.
  void move_to(GstClockTime when) {
    if (when > time()) set_time(when);
    GList* due = nullptr;
    GstClockID id = nullptr;
    while (gst_test_clock_peek_next_pending_id(clock_, &id)) {
      const bool reached = gst_clock_id_get_time(id) <= when;
      gst_clock_id_unref(id);
      if (!reached) break;
      GstClockID released = gst_test_clock_process_next_clock_id(clock_);
      if (released) due = g_list_prepend(due, released);
    }
    g_list_free_full(due, GDestroyNotify(gst_clock_id_unref));
  }
  // Waits until `count` frames have left, at the time that it is; false after 5 s.
  bool wait_left(std::size_t count) {
    for (int i = 0; i < 2500 && left().size() < count; ++i) {
      move_to(time());  // whoever began to wait in the meantime
      g_usleep(2000);
    }
    return left().size() >= count;
  }
  // Moves the clock to whatever is waited for until `count` frames have left; false after 5 s.
  bool let_go(std::size_t count) {
    for (int i = 0; i < 2500 && left().size() < count; ++i) {
      GstClockID id = nullptr;
      if (gst_test_clock_peek_next_pending_id(clock_, &id)) {
        const auto when = gst_clock_id_get_time(id);
        gst_clock_id_unref(id);
        move_to(when);
      }
      g_usleep(2000);
    }
    return left().size() >= count;
  }
  std::vector<Left> left() {
    std::lock_guard<std::mutex> lock(mutex_);
    return left_;
  }
  // The frame of `pts` has arrived and its inference, the `runs`th, has begun.
  bool wait_runs(int runs) {
    for (int i = 0; i < 2500 && stub().runs < runs; ++i) g_usleep(2000);
    return stub().runs >= runs;
  }
  // So many masks are there; false after 5 s.
  bool wait_masks(guint64 count) {
    for (int i = 0; i < 2500 && counter(element(), "inferences") < count; ++i) g_usleep(2000);
    return counter(element(), "inferences") >= count;
  }
  // Time stands still until every frame whose time has come has left; false after 5 s.
  bool wait_due(unsigned frames) {
    for (int i = 0; i < 2500; ++i) {
      const auto now = time(), promise = promised_latency(element());
      const auto next = left().size();
      if (next >= frames || GST_SECOND + next * kFrame + promise > now) return true;
      move_to(now);  // whoever began to wait in the meantime
      g_usleep(2000);
    }
    return false;
  }

 private:
  static GstPadProbeReturn leaves(GstPad*, GstPadProbeInfo* info, gpointer user) {
    auto* self = static_cast<ClockedLine*>(user);
    GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    std::lock_guard<std::mutex> lock(self->mutex_);
    self->left_.push_back({GST_BUFFER_PTS(buffer), self->time(), age(buffer)});
    return GST_PAD_PROBE_OK;
  }

  Pipeline pipeline_;
  GstTestClock* clock_ = nullptr;
  GstClockTime heard_ = 0;
  std::mutex mutex_;
  std::vector<Left> left_;
};

class Clocked : public StubTest {};

TEST_F(Clocked, MasksInTimeAreTheFramesOwn) {
  ClockedLine line;
  stub().delay_ms = 3;
  for (unsigned i = 0; i < 60; ++i) {
    const GstClockTime pts = GST_SECOND + i * kFrame;
    line.move_to(pts);
    line.push_tone(pts + kFrame);
    line.push_frame(pts);
    ASSERT_TRUE(line.wait_masks(i + 1)) << i;
    // The frame leaves with the next thing that happens, its deadline at the latest.
    ASSERT_TRUE(line.let_go(i + 1)) << i;
    EXPECT_EQ(line.left()[i].age, 0u) << i;
    EXPECT_EQ(line.left()[i].pts, pts);
    EXPECT_LE(line.left()[i].at, pts + promised_latency(line.element()));
  }
}

TEST_F(Clocked, LateMaskLetsItsFrameGoAtTheDeadlineWithTheMaskBefore) {
  ClockedLine line;
  line.move_to(GST_SECOND);
  line.push_tone(GST_SECOND + kFrame);
  line.push_frame(GST_SECOND);
  ASSERT_TRUE(line.wait_masks(1));
  ASSERT_TRUE(line.let_go(1));

  stub().delay_ms = 600;
  const GstClockTime pts = GST_SECOND + kFrame;
  line.move_to(pts);
  line.push_tone(pts + kFrame);
  line.push_frame(pts);
  ASSERT_TRUE(line.wait_runs(2));
  const auto deadline = line.next_wait();
  EXPECT_GT(deadline, pts);
  EXPECT_LE(deadline, pts + promised_latency(line.element()));
  line.move_to(deadline - 2 * GST_MSECOND);
  g_usleep(50000);
  EXPECT_EQ(line.left().size(), 1u);
  line.move_to(deadline);
  ASSERT_TRUE(line.wait_left(2));
  EXPECT_EQ(line.left()[1].at, deadline);
  EXPECT_EQ(line.left()[1].pts, pts);
  EXPECT_EQ(line.left()[1].age, kFrame);
}

TEST_F(Clocked, PromiseHoldsHoweverLongMasksTake) {
  ClockedLine line;
  for (unsigned i = 0; i < 30; ++i) {
    stub().delay_ms = i % 3 == 0 ? 0 : int(10 * (i % 7));
    const GstClockTime pts = GST_SECOND + i * kFrame;
    line.push_tone(pts + kFrame);
    line.push_frame(pts);
    line.move_to(pts);
    // In steps of real time as well, so that masks come before, at and after their deadlines.
    const auto promise = promised_latency(line.element());
    for (GstClockTime t = 0; t < kFrame; t += 2 * GST_MSECOND) {
      g_usleep(1000);
      line.move_to(pts + t);
      ASSERT_TRUE(line.wait_due(i + 1)) << i;
    }
    EXPECT_GT(promise, 0u);
  }
  for (int i = 0; i < 300 && line.left().size() < 30; ++i) {
    g_usleep(1000);
    line.move_to(line.time() + 2 * GST_MSECOND);
    ASSERT_TRUE(line.wait_due(30));
  }
  const auto left = line.left();
  ASSERT_EQ(left.size(), 30u);
  const auto promise = promised_latency(line.element());
  for (unsigned i = 0; i < 30; ++i) {
    EXPECT_EQ(left[i].pts, GST_SECOND + i * kFrame);
    // Steps are of 2 ms.
    EXPECT_LE(left[i].at, left[i].pts + promise + 2 * GST_MSECOND) << i;
  }
}

}  // namespace
}  // namespace lightavseg::gst::test
