// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg while everything that may happen to it happens at once, from threads that know nothing
// of each other. Made for the sanitizers (tests/run --sanitize, tests/run --tsan). The variable
// LIGHTAVSEG_STRESS_SECONDS makes it last longer than the few seconds that it takes by itself.
#include <fmt/format.h>
#include <gst/gst.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/gst/begin_stream.h"
#include "tests/gst/run_pipeline.h"
#include "tests/gst/stub_segmenter.h"

namespace lightavseg::gst::test {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{90000};  // after the load; then it hangs

// How long everything happens at once, in one test.
milliseconds load() {
  const char* seconds = std::getenv("LIGHTAVSEG_STRESS_SECONDS");
  return seconds ? milliseconds(1000 * std::atol(seconds)) : milliseconds(2500);
}

// Ends the process when a test does not end: a deadlock cannot be reported otherwise.
class Watchdog {
 public:
  Watchdog() : thread_([this] { watch(); }) {}
  ~Watchdog() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
    }
    ended_.notify_all();
    thread_.join();
  }
  // What a thread is about to do, for the report. A string literal.
  std::atomic<const char*> doing[8] = {};

 private:
  void watch() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (ended_.wait_for(lock, load() + kPatience, [this] { return done_; })) return;
    for (const auto& what : doing)
      if (const char* text = what) std::fprintf(stderr, "hangs in or after: %s\n", text);
    std::abort();
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  bool done_ = false;
  std::thread thread_;
};

// Sound from a pad of no element, so that it can be linked and unlinked at any time.
class Feeder {
 public:
  explicit Feeder(GstElement* element) : element_(element) {
    // Without a template, gst_pad_link() of GStreamer 1.22 looks at the caps of the last CAPS
    // event, which the next one may free meanwhile.
    GstCaps* caps = gst_caps_from_string(kCaps);
    GstPadTemplate* templ = gst_pad_template_new("feeder", GST_PAD_SRC, GST_PAD_ALWAYS, caps);
    gst_caps_unref(caps);
    pad_ = gst_pad_new_from_template(templ, "feeder");
    gst_object_unref(templ);
    gst_object_ref_sink(pad_);
    gst_pad_set_element_private(pad_, this);
    gst_pad_set_event_function(pad_, on_event);
    gst_pad_set_active(pad_, TRUE);
    thread_ = std::thread([this] { feed(); });
  }
  ~Feeder() {
    stop_ = true;
    detach();
    thread_.join();
    gst_pad_set_active(pad_, FALSE);
    gst_object_unref(pad_);
  }

  void attach() {
    sink_ = gst_element_request_pad_simple(element_, "audio_sink");
    ASSERT_NE(sink_, nullptr);
    ASSERT_EQ(gst_pad_link(pad_, sink_), GST_PAD_LINK_OK);
    afresh_ = true;
  }
  // Also while a buffer is being pushed.
  void detach() {
    if (!sink_) return;
    gst_pad_unlink(pad_, sink_);
    gst_element_release_request_pad(element_, sink_);
    gst_clear_object(&sink_);
  }

 private:
  static constexpr const char* kCaps =
      "audio/x-raw,format=S16LE,layout=interleaved,rate=48000,channels=1";

  static gboolean on_event(GstPad* pad, GstObject*, GstEvent* event) {
    auto* self = static_cast<Feeder*>(gst_pad_get_element_private(pad));
    const bool seek = GST_EVENT_TYPE(event) == GST_EVENT_SEEK;
    if (seek) self->flush(gst_event_get_seqnum(event));
    gst_event_unref(event);
    return seek;
  }

  void flush(guint32 seqnum) {
    GstEvent* start = gst_event_new_flush_start();
    GstEvent* stop = gst_event_new_flush_stop(TRUE);
    gst_event_set_seqnum(start, seqnum);
    gst_event_set_seqnum(stop, seqnum);
    gst_pad_push_event(pad_, start);
    gst_pad_push_event(pad_, stop);
    seqnum_ = seqnum;
    afresh_ = true;
  }

  void feed() {
    constexpr gsize kBytes = 2 * 960;  // 20 ms
    GstClockTime time = 0;
    while (!stop_) {
      if (afresh_.exchange(false)) {
        begin_stream(pad_, "feeder", kCaps, seqnum_);
        time = 0;
      }
      GstBuffer* buffer = gst_buffer_new_allocate(nullptr, kBytes, nullptr);
      gst_buffer_memset(buffer, 0, 0x21, kBytes);
      GST_BUFFER_PTS(buffer) = time;
      GST_BUFFER_DURATION(buffer) = 20 * GST_MSECOND;
      time += 20 * GST_MSECOND;
      if (gst_pad_push(pad_, buffer) != GST_FLOW_OK) {
        afresh_ = true;
        std::this_thread::sleep_for(milliseconds(1));
      }
    }
  }

  GstElement* element_;
  GstPad* pad_;
  GstPad* sink_ = nullptr;
  std::atomic<bool> stop_{false}, afresh_{true};
  std::atomic<guint32> seqnum_{0};
  std::thread thread_;
};

class Stress : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    use_stubs();
    stub().delay_ms = 1;
  }
  void TearDown() override { stub().delay_ms = 0; }
};

unsigned draw(std::mt19937_64& random, unsigned below) {
  return unsigned(random() % below);
}

void change_look(GstElement* element, std::mt19937_64& random) {
  static const char* const kOutputs[] = {"overlay", "alpha", "cutout", "matte", "metadata"};
  static const char* const kClasses[] = {"", "red", "blue", "red,blue"};
  switch (draw(random, 8)) {
    case 0:
      gst_util_set_object_arg(G_OBJECT(element), "output", kOutputs[draw(random, 5)]);
      break;
    case 1:
      g_object_set(element, "classes", kClasses[draw(random, 4)], nullptr);
      break;
    case 2:
      g_object_set(element, "feather", draw(random, 20) / 2.0, "invert", gboolean(draw(random, 2)),
                   nullptr);
      break;
    case 3:
      g_object_set(element, "smoothing", draw(random, 101) / 100.0, nullptr);
      break;
    case 4:
      g_object_set(element, "inference-interval", 1 + draw(random, 4), nullptr);
      break;
    case 5:
      g_object_set(element, "audio-offset", (gint64(draw(random, 401)) - 200) * GST_MSECOND,
                   "max-mask-age", guint64(draw(random, 2000)) * GST_MSECOND, nullptr);
      break;
    default:
      g_object_set(element, "threshold", draw(random, 101) / 100.0, nullptr);
  }
}

void read_everything(GstElement* element) {
  GstStructure* stats = nullptr;
  gchar *model = nullptr, *classes = nullptr;
  gdouble threshold = -1;
  g_object_get(element, "stats", &stats, "model", &model, "classes", &classes, "threshold",
               &threshold, nullptr);
  EXPECT_NE(stats, nullptr);
  EXPECT_GE(threshold, 0);
  gst_clear_structure(&stats);
  g_free(model);
  g_free(classes);
  GstQuery* latency = gst_query_new_latency();
  gst_element_query(element, latency);
  gst_query_unref(latency);
  gint64 position;
  gst_element_query_position(element, GST_FORMAT_TIME, &position);
}

// Reads the bus as an application does. Returns the texts of errors that should not be there; a
// change to PAUSED while the model is "missing" fails, as it must.
std::string read_bus(GstElement* pipeline) {
  std::string unexpected;
  GstBus* bus = gst_element_get_bus(pipeline);
  while (GstMessage* message = gst_bus_pop(bus)) {
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_LATENCY) {
      gst_bin_recalculate_latency(GST_BIN(pipeline));
    } else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
      GError* error = nullptr;
      gchar* debug = nullptr;
      gst_message_parse_error(message, &error, &debug);
      if (!g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND))
        unexpected += fmt::format("{} ({})\n", error->message, debug ? debug : "");
      g_error_free(error);
      g_free(debug);
    }
    gst_message_unref(message);
  }
  gst_object_unref(bus);
  return unexpected;
}

TEST_P(Stress, EverythingAtOnce) {
  const bool live = GetParam();
  Watchdog watchdog;
  std::atomic<int> frames{0};
  Pipeline p(
      fmt::format("videotestsrc is-live={} pattern=red ! "
                  "video/x-raw,format=I420,width=64,height=48,framerate=50/1 ! queue ! "
                  "l.video_sink lightavseg name=l ! fakesink name=f sync={} qos=true",
                  live, live));
  GstElement* element = p.element("l");
  p.count_buffers("f", frames);

  {
    Feeder feeder(element);
    feeder.attach();
    ASSERT_NE(p.set_state(GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);

    std::atomic<bool> over{false};
    std::vector<std::thread> threads;
    // Runs `act` again and again, with a pause of up to `pause` ms.
    const auto start = [&](const char* name, int pause, std::function<void(std::mt19937_64&)> act) {
      const auto index = threads.size();
      threads.emplace_back([=, &watchdog, &over] {
        std::mt19937_64 random(1000 + index);
        watchdog.doing[index] = name;
        while (!over) {
          act(random);
          std::this_thread::sleep_for(milliseconds(draw(random, unsigned(pause)) + 1));
        }
        watchdog.doing[index] = nullptr;
      });
    };
    start("states", 150, [&](auto& random) {
      static constexpr GstState kStates[] = {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING,
                                             GST_STATE_PLAYING};
      p.set_state(kStates[draw(random, 4)]);
      if (draw(random, 2)) gst_element_get_state(p.get(), nullptr, nullptr, 100 * GST_MSECOND);
    });
    // A seek may be refused in READY.
    start("seeks", 60, [&](auto& random) {
      gst_element_seek_simple(p.get(), GST_FORMAT_TIME,
                              GstSeekFlags(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
                              gint64(draw(random, 5)) * gint64(GST_SECOND));
    });
    start("look", 5, [&](auto& random) { change_look(element, random); });
    start("model", 30, [&](auto& random) {
      static const char* const kModels[] = {"", "yamnet", "missing"};
      g_object_set(element, "model", kModels[draw(random, 3)], nullptr);
    });
    start("reads", 5, [&](auto&) { read_everything(element); });
    start("audio pad", 80, [&](auto&) {
      feeder.detach();
      std::this_thread::sleep_for(milliseconds(5));
      feeder.attach();
    });

    const auto end = std::chrono::steady_clock::now() + load();
    while (std::chrono::steady_clock::now() < end) {
      EXPECT_EQ(read_bus(p.get()), "");
      std::this_thread::sleep_for(milliseconds(5));
    }
    over = true;
    for (auto& t : threads) t.join();
  }

  // It still works.
  watchdog.doing[0] = "a new start";
  g_object_set(element, "model", "", nullptr);
  ASSERT_TRUE(p.reach(GST_STATE_READY)) << p.error();
  EXPECT_EQ(read_bus(p.get()), "");
  frames = 0;
  ASSERT_TRUE(p.reach(GST_STATE_PLAYING)) << p.error();
  for (int i = 0; i < 500 && frames < 10; ++i) ASSERT_TRUE(p.collect(20)) << p.error();
  EXPECT_GE(frames, 10);
  ASSERT_TRUE(p.reach(GST_STATE_NULL));
  EXPECT_EQ(stub().alive, 0);
}

INSTANTIATE_TEST_SUITE_P(Sources, Stress, testing::Bool(),
                         [](const auto& live) { return live.param ? "Live" : "Recorded"; });

}  // namespace
}  // namespace lightavseg::gst::test
