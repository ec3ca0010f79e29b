// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/reliability/random_script.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "tests/reliability/random_buffers.h"
#include "tests/reliability/random_caps.h"

namespace lightavseg::test {
namespace {

constexpr int kMostSteps = 30;
constexpr int kLargePicture = 2048 * 1024;  // pixels; of these there are few
constexpr int kStepsOfLarge = 3;

Step step(GstEvent* event) {
  return Step(GST_MINI_OBJECT_CAST(event));
}

GstEvent* stream_start(Draw& draw) {
  GstEvent* event = gst_event_new_stream_start(draw.percent(80) ? "one" : "two");
  if (draw.percent(50)) gst_event_set_group_id(event, draw.below(3) + 1);
  return event;
}

GstEvent* segment(Draw& draw) {
  static constexpr std::array<double, 7> kRates = {1, 1, 1, 2, 0.25, -1, 100};
  static constexpr std::array<GstClockTime, 5> kTimes = {
      0, GST_SECOND, 90 * GST_MSECOND, 1000000 * GST_SECOND, GstClockTime(G_MAXINT64) - GST_SECOND};
  GstSegment made;
  gst_segment_init(&made, draw.percent(4) ? GST_FORMAT_BYTES : GST_FORMAT_TIME);
  if (draw.percent(60)) return gst_event_new_segment(&made);
  made.rate = draw.of(kRates);
  made.applied_rate = draw.percent(90) ? 1 : 2;
  made.start = draw.of(kTimes);
  made.time = draw.of(kTimes);
  made.base = draw.of(kTimes);
  made.position = made.start;
  if (draw.percent(40)) made.stop = made.start + draw.of(kTimes) / 2;
  if (made.rate < 0 && made.stop == GST_CLOCK_TIME_NONE) made.stop = made.start + GST_SECOND;
  if (draw.percent(10)) made.flags = GST_SEGMENT_FLAG_SEGMENT;
  return gst_event_new_segment(&made);
}

// Time stamps: they mostly go on, else jump, repeat, turn back or are missing.
class Times {
 public:
  explicit Times(Draw& draw) : draw_(draw) {}

  GstClockTime next(GstClockTime duration) {
    static constexpr std::array<GstClockTime, 6> kJumps = {
        GST_MSECOND,     100 * GST_MSECOND,    3 * GST_SECOND,
        60 * GST_SECOND, 1000000 * GST_SECOND, GstClockTime(G_MAXINT64) / 2};
    const unsigned kind = draw_.below(100);
    if (kind < 4) return GST_CLOCK_TIME_NONE;
    if (kind < 8) return last_;
    if (kind < 12) {
      now_ += draw_.of(kJumps);
    } else if (kind < 16) {
      now_ -= std::min(now_, draw_.of(kJumps));
    } else if (kind < 17) {
      return draw_.percent(50) ? GST_CLOCK_TIME_NONE - 1 : GstClockTime(G_MAXINT64);
    }
    last_ = now_;
    if (GST_CLOCK_TIME_IS_VALID(duration))
      now_ += std::min<GstClockTime>(duration, 10 * GST_SECOND);
    return last_;
  }

 private:
  Draw& draw_;
  GstClockTime now_ = 0, last_ = 0;
};

void stamp(Draw& draw, Times& times, GstClockTime duration, GstBuffer* buffer) {
  static constexpr std::array<GstClockTime, 4> kDurations = {
      0, GST_CLOCK_TIME_NONE, 3600 * GST_SECOND, GST_CLOCK_TIME_NONE - 1};
  if (draw.percent(10)) duration = draw.of(kDurations);
  GST_BUFFER_PTS(buffer) = times.next(duration);
  GST_BUFFER_DURATION(buffer) = duration;
  if (draw.percent(10)) GST_BUFFER_DTS(buffer) = draw.bits();
  if (draw.percent(10)) GST_BUFFER_OFFSET(buffer) = draw.bits();
  static constexpr std::array<GstBufferFlags, 6> kFlags = {
      GST_BUFFER_FLAG_DISCONT, GST_BUFFER_FLAG_GAP,        GST_BUFFER_FLAG_CORRUPTED,
      GST_BUFFER_FLAG_HEADER,  GST_BUFFER_FLAG_DELTA_UNIT, GST_BUFFER_FLAG_DROPPABLE};
  if (draw.percent(15)) GST_BUFFER_FLAG_SET(buffer, draw.of(kFlags));
}

GstEvent* tags(Draw& draw) {
  return gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE,
                                            draw.percent(50) ? "hostile" : "friendly",
                                            GST_TAG_BITRATE, draw.below(1000), nullptr));
}

GstEvent* custom(Draw& draw) {
  static constexpr std::array<GstEventType, 4> kTypes = {
      GST_EVENT_CUSTOM_DOWNSTREAM, GST_EVENT_CUSTOM_DOWNSTREAM_OOB,
      GST_EVENT_CUSTOM_DOWNSTREAM_STICKY, GST_EVENT_CUSTOM_BOTH};
  return gst_event_new_custom(draw.of(kTypes), gst_structure_new_empty("hostile"));
}

void flush(Draw& draw, Script& script) {
  const guint32 number = gst_util_seqnum_next();
  GstEvent* start = gst_event_new_flush_start();
  GstEvent* stop = gst_event_new_flush_stop(draw.percent(80));
  gst_event_set_seqnum(start, number);
  gst_event_set_seqnum(stop, number);
  script.flushes = true;
  script.steps.push_back(step(start));
  if (draw.percent(30)) script.steps.emplace_back();
  script.steps.push_back(step(stop));
  // After a flush a segment is due; some forget it.
  if (draw.percent(85)) script.steps.push_back(step(segment(draw)));
}

// Everything but buffers and caps.
void add_event(Draw& draw, Times& times, bool may_flush, Script& script) {
  static constexpr std::array<GstClockTime, 5> kGaps = {
      20 * GST_MSECOND, GST_SECOND, 0, GST_CLOCK_TIME_NONE, GstClockTime(G_MAXINT64)};
  auto& steps = script.steps;
  switch (draw.below(12)) {
    case 0:
    case 1: {
      const GstClockTime duration = draw.of(kGaps);
      const GstClockTime start = times.next(duration);
      if (GST_CLOCK_TIME_IS_VALID(start))  // GstEvent takes no gap without a time
        steps.push_back(step(gst_event_new_gap(start, duration)));
      break;
    }
    case 2:
    case 3:
      steps.push_back(step(segment(draw)));
      break;
    case 4:
      steps.push_back(step(tags(draw)));
      break;
    case 5:
      steps.push_back(step(stream_start(draw)));
      if (draw.percent(80)) steps.push_back(step(segment(draw)));
      break;
    case 6:
    case 7:
      if (may_flush) flush(draw, script);
      break;
    case 8:
      if (draw.percent(60)) break;
      steps.push_back(step(gst_event_new_eos()));
      script.ends_early = true;
      break;
    case 9:
      steps.push_back(step(custom(draw)));
      break;
    case 10:
      steps.push_back(step(gst_event_new_segment_done(GST_FORMAT_TIME, GST_SECOND)));
      break;
    default:
      steps.emplace_back();  // a pause
  }
}

// stream-start, caps and segment: nearly always complete and in order.
void add_beginning(Draw& draw, GstCaps* caps, Script& script) {
  std::vector<Step> beginning;
  beginning.push_back(step(stream_start(draw)));
  beginning.push_back(step(gst_event_new_caps(caps)));
  beginning.push_back(step(segment(draw)));
  if (draw.percent(10)) std::swap(beginning[draw.below(3)], beginning[draw.below(3)]);
  if (draw.percent(5)) beginning.erase(beginning.begin() + draw.between(0, 2));
  for (auto& s : beginning) script.steps.push_back(std::move(s));
}

}  // namespace

Script random_video_script(Draw& draw, bool may_flush) {
  Script script;
  Times times(draw);
  VideoCaps caps = random_video_caps(draw);
  add_beginning(draw, caps.caps.get(), script);
  int left = draw.between(0, kMostSteps);
  while (left-- > 0) {
    const bool large = caps.info.width * caps.info.height > kLargePicture;
    if (large) left = std::min(left, kStepsOfLarge);
    if (draw.percent(78)) {
      const auto rate = caps.info.fps_n;
      const GstClockTime duration =
          rate > 0 ? gst_util_uint64_scale(GST_SECOND, guint64(caps.info.fps_d), guint64(rate))
                   : 40 * GST_MSECOND;
      GstBuffer* frame = random_frame(draw, caps.info);
      stamp(draw, times, duration, frame);
      script.steps.emplace_back(GST_MINI_OBJECT_CAST(frame));
    } else if (draw.percent(15)) {
      caps = random_video_caps(draw);
      script.steps.push_back(step(gst_event_new_caps(caps.caps.get())));
    } else {
      add_event(draw, times, may_flush, script);
    }
  }
  return script;
}

Script random_audio_script(Draw& draw, bool may_flush) {
  Script script;
  Times times(draw);
  AudioCaps caps = random_audio_caps(draw);
  add_beginning(draw, caps.caps.get(), script);
  for (int left = draw.between(0, 2 * kMostSteps); left > 0; --left) {
    if (draw.percent(85)) {
      GstBuffer* sound = random_sound(draw, caps.info);
      const guint64 rate = caps.info.rate > 0 ? guint64(caps.info.rate) : 48000;
      const gsize bytes = caps.info.bpf > 0 ? gsize(caps.info.bpf) : 2;
      stamp(draw, times,
            gst_util_uint64_scale(GST_SECOND, gst_buffer_get_size(sound) / bytes, rate), sound);
      script.steps.emplace_back(GST_MINI_OBJECT_CAST(sound));
    } else if (draw.percent(10)) {
      caps = random_audio_caps(draw);
      script.steps.push_back(step(gst_event_new_caps(caps.caps.get())));
    } else {
      add_event(draw, times, may_flush, script);
    }
  }
  return script;
}

}  // namespace lightavseg::test
