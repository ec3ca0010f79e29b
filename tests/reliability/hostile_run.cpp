// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/reliability/hostile_run.h"

#include <fmt/format.h>
#include <gst/gst.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "gst/owned.h"
#include "tests/reliability/draw.h"
#include "tests/reliability/feeder.h"

namespace lightavseg::test {
namespace {

using Clock = std::chrono::steady_clock;
using gst::Owned;

// What GLib calls critical, which is always somebody's mistake. Warnings are not: GStreamer itself
// warns of events in the wrong order.
class Criticals {
 public:
  Criticals() { before_ = g_log_set_default_handler(take, this); }
  ~Criticals() { g_log_set_default_handler(before_, nullptr); }

  std::string first() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return first_;
  }

 private:
  static void take(const gchar* domain, GLogLevelFlags level, const gchar* text, gpointer user) {
    if (!(level & G_LOG_LEVEL_CRITICAL)) return;
    // Sinks of GStreamer 1.22 say so of the segment that they have before the first one of a stream
    // that runs backwards.
    if (g_strrstr(text, "assertion 'stop != -1'")) return;
    auto* self = static_cast<Criticals*>(user);
    std::lock_guard<std::mutex> lock(self->mutex_);
    if (self->first_.empty()) self->first_ = fmt::format("{}: {}", domain ? domain : "", text);
  }

  GLogFunc before_;
  mutable std::mutex mutex_;
  std::string first_;
};

struct Told {
  bool eos = false;
  std::string error;    // the first
  int own_errors = 0;   // of lightavseg and lightavsegmask
  std::string untyped;  // an error that has no type or no text
};

bool is_typed(const GError* error) {
  return (error->domain == GST_CORE_ERROR || error->domain == GST_LIBRARY_ERROR ||
          error->domain == GST_RESOURCE_ERROR || error->domain == GST_STREAM_ERROR) &&
         error->code > 0 && error->message && *error->message;
}

void read_error(GstMessage* message, Told& told) {
  GError* error = nullptr;
  gchar* debug = nullptr;
  gst_message_parse_error(message, &error, &debug);
  const std::string text =
      fmt::format("{} {} of {}: {} ({})", g_quark_to_string(error->domain), error->code,
                  GST_MESSAGE_SRC_NAME(message), error->message, debug ? debug : "");
  if (told.error.empty()) told.error = text;
  if (!is_typed(error)) told.untyped = text;
  if (g_str_has_prefix(G_OBJECT_TYPE_NAME(GST_MESSAGE_SRC(message)), "GstLightAVSeg"))
    ++told.own_errors;
  g_error_free(error);
  g_free(debug);
}

void read_bus(GstElement* pipeline, Told& told) {
  GstBus* bus = gst_element_get_bus(pipeline);
  while (GstMessage* message = gst_bus_pop(bus)) {
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS) told.eos = true;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) read_error(message, told);
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_LATENCY)
      gst_bin_recalculate_latency(GST_BIN(pipeline));
    gst_message_unref(message);
  }
  gst_object_unref(bus);
}

void set_random_property(Draw& draw, GstElement* element) {
  static constexpr std::array<const char*, 5> kOutputs = {"overlay", "alpha", "cutout", "matte",
                                                          "metadata"};
  static constexpr std::array<const char*, 5> kClasses = {"", "red", "red,blue", "nobody", ",, ,"};
  static constexpr std::array<gint64, 5> kOffsets = {0, 40'000'000, -40'000'000, 5'000'000'000,
                                                     -5'000'000'000};
  static constexpr std::array<guint64, 4> kAges = {0, GST_SECOND, 40 * GST_MSECOND, G_MAXUINT64};
  static constexpr std::array<const char*, 4> kModels = {"", "yamnet", "missing", "broken"};
  auto* object = G_OBJECT(element);
  switch (draw.below(9)) {
    case 0:
    case 1:
      gst_util_set_object_arg(object, "output", draw.of(kOutputs));
      break;
    case 2:
      g_object_set(object, "threshold", draw.below(101) / 100.0, nullptr);
      break;
    case 3:
      g_object_set(object, "feather", draw.percent(80) ? draw.below(9) / 2.0 : 200.0, "invert",
                   gboolean(draw.below(2)), nullptr);
      break;
    case 4:
      g_object_set(object, "classes", draw.of(kClasses), nullptr);
      break;
    case 5:
      g_object_set(object, "inference-interval", 1 + draw.below(5), nullptr);
      break;
    case 6:
      g_object_set(object, "audio-offset", draw.of(kOffsets), "max-mask-age", draw.of(kAges),
                   nullptr);
      break;
    case 7:
      g_object_set(object, "overlay-color", guint(draw.bits()), "overlay-opacity",
                   draw.below(101) / 100.0, "smoothing", draw.below(101) / 100.0, nullptr);
      break;
    default:
      // A model that cannot be had ends the run at once, so that few ask for one.
      if (draw.percent(25)) g_object_set(object, "model", draw.of(kModels), nullptr);
  }
}

// flush_allowed: not where sources flush by themselves, for the base class (GstAggregator) may wait
// for ever when two flushes with different reasons meet.
void seek(Draw& draw, GstElement* pipeline, bool flush_allowed) {
  static constexpr std::array<double, 4> kRates = {1, 2, 0.5, -1};
  static constexpr std::array<int, 4> kFlags = {
      GST_SEEK_FLAG_FLUSH, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE, GST_SEEK_FLAG_NONE,
      GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_SEGMENT};
  const double rate = draw.of(kRates);
  const int flags = draw.of(kFlags) & (flush_allowed ? ~0 : ~GST_SEEK_FLAG_FLUSH);
  gst_element_seek(pipeline, rate, GST_FORMAT_TIME, GstSeekFlags(flags), GST_SEEK_TYPE_SET,
                   gint64(draw.below(5)) * gint64(GST_SECOND), GST_SEEK_TYPE_SET,
                   gint64(5 + draw.below(5)) * gint64(GST_SECOND));
}

void send_upstream(Draw& draw, GstElement* element) {
  GstPad* src = gst_element_get_static_pad(element, "src");
  GstEvent* event;
  switch (draw.below(3)) {
    case 0:
      event = gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, draw.below(300) / 100.0,
                                gint64(draw.bits() / 4), draw.bits() / 2);
      break;
    case 1:
      event = gst_event_new_latency(draw.below(100) * GST_MSECOND);
      break;
    default:
      event = gst_event_new_reconfigure();
  }
  gst_pad_send_event(src, event);
  gst_object_unref(src);
}

GstPadProbeReturn count_frame(GstPad*, GstPadProbeInfo*, gpointer count) {
  ++*static_cast<std::atomic<int>*>(count);
  return GST_PAD_PROBE_OK;
}

// A weak reference.
class Watched {
 public:
  Watched() { g_weak_ref_init(&ref_, nullptr); }
  ~Watched() { g_weak_ref_clear(&ref_); }
  void watch(gpointer object) { g_weak_ref_set(&ref_, object); }
  // Threads of GStreamer's own may let go of a pipeline a little later; 5 s of patience.
  bool is_gone() {
    for (int i = 0; i < 5000; ++i) {
      gpointer object = g_weak_ref_get(&ref_);
      if (!object) return true;
      g_object_unref(object);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

 private:
  GWeakRef ref_;
};

const char* random_rest(Draw& draw) {
  const unsigned kind = draw.below(100);
  if (kind < 15) return "lightavsegmask ! ";
  if (kind < 22) return "video/x-raw,format=RGBA ! ";
  if (kind < 29) return "videoconvert ! ";
  if (kind < 34) return "video/x-raw,format=GRAY8 ! ";
  if (kind < 38) return "queue ! ";
  return "";
}

class HostilePipeline {
 public:
  HostilePipeline(std::uint64_t seed, int patience_s)
      : draw_(seed), end_by_(Clock::now() + std::chrono::seconds(patience_s)) {
    build();
    add_feeders();
  }

  ~HostilePipeline() { take_down(); }

  HostileEnd run() {
    for (unsigned i = draw_.below(4); i > 0 && uses_network_; --i)
      set_random_property(draw_, element_);
    set_state(draw_.percent(90) ? GST_STATE_PLAYING : GST_STATE_PAUSED);
    for (auto& f : feeders_) f->start();
    if (draw_.percent(45))
      for (unsigned i = 1 + draw_.below(6); i > 0 && told_.error.empty(); --i) act();
    if (told_.error.empty()) set_state(GST_STATE_PLAYING);
    for (auto& f : feeders_) f->let_end();
    const bool ended = wait_for_end();
    const HostileEnd end = judge(ended);
    take_down();
    if (end.kind != HostileEnd::Kind::kFault && !watched_.is_gone())
      return {HostileEnd::Kind::kFault, "the element outlives its pipeline"};
    return end;
  }

 private:
  void build() {
    uses_network_ = draw_.percent(92);
    with_probe_ = uses_network_ && draw_.percent(10);
    std::string text = uses_network_ ? "lightavseg name=e ! " : "lightavsegmask name=e ! ";
    text += uses_network_ ? random_rest(draw_) : "";
    text += fmt::format("fakesink name=out sync=false num-buffers={}",
                        draw_.percent(95) ? -1 : int(draw_.below(10)));
    if (with_probe_) text += " lightavsegaudio name=probe ! fakesink name=probed sync=false";
    pipeline_ = gst_parse_launch(text.c_str(), nullptr);
    gst_object_ref_sink(pipeline_);
    element_ = gst_bin_get_by_name(GST_BIN(pipeline_), "e");
    watched_.watch(element_);
    if (with_probe_) g_object_set(element_, "audio-probe", "probe", nullptr);
    GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline_), "out");
    GstPad* pad = gst_element_get_static_pad(sink, "sink");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, count_frame, &frames_out_, nullptr);
    gint limit = -1;
    g_object_get(sink, "num-buffers", &limit, nullptr);
    may_lose_frames_ = limit >= 0;
    gst_object_unref(pad);
    gst_object_unref(sink);
  }

  void add_feeder(GstPad* pad, Script script) {
    flushes_ |= script.flushes;
    may_lose_frames_ |= script.flushes || script.ends_early;
    feeders_.push_back(std::make_unique<Feeder>(pad, std::move(script), manners_));
    gst_object_unref(pad);
  }

  void add_feeders() {
    manners_.live = draw_.percent(25);
    manners_.latency = draw_.below(50) * GST_MSECOND;
    manners_.seeks = draw_.percent(50);
    may_lose_frames_ |= manners_.live;
    add_feeder(gst_element_get_static_pad(element_, uses_network_ ? "video_sink" : "sink"),
               random_video_script(draw_, !manners_.seeks));
    if (with_probe_) {
      GstElement* probe = gst_bin_get_by_name(GST_BIN(pipeline_), "probe");
      add_feeder(gst_element_get_static_pad(probe, "sink"),
                 random_audio_script(draw_, !manners_.seeks));
      gst_object_unref(probe);
    } else if (uses_network_ && draw_.percent(85)) {
      add_feeder(gst_element_request_pad_simple(element_, "audio_sink"),
                 random_audio_script(draw_, !manners_.seeks));
    }
  }

  // GStreamer (1.22) can get stuck in PAUSED when it is asked for PLAYING a second time at the
  // moment in which it goes on from PAUSED by itself; so nothing is asked for twice in a row.
  void set_state(GstState state) {
    if (state == std::exchange(asked_for_, state)) return;
    if (state <= GST_STATE_READY)
      for (auto& f : feeders_) f->expect_stop();
    if (gst_element_set_state(pipeline_, state) == GST_STATE_CHANGE_FAILURE) state_failed_ = true;
    read_bus(pipeline_, told_);
    if (state > GST_STATE_READY) return;
    may_lose_frames_ = true;
    for (auto& f : feeders_) f->tell_again();
  }

  // One of the things that applications do while data flows.
  void act() {
    static constexpr std::array<GstState, 4> kStates = {GST_STATE_READY, GST_STATE_PAUSED,
                                                        GST_STATE_PLAYING, GST_STATE_PLAYING};
    std::this_thread::sleep_for(std::chrono::microseconds(draw_.below(3000)));
    switch (draw_.below(6)) {
      case 0:
      case 1:
        set_state(draw_.of(kStates));
        break;
      case 2:
        may_lose_frames_ = true;
        seek(draw_, pipeline_, !flushes_);
        break;
      case 3:
        send_upstream(draw_, element_);
        break;
      default:
        if (uses_network_) set_random_property(draw_, element_);
    }
    read_bus(pipeline_, told_);
  }

  // After the end of the video a pad that flushes alone leads to nowhere.
  bool all_finished() const {
    if (told_.eos && flushes_) return true;
    return std::all_of(feeders_.begin(), feeders_.end(),
                       [](const auto& f) { return f->finished(); });
  }

  GstFlowReturn worst_flow() const {
    GstFlowReturn worst = GST_FLOW_OK;
    for (const auto& f : feeders_) worst = std::min(worst, f->flow());
    return worst;
  }

  // GStreamer's core (1.22) can forget that a pipeline was to play: when a flush meets a change of
  // state (with an identity in place of the element as well), or when it is asked for PAUSED and
  // PLAYING between the moment in which it decides to go on to PLAYING by itself and the one in
  // which it does. A sink has its first frame then and waits in PAUSED for good. The sinks alone
  // are told again, so that nothing else is woken; and when all of them have the end, the pipeline,
  // which tells of it only while it plays.
  void play_on() {
    bool all_ended = true;
    for (const char* name : {"out", "probed"}) {
      GstElement* sink = gst_bin_get_by_name(GST_BIN(pipeline_), name);
      if (!sink) continue;
      GstState state = GST_STATE_VOID_PENDING, pending = GST_STATE_VOID_PENDING;
      gst_element_get_state(sink, &state, &pending, 0);
      if (state == GST_STATE_PAUSED && pending != GST_STATE_PLAYING)
        gst_element_set_state(sink, GST_STATE_PLAYING);
      GstPad* pad = gst_element_get_static_pad(sink, "sink");
      all_ended = all_ended && GST_PAD_IS_EOS(pad);
      gst_object_unref(pad);
      gst_object_unref(sink);
    }
    if (!all_ended || GST_STATE(pipeline_) != GST_STATE_PAUSED) return;
    // It takes whatever it is asked for as what it is doing already, until that is called off.
    gst_element_abort_state(pipeline_);
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
  }

  // True when there was an end of any kind.
  bool wait_for_end() {
    auto play_again = Clock::now() + std::chrono::seconds(3);
    while (Clock::now() < end_by_) {
      if (Clock::now() > play_again) {
        play_on();
        play_again += std::chrono::seconds(3);
      }
      // Asked before the bus is read: what explains a flow was posted before it.
      const bool refused = worst_flow() <= GST_FLOW_NOT_NEGOTIATED;
      const bool finished = all_finished();
      read_bus(pipeline_, told_);
      if (!told_.error.empty() || state_failed_ || refused || (told_.eos && finished)) return true;
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    return false;
  }

  HostileEnd judge(bool ended) const {
    const auto fault = [](std::string text) {
      return HostileEnd{HostileEnd::Kind::kFault, std::move(text)};
    };
    if (const auto critical = criticals_.first(); !critical.empty()) return fault(critical);
    if (!told_.untyped.empty()) return fault("an error without type or text: " + told_.untyped);
    if (told_.own_errors > 1)
      return fault(fmt::format("{} errors, the first: {}", told_.own_errors, told_.error));
    if (!told_.error.empty()) return {HostileEnd::Kind::kError, told_.error};
    if (state_failed_) return fault("a change of state failed without an error");
    if (!ended)
      return fault(fmt::format("neither end nor error in time: end of stream {}, sources {}",
                               told_.eos ? "seen" : "not seen",
                               all_finished() ? "finished" : "not finished"));
    // Sinks drop what comes after the end, which sources see as an error of the flow.
    const auto flow = told_.eos ? GST_FLOW_OK : worst_flow();
    if (flow == GST_FLOW_NOT_NEGOTIATED) return {HostileEnd::Kind::kRefused, "not negotiated"};
    if (flow < GST_FLOW_EOS)
      return fault(fmt::format("flow {} without an error", gst_flow_get_name(flow)));
    if (!may_lose_frames_ && frames_out_ != feeders_.front()->buffers_taken())
      return fault(fmt::format("{} frames in, {} out", feeders_.front()->buffers_taken(),
                               frames_out_.load()));
    return {HostileEnd::Kind::kEos, ""};
  }

  void take_down() {
    if (!pipeline_) return;
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    feeders_.clear();
    gst_clear_object(&element_);
    gst_clear_object(&pipeline_);
  }

  Criticals criticals_;
  Draw draw_;
  const Clock::time_point end_by_;
  bool uses_network_ = true, with_probe_ = false, may_lose_frames_ = false, state_failed_ = false;
  bool flushes_ = false;
  Watched watched_;
  FeederManners manners_;
  GstState asked_for_ = GST_STATE_VOID_PENDING;
  GstElement* pipeline_ = nullptr;
  GstElement* element_ = nullptr;
  std::vector<std::unique_ptr<Feeder>> feeders_;  // the first is the video
  std::atomic<int> frames_out_{0};
  Told told_;
};

}  // namespace

HostileEnd run_hostile_pipeline(std::uint64_t seed, int patience_s) {
  return HostilePipeline(seed, patience_s).run();
}

}  // namespace lightavseg::test
