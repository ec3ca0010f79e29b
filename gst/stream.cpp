// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/stream.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "gst/debug.h"
#include "gst/mapped_frame.h"
#include "gst/mask_meta.h"

namespace lightavseg::gst {
namespace {

// In live operation the window may end this much before its frame rather than wait for the last
// samples: audio arrives in blocks, and a hundredth of a second of sound changes no mask.
constexpr gint64 kLiveAudioLag = 100 * gint64(GST_MSECOND);
// Frames that may wait in live operation, whatever the latency.
constexpr std::size_t kMostFrames = 320;
// How long a recorded stream waits for sound from a probe whose branch may be blocked.
constexpr gint64 kProbePatience = 2 * G_TIME_SPAN_SECOND;
constexpr std::chrono::microseconds kLookAgain{500};

// Times of a century and more are cut, so that sums of a few of them stay within 64 bits.
constexpr guint64 kMostTime = guint64{100} * 365 * 24 * 3600 * GST_SECOND;

gint64 running_time(const GstSegment& segment, GstClockTime time) {
  if (segment.format != GST_FORMAT_TIME) return 0;
  guint64 running = 0;
  const int sign = gst_segment_to_running_time_full(&segment, GST_FORMAT_TIME, time, &running);
  if (sign == 0) return 0;
  running = std::min(running, kMostTime);
  return sign > 0 ? gint64(running) : -gint64(running);
}

GstSegment segment_of(GstAggregatorPad* pad) {
  GST_OBJECT_LOCK(pad);
  const GstSegment segment = pad->segment;
  GST_OBJECT_UNLOCK(pad);
  return segment;
}

// Samples a channel.
guint64 length_of(GstBuffer* sound, const GstAudioInfo& info) {
  if (const auto* meta = gst_buffer_get_audio_meta(sound)) return meta->samples;
  if (info.layout == GST_AUDIO_LAYOUT_NON_INTERLEAVED) return 0;  // nobody knows where channels lie
  return info.bpf > 0 ? gst_buffer_get_size(sound) / guint64(info.bpf) : 0;
}

// A part of the sound, of the samples from `first` on. Only the one at its start may jump.
GstBuffer* part_of(GstBuffer* sound, const GstAudioInfo& info, guint64 first, guint64 count) {
  GstBuffer* part =
      gst_audio_buffer_truncate(gst_buffer_ref(sound), info.bpf, gsize(first), gsize(count));
  if (first == 0) return part;
  part = gst_buffer_make_writable(part);
  GST_BUFFER_FLAG_UNSET(part, GST_BUFFER_FLAG_DISCONT);
  return part;
}

bool is_gap(GstBuffer* buffer) {
  return GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_GAP) && gst_buffer_get_size(buffer) == 0;
}

}  // namespace

Stream::Stream(GstAggregator* element, GstAggregatorPad* video, SegmenterFactory factory)
    : element_(element), video_(video), worker_(std::move(factory), *this) {
}

Stream::~Stream() {
  stop();
}

void Stream::start(const Settings& settings) {
  SegmenterOptions options;
  options.threads = int(settings.threads);
  options.precision = settings.precision;
  options.size = int(settings.input_size);
  options.engine = settings.engine;
  worker_.load(settings.model, settings.labels, options);
  AudioInput::Options audio;
  audio.front_end = worker_.model()->front_end;
  audio_ = std::make_unique<AudioInput>(audio);
  cancelled_ = false;
  next_serial_ = 1;
  told_audio_ = AudioState::kPlaying;
  audio_missing_since_ = -1;
  nothing_.reset();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    frames_out_ = reused_ = skipped_ = 0;
    render_time_ = LatencyEstimate(10 * GST_MSECOND);
    latency_ = 0;
  }
  flush();
  if (!settings.audio_probe.empty()) {
    tap_ = audio_tap(gst_element(), settings.audio_probe.c_str());
    tap_->listen(audio_.get());
  }
  report_latency(settings);
  worker_.start();
  runs_ = true;
}

void Stream::stop() {
  runs_ = false;
  cancel();
  worker_.stop();
  if (tap_) tap_->stop(audio_.get());
  tap_.reset();
  frames_.clear();
  passed_gap_.reset();
  long_sound_.reset();
  gst_clear_caps(&video_caps_);
  audio_.reset();
}

void Stream::flush() {
  worker_.flush();
  frames_.clear();
  passed_gap_.reset();
  long_sound_.reset();
  // A probe's branch is flushed by itself, and may have gone on by now.
  if (audio_ && !tap_) audio_->reset();
  restart_ = true;
  interval_count_ = 0;
  last_end_ = 0;
  last_asked_ = 0;
  probe_end_ = G_MAXINT64;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    earliest_ = GST_CLOCK_TIME_NONE;
  }
  resume();
}

GstFlowReturn Stream::aggregate(const Settings& settings, GstAggregatorPad* audio) {
  if (!video_caps_) {
    const Owned<GstBuffer> waiting(gst_aggregator_pad_peek_buffer(video_));
    if (waiting && !is_gap(waiting.get())) return refuse_formless();
  } else if (settings.render.output != negotiated_output_) {
    // Frames held were meant for the caps before; they leave with those.
    const auto flow = drain(settings);
    gst_pad_mark_reconfigure(GST_AGGREGATOR_SRC_PAD(element_));
    return flow == GST_FLOW_OK ? GST_AGGREGATOR_FLOW_NEED_DATA : flow;
  }
  const bool live = GST_CLOCK_TIME_IS_VALID(gst_aggregator_get_latency(element_));
  report_latency(settings);
  return live ? aggregate_live(settings, audio) : aggregate_recorded(settings, audio);
}

// Each frame waits for the sound that belongs to it and for its own mask, so that the result does
// not depend on how fast anything is. Nothing is held for data that may come later: whoever pushes
// one frame and waits for it gets it.
GstFlowReturn Stream::aggregate_recorded(const Settings& settings, GstAggregatorPad* audio) {
  Owned<GstBuffer> buffer(gst_aggregator_pad_peek_buffer(video_));
  if (!buffer) {
    const bool ended = gst_aggregator_pad_is_eos(video_);
    const auto flow = drain(settings);
    if (flow != GST_FLOW_OK) return flow;
    return ended ? GST_FLOW_EOS : GST_AGGREGATOR_FLOW_NEED_DATA;
  }
  // Sound goes on in a gap, and whoever pushes both may have no other place for it.
  const bool gap = is_gap(buffer.get());
  if (gap && passed_gap_.get() != buffer.get()) {
    if (const auto flow = pass_gap(buffer.get(), settings); flow != GST_FLOW_OK) return flow;
    passed_gap_.reset(gst_buffer_ref(buffer.get()));
  }
  if (segment_of(video_).format != GST_FORMAT_TIME) return refuse_untimed();
  const gint64 needed = times_of(buffer.get()).sound_end + settings.audio_offset;
  buffer.reset();
  if (audio) {
    // What ended may be the sound of a pad before this one.
    while (audio_->end() < needed && !(audio_->ended() && gst_aggregator_pad_is_eos(audio))) {
      if (take_audio(audio)) continue;
      if (frames_.empty()) return GST_AGGREGATOR_FLOW_NEED_DATA;
      if (const auto flow = release_until(audio, settings); flow != GST_FLOW_OK) return flow;
    }
  } else if (tap_ && !gap) {
    if (audio_->end() < needed)  // the branch of the probe may wait for what is held here
      if (const auto flow = drain(settings); flow != GST_FLOW_OK) return flow;
    if (!wait_for_probe(needed)) return GST_AGGREGATOR_FLOW_NEED_DATA;
  }
  buffer.reset(gst_aggregator_pad_pop_buffer(video_));
  if (!buffer) return GST_AGGREGATOR_FLOW_NEED_DATA;
  if (is_gap(buffer.get())) {
    if (passed_gap_.get() != buffer.get()) return pass_gap(buffer.get(), settings);
    passed_gap_.reset();
    return GST_FLOW_OK;
  }
  ask(hold(std::move(buffer), settings), settings, false);
  return release_until(video_, settings);
}

// Lets frames go in their order, until something has arrived at the pad and no more of them are
// left than keep all lanes busy, or none is left.
GstFlowReturn Stream::release_until(GstAggregatorPad* pad, const Settings& settings) {
  const std::size_t lanes = worker_.lanes(), most = lanes > 1 ? lanes : 0;
  while (!frames_.empty()) {
    const auto needs = frames_.front().needs;
    if (frames_.size() > most) {
      if (!worker_.wait(needs)) return GST_AGGREGATOR_FLOW_NEED_DATA;  // cancelled
    } else {
      // No signal tells of what arrives, so it is looked for.
      while (worker_.settled() < needs) {
        if (gst_aggregator_pad_has_buffer(pad)) return GST_FLOW_OK;
        if (!worker_.wait_for(needs, kLookAgain) && cancelled_)
          return GST_AGGREGATOR_FLOW_NEED_DATA;
      }
    }
    if (const auto flow = release(settings); flow != GST_FLOW_OK) return flow;
  }
  return GST_FLOW_OK;
}

// Frames are taken as they come. A mask is asked for when the sound has come that belongs to it, or
// should have; each frame leaves when its mask is there, when it is certain that it gets none, or
// when its time has come.
GstFlowReturn Stream::aggregate_live(const Settings& settings, GstAggregatorPad* audio) {
  if (audio)
    while (take_audio(audio) && !audio_->ended()) {
    }
  while (Owned<GstBuffer> buffer{gst_aggregator_pad_pop_buffer(video_)}) {
    if (is_gap(buffer.get())) {
      if (const auto flow = pass_gap(buffer.get(), settings); flow != GST_FLOW_OK) return flow;
      continue;
    }
    if (segment_of(video_).format != GST_FORMAT_TIME) return refuse_untimed();
    hold(std::move(buffer), settings);
  }
  for (auto& frame : frames_) {
    if (frame.asked) continue;
    if (!heard(frame, settings, audio || tap_)) break;
    ask(frame, settings, true);
  }
  GstFlowReturn flow = GST_AGGREGATOR_FLOW_NEED_DATA;
  if (gst_aggregator_pad_is_eos(video_) && (frames_.empty() || frames_.back().asked)) {
    flow = drain(settings);
    return flow == GST_FLOW_OK ? GST_FLOW_EOS : flow;
  }
  const GstClockTime clock = gst_element_get_current_running_time(gst_element());
  const GstClockTime latency = gst_aggregator_get_latency(element_);
  GstClockTime render;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    render = render_time_.promise();
  }
  while (!frames_.empty()) {
    auto& frame = frames_.front();
    const gint64 deadline = frame.start + gint64(latency) - gint64(render);
    const bool due = GST_CLOCK_TIME_IS_VALID(clock) && GST_CLOCK_TIME_IS_VALID(latency) &&
                     gint64(clock + GST_MSECOND) >= deadline;
    const bool ready = frame.asked && worker_.settled() >= frame.needs;
    if (!due && !ready && frames_.size() < kMostFrames) break;
    if (!frame.asked) ask(frame, settings, true);
    flow = release(settings);
    if (flow != GST_FLOW_OK) break;
  }
  return flow;
}

GstFlowReturn Stream::refuse_formless() {
  GST_ELEMENT_ERROR(element_, CORE, NEGOTIATION, ("The video has no format."),
                    ("video_sink: a frame came before any caps"));
  return GST_FLOW_NOT_NEGOTIATED;
}

GstFlowReturn Stream::refuse_untimed() {
  GST_ELEMENT_ERROR(element_, STREAM, FORMAT, ("The video has no time stamps."),
                    ("video_sink: frames came in a segment in %s format; a parser or demuxer "
                     "before this element gives one in time format",
                     gst_format_get_name(segment_of(video_).format)));
  return GST_FLOW_ERROR;
}

// Takes one buffer of the audio pad; false when there is none yet. One longer than a second is
// taken second by second, and leaves the pad with its last: what lies further ahead than the
// history of AudioInput reaches would push out what is needed first.
bool Stream::take_audio(GstAggregatorPad* audio) {
  Owned<GstBuffer> buffer(gst_aggregator_pad_peek_buffer(audio));
  if (!buffer) {
    if (!gst_aggregator_pad_is_eos(audio)) return false;
    audio_->end_of_stream();
    return true;
  }
  const auto second = guint64(std::max(audio_info_.rate, 1));
  const auto taken = [&] { return buffer.get() == long_sound_.get() ? long_sound_taken_ : 0; };
  const bool ends = taken() + second >= length_of(buffer.get(), audio_info_);
  if (ends) buffer.reset(gst_aggregator_pad_pop_buffer(audio));
  if (!buffer) return false;
  const guint64 first = taken();
  if (ends) {
    long_sound_.reset();
  } else {
    long_sound_.reset(gst_buffer_ref(buffer.get()));
    long_sound_taken_ = first + second;
  }
  auto pts = GST_BUFFER_PTS(buffer.get());
  if (GST_CLOCK_TIME_IS_VALID(pts)) pts += gst_util_uint64_scale(first, GST_SECOND, second);
  const gint64 start = sound_time(segment_of(audio), pts);
  if (is_gap(buffer.get())) {
    audio_->push_gap(start, GST_BUFFER_DURATION(buffer.get()));
  } else if (ends && first == 0) {
    audio_->push(buffer.get(), start);
  } else {
    const guint64 rest = length_of(buffer.get(), audio_info_) - first;
    const Owned<GstBuffer> part(part_of(buffer.get(), audio_info_, first, std::min(second, rest)));
    audio_->push(part.get(), start);
  }
  return true;
}

// The probe runs in a branch of its own, which nothing here can hold up; what it has not heard by
// the time patience ends is silence, and nobody waits again before it goes on. False when
// cancelled.
bool Stream::wait_for_probe(gint64 until) {
  const gint64 give_up = g_get_monotonic_time() + kProbePatience;
  while (audio_->end() < until && !audio_->ended()) {
    if (cancelled_) return false;
    if (audio_->end() == probe_end_) return true;
    if (g_get_monotonic_time() > give_up) {
      probe_end_ = audio_->end();
      GST_INFO_OBJECT(element_, "no sound from the probe for %" GST_STIME_FORMAT ", going on",
                      GST_STIME_ARGS(until));
      return true;
    }
    g_usleep(2000);
  }
  return true;
}

Stream::FrameTimes Stream::times_of(GstBuffer* buffer) const {
  const GstSegment segment = segment_of(video_);
  FrameTimes times{GST_BUFFER_DURATION(buffer), 0, 0, 0};
  if (!GST_CLOCK_TIME_IS_VALID(times.duration))
    times.duration = video_info_.fps_n > 0
                         ? gst_util_uint64_scale(GST_SECOND, guint64(video_info_.fps_d),
                                                 guint64(video_info_.fps_n))
                         : 0;
  times.duration = std::min<GstClockTime>(times.duration, kMostTime);
  const GstClockTime pts = GST_BUFFER_PTS(buffer);
  if (GST_CLOCK_TIME_IS_VALID(pts)) {
    times.start = running_time(segment, pts);
    times.end =
        running_time(segment, pts + std::min(times.duration, GST_CLOCK_TIME_NONE - 1 - pts));
  } else {
    times.start = std::min(last_end_, gint64(kMostTime));
    times.end = times.start + gint64(times.duration);
  }
  times.sound_end = sound_time(times.end, segment.rate);
  return times;
}

Stream::Turn Stream::turn_of(const Frame& frame, const Settings& settings) {
  if (segment_of(video_).rate < 0) return Turn::kBackwards;
  if (interval_count_++ % settings.inference_interval != 0) return Turn::kBetween;
  std::lock_guard<std::mutex> lock(mutex_);
  const bool late = GST_CLOCK_TIME_IS_VALID(earliest_) && frame.start < gint64(earliest_);
  return late ? Turn::kLate : Turn::kInfer;
}

Stream::Frame& Stream::hold(Owned<GstBuffer> buffer, const Settings& settings) {
  const auto times = times_of(buffer.get());
  Frame frame{times, std::move(buffer), settings.render, next_serial_++};
  frame.restart = GST_BUFFER_IS_DISCONT(frame.buffer.get()) && frame.start != last_end_;
  last_end_ = std::max(frame.end, frame.start);
  frames_.push_back(std::move(frame));
  return frames_.back();
}

// Whether the sound of a live frame has come, or it is too late to wait for it. hears: sound is
// linked.
bool Stream::heard(const Frame& frame, const Settings& settings, bool hears) const {
  if (!hears || audio_->ended()) return true;
  const gint64 wanted = frame.sound_end + settings.audio_offset, end = audio_->end();
  if (end != G_MININT64 && end >= wanted - kLiveAudioLag) return true;
  const GstClockTime clock = gst_element_get_current_running_time(gst_element());
  const GstClockTime latency = gst_aggregator_get_latency(element_);
  if (!GST_CLOCK_TIME_IS_VALID(clock) || !GST_CLOCK_TIME_IS_VALID(latency)) return false;
  std::lock_guard<std::mutex> lock(mutex_);
  const gint64 upstream = gint64(latency) - gint64(latency_);
  return gint64(clock + GST_MSECOND) >= frame.start + upstream + gint64(ahead_);
}

// Asks for the mask of a frame, unless it shows the one before.
void Stream::ask(Frame& frame, const Settings& settings, bool live) {
  restart_ |= frame.restart;
  const auto turn = turn_of(frame, settings);
  if (turn == Turn::kInfer) {
    last_asked_ = frame.serial;
    worker_.submit(job_for(frame, settings, live), live);
  } else if (turn == Turn::kLate) {
    report_late(frame);
  }
  frame.needs = last_asked_;
  frame.asked = true;
}

MaskJob Stream::job_for(const Frame& frame, const Settings& settings, bool live) {
  gint64 end = frame.sound_end + settings.audio_offset;
  if (live && audio_->end() != G_MININT64 && audio_->end() < end)
    end = std::max(audio_->end(), end - kLiveAudioLag);
  audio_->window(end, window_);
  report_audio(window_.state, frame.start);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    audio_level_db_ = window_.level_db;
    audio_fill_ = window_.filled;
  }
  MaskJob job;
  job.serial = frame.serial;
  job.frame.reset(gst_buffer_ref(frame.buffer.get()));
  job.video = video_info_;
  job.pts = GST_BUFFER_PTS(frame.buffer.get());
  job.running_time = GstClockTime(std::max<gint64>(frame.start, 0));
  job.audio = window_;
  job.restart = std::exchange(restart_, false);
  job.classes = settings.selected_classes();
  job.smoothing = settings.smoothing;
  job.threshold = settings.render.look.threshold;
  return job;
}

// Everything that is held leaves, each with its own mask.
GstFlowReturn Stream::drain(const Settings& settings) {
  while (!frames_.empty()) {
    if (!frames_.front().asked) ask(frames_.front(), settings, true);
    if (!worker_.wait(frames_.front().needs))
      return GST_AGGREGATOR_FLOW_NEED_DATA;  // cancelled; a flush is on its way
    if (const auto flow = release(settings); flow != GST_FLOW_OK) return flow;
  }
  return GST_FLOW_OK;
}

GstFlowReturn Stream::pass_gap(GstBuffer* gap, const Settings& settings) {
  const auto flow = drain(settings);
  if (flow == GST_FLOW_OK && begin_segment())
    gst_pad_push_event(GST_AGGREGATOR_SRC_PAD(element_),
                       gst_event_new_gap(GST_BUFFER_PTS(gap), GST_BUFFER_DURATION(gap)));
  return flow;
}

// The base class sends the segment with the first buffer, but downstream must know it before a gap.
// That it is sent once more then changes nothing. False when the stream has not started.
bool Stream::begin_segment() {
  GstPad* src = GST_AGGREGATOR_SRC_PAD(element_);
  const auto sticky = [](GstPad* pad, GstEventType type) {
    return Owned<GstEvent>(gst_pad_get_sticky_event(pad, type, 0));
  };
  if (sticky(src, GST_EVENT_SEGMENT)) return true;
  const auto given = sticky(GST_PAD(video_), GST_EVENT_SEGMENT);
  const auto segment = segment_of(GST_AGGREGATOR_PAD(src));
  if (!given || segment.format != GST_FORMAT_TIME || !sticky(src, GST_EVENT_STREAM_START))
    return false;
  GstEvent* event = gst_event_new_segment(&segment);
  gst_event_set_seqnum(event, gst_event_get_seqnum(given.get()));
  return gst_pad_push_event(src, event);
}

MaskPtr Stream::nothing(GstClockTime pts, gint64 start) {
  const auto model = worker_.model();
  if (!nothing_ || nothing_->pts != pts || nothing_->model != model)
    nothing_ = empty_mask(model->height, model->width, pts,
                          GstClockTime(std::max<gint64>(start, 0)), model);
  return nothing_;
}

MaskPtr Stream::mask_for(const Frame& frame, const Settings& settings, GstClockTime* age) {
  const GstClockTime start = GstClockTime(std::max<gint64>(frame.start, 0));
  auto mask = worker_.newest(frame.serial);
  *age = GST_CLOCK_TIME_NONE;
  if (!mask || segment_of(video_).rate < 0) return nothing(GST_CLOCK_TIME_NONE, 0);
  *age = start >= mask->running_time ? start - mask->running_time : mask->running_time - start;
  if (*age > settings.max_mask_age) return nothing(mask->pts, gint64(mask->running_time));
  return mask;
}

// The oldest frame leaves, with its mask or the newest earlier one.
GstFlowReturn Stream::release(const Settings& settings) {
  GstClockTime age;
  const auto mask = mask_for(frames_.front(), settings, &age);
  Frame frame = std::move(frames_.front());
  frames_.pop_front();
  const auto start = gst_util_get_timestamp();
  std::string reason;
  // Another output may have been asked for since the caps were agreed on.
  frame.render.output = negotiated_output_;
  GstBuffer* out = renderer_.render(frame.buffer.release(), *mask, frame.render, &reason);
  if (!out) {
    GST_ELEMENT_ERROR(element_, STREAM, FORMAT, ("A video frame cannot be read."),
                      ("%s", reason.c_str()));
    return GST_FLOW_ERROR;
  }
  // Whoever knows nothing of GstVideoMeta looks for rows where the caps say that they are.
  if (!takes_video_meta_) out = packed_frame(Owned<GstBuffer>(out), output_info_).release();
  out = gst_buffer_make_writable(out);
  attach_mask_meta(out, output_info_, *mask, age);
  const auto took = gst_util_get_timestamp() - start;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    render_time_.add(took);
    ++frames_out_;
    if (age != 0) ++reused_;
  }
  GST_LOG_OBJECT(element_, "frame %" GST_STIME_FORMAT ", mask age %" GST_TIME_FORMAT ", area %.3f",
                 GST_STIME_ARGS(frame.start), GST_TIME_ARGS(age), mask->summary.area);
  return gst_aggregator_finish_buffer(element_, out);
}

GstClockTime Stream::next_time() {
  GstClockTime own, ahead, render;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    own = latency_;
    ahead = ahead_;
    render = render_time_.promise();
  }
  gint64 next = G_MAXINT64;
  if (!frames_.empty()) next = frames_.front().start - gint64(render);
  // One whose sound does not come, when it should have.
  const auto deaf = std::find_if(frames_.begin(), frames_.end(), [](auto& f) { return !f.asked; });
  if (deaf != frames_.end()) next = std::min(next, deaf->start + gint64(ahead) - gint64(own));
  // A frame that waits in the pad for sound that does not come must be taken at once: at the
  // time at which upstream's latency alone has passed.
  if (const Owned<GstBuffer> waiting{gst_aggregator_pad_peek_buffer(video_)})
    next = std::min(next, times_of(waiting.get()).start - gint64(own));
  if (next == G_MAXINT64) return GST_CLOCK_TIME_NONE;
  return GstClockTime(std::max<gint64>(next, 0));
}

}  // namespace lightavseg::gst
