// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/audio_input.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "dsp/sample_ring.h"
#include "gst/mono_converter.h"
#include "gst/planar_audio.h"

namespace lightavseg::gst {
namespace {

using dsp::sample_at;
using dsp::time_of;

// As alignment-threshold of the GStreamer elements that use GstAudioStreamAlign.
constexpr gint64 kTolerance = 40 * GST_MSECOND;
// With a DISCONT flag only rounding is excused; Matroska rounds both ends to a millisecond.
constexpr gint64 kDiscontTolerance = 2 * GST_MSECOND;
// Within the +-146 years that dsp/ takes, and sums of two stay within 64 bits.
constexpr gint64 kMaxTime = gint64{100} * 365 * 24 * 3600 * GST_SECOND;

constexpr std::array<float, 4096> kSilence{};

GstDebugCategory* debug_category() {
  static GstDebugCategory* const category = [] {
    GstDebugCategory* made = nullptr;
    GST_DEBUG_CATEGORY_INIT(made, "lightavseg-audio", 0,
                            "LightAVSeg: conversion and timing of sound");
    return made;
  }();
  return category;
}
#define GST_CAT_DEFAULT debug_category()

// The bytes of a buffer, as long as this lives.
class Bytes {
 public:
  explicit Bytes(GstBuffer* buffer)
      : buffer_(buffer), mapped_(gst_buffer_map(buffer, &map_, GST_MAP_READ) != FALSE) {}
  ~Bytes() {
    if (mapped_) gst_buffer_unmap(buffer_, &map_);
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  const guint8* data() const { return mapped_ ? map_.data : nullptr; }

 private:
  GstBuffer* buffer_;
  GstMapInfo map_{};
  bool mapped_;
};

bool known(gint64 time) {
  return time >= -kMaxTime && time <= kMaxTime;
}

}  // namespace

const char* to_string(AudioState state) {
  switch (state) {
    case AudioState::kNone:
      return "none";
    case AudioState::kPlaying:
      return "playing";
    case AudioState::kPartial:
      return "partial";
    case AudioState::kMissing:
      return "missing";
  }
  return "unknown";
}

gint64 sound_time(gint64 running_time, double rate) {
  if (rate <= 0 || rate == 1 || running_time == kUnknownTime) return running_time;
  return std::llround(
      std::clamp(double(running_time) * rate, -2.0 * double(kMaxTime), 2.0 * double(kMaxTime)));
}

gint64 sound_time(const GstSegment& segment, GstClockTime timestamp) {
  if (segment.format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID(timestamp)) return kUnknownTime;
  guint64 distance = 0;
  const int sign =
      gst_segment_to_running_time_full(&segment, GST_FORMAT_TIME, timestamp, &distance);
  if (sign == 0 || distance > static_cast<guint64>(G_MAXINT64)) return kUnknownTime;
  return sound_time(sign * static_cast<gint64>(distance), segment.rate);
}

struct AudioInput::State {
  // A stretch of sound whose samples are counted from its start, not placed by their time stamps.
  // `silent` ones do not pass through the converter, which equals a stretch of zeros through it.
  struct Run {
    bool open = false;
    bool silent = false;
    int rate = 0;            // of the frames counted, Hz
    gint64 start = 0;        // ns
    std::int64_t first = 0;  // ring position of its first sample
    guint64 frames = 0;      // that came in
    std::int64_t given = 0;  // samples that reached the ring
  };

  explicit State(const Options& wanted) : options(wanted), sliding(make_sliding(wanted)) {}

  static std::unique_ptr<dsp::SlidingLogMel> make_sliding(const Options& options) {
    dsp::SlidingLogMel::Options sliding;
    sliding.window_ns = static_cast<gint64>(std::min<guint64>(options.window, G_MAXINT64));
    sliding.history_ns = static_cast<gint64>(std::min<guint64>(options.history, G_MAXINT64));
    // Positions are decided here: a second opinion could only move samples.
    sliding.jitter_samples = 0;
    return std::make_unique<dsp::SlidingLogMel>(options.front_end, sliding);
  }

  int rate() const { return sliding->spec().sample_rate; }
  const dsp::SampleRing& ring() const { return sliding->samples(); }

  void place(const float* samples, std::size_t count, std::int64_t first) {
    if (count == 0) return;
    sliding->push(samples, count, time_of(first, rate()));
    heard = true;
  }

  void place_silence(std::int64_t first, std::int64_t last) {
    while (first < last) {
      const auto count = std::min<std::int64_t>(last - first, kSilence.size());
      place(kSilence.data(), static_cast<std::size_t>(count), first);
      first += count;
    }
  }

  void forget() {
    sliding->reset();
    heard = false;
  }

  // Where the next sample goes when it sounds at `time`.
  std::int64_t position_of(gint64 time) {
    std::int64_t position = sample_at(time, rate());
    // A stretch that goes on must not leave a hole, nor overlap, by rounding.
    if (expecting && time == next && std::abs(position - next_position) <= 1) {
      position = next_position;
    }
    if (!ring().empty() && position < ring().oldest()) {
      GST_DEBUG("time turned back by more than the history, to %" GST_STIME_FORMAT,
                GST_STIME_ARGS(time));
      forget();
    }
    return position;
  }

  void open_run(gint64 start, bool silent, int frame_rate) {
    run = Run{true, silent, frame_rate, start, position_of(start), 0, 0};
    if (!silent) converter->restart();
    expect_from_run();
  }

  void expect_from_run() {
    const auto in_rate = static_cast<guint64>(run.rate);
    const auto out_rate = static_cast<guint64>(rate());
    expecting = true;
    next = run.start +
           static_cast<gint64>(gst_util_uint64_scale_round(run.frames, GST_SECOND, in_rate));
    next_position = run.first + static_cast<std::int64_t>(
                                    gst_util_uint64_scale_round(run.frames, out_rate, in_rate));
  }

  // Gives what the resampler still holds back, up to the end of the last buffer.
  void close_run() {
    if (!run.open) return;
    run.open = false;
    if (run.silent) return;
    std::size_t left = converter->delay_frames();
    while (left > 0 && run.first + run.given < next_position) {
      const std::size_t frames = std::min(left, converter->max_frames());
      give(converter->convert_silence(frames),
           static_cast<std::size_t>(next_position - run.first - run.given));
      left -= frames;
    }
  }

  void give(const std::vector<float>& samples, std::size_t most) {
    const std::size_t count = std::min(samples.size(), most);
    place(samples.data(), count, run.first + run.given);
    run.given += static_cast<std::int64_t>(count);
  }

  // The time at which something that claims to start at `start` does start: where the last one
  // ended, when that is close enough.
  gint64 aligned(gint64 start, bool discont) const {
    if (!expecting) return known(start) ? start : 0;
    const gint64 tolerance = discont ? kDiscontTolerance : kTolerance;
    return !known(start) || std::abs(start - next) <= tolerance ? next : start;
  }

  void begin(gint64 start, bool discont, bool silent, int frame_rate) {
    const gint64 time = aligned(start, discont);
    const bool goes_on = expecting && time == next;
    if (goes_on && run.open && run.silent == silent && run.rate == frame_rate) return;
    if (!goes_on) GST_DEBUG("sound is placed anew at %" GST_STIME_FORMAT, GST_STIME_ARGS(time));
    close_run();
    open_run(time, silent, frame_rate);
  }

  void feed(const guint8* data, std::size_t frames) {
    const std::size_t frame_bytes = converter->frame_bytes();
    for (std::size_t done = 0; done < frames;) {
      const std::size_t count = std::min(frames - done, converter->max_frames());
      give(converter->convert(data + done * frame_bytes, count), G_MAXSIZE);
      done += count;
    }
    run.frames += frames;
    expect_from_run();
  }

  void feed_silence(std::size_t frames) {
    run.frames += frames;
    expect_from_run();
    // Only what will be remembered, however long the silence.
    const std::int64_t from = std::max(
        run.first + run.given, next_position - static_cast<std::int64_t>(ring().capacity()));
    place_silence(from, next_position);
    run.given = next_position - run.first;
  }

  void push_gap(gint64 start, GstClockTime duration) {
    if (!GST_CLOCK_TIME_IS_VALID(duration) || duration == 0) return;
    const gint64 from = aligned(start, false);
    // A gap that continues ends where it says, not a rounding error later.
    const gint64 begins = known(start) ? start : from;
    const gint64 until = begins + static_cast<gint64>(std::min<guint64>(duration, kMaxTime));
    if (until <= from || !known(until)) return;
    ended = false;
    close_run();
    const std::int64_t last = sample_at(until, rate());
    std::int64_t first = position_of(from);
    first = std::max(first, last - static_cast<std::int64_t>(ring().capacity()));
    place_silence(first, last);
    expecting = true;
    next = until;
    next_position = last;
  }

  void restart() {
    forget();
    run = Run();
    expecting = false;
  }

  // Tells the new features of all that is remembered; holes stay holes.
  void replay_into(dsp::SlidingLogMel& target) const {
    if (ring().empty()) return;
    std::vector<float> samples;
    std::int64_t first = ring().oldest();
    const auto tell = [&] {
      target.push(samples.data(), samples.size(), time_of(first, rate()));
      samples.clear();
    };
    for (std::int64_t position = ring().oldest(); position < ring().newest(); ++position) {
      float sample = 0;
      if (ring().read(position, 1, &sample) == 0) {
        tell();
        continue;
      }
      if (samples.empty()) first = position;
      samples.push_back(sample);
    }
    tell();
  }

  Options options;
  std::unique_ptr<dsp::SlidingLogMel> sliding;
  std::unique_ptr<MonoConverter> converter;
  GstAudioInfo format{};  // of the buffers; the converter gets planar ones interleaved
  std::vector<guint8> interleaved;
  Run run;
  bool expecting = false;  // the next two are known
  gint64 next = 0;         // ns: where sound that goes on starts
  std::int64_t next_position = 0;
  bool heard = false;
  bool ended = false;

  std::vector<float> window_samples;
  std::vector<float> last_features;
  std::uint64_t serial = 0;
};

AudioInput::AudioInput(const Options& options) : state_(std::make_unique<State>(options)) {
}

AudioInput::~AudioInput() = default;

void AudioInput::set_front_end(dsp::FrontEnd front_end) {
  const std::lock_guard<std::mutex> lock(mutex_);
  State& s = *state_;
  if (front_end == s.options.front_end) return;
  Options options = s.options;
  options.front_end = front_end;
  auto sliding = State::make_sliding(options);
  const int rate = sliding->spec().sample_rate;
  if (rate == s.rate()) {
    s.replay_into(*sliding);
  } else {
    std::unique_ptr<MonoConverter> converter;
    if (s.converter != nullptr) {
      converter = MonoConverter::make(s.converter->input(), rate, nullptr);
    }
    s.converter = std::move(converter);
    s.run = State::Run();
    s.expecting = s.heard = false;
  }
  s.sliding = std::move(sliding);
  s.options = options;
  s.last_features.clear();
}

bool AudioInput::set_format(const GstAudioInfo& info, std::string* reason) {
  const std::lock_guard<std::mutex> lock(mutex_);
  State& s = *state_;
  if (s.converter != nullptr && gst_audio_info_is_equal(&s.format, &info)) {
    if (reason != nullptr) reason->clear();
    return true;
  }
  auto converter = MonoConverter::make(interleaved_format(info), s.rate(), reason);
  s.close_run();
  s.converter = std::move(converter);
  s.format = info;
  if (s.converter != nullptr) {
    GST_INFO("%s, %d Hz, %d channels to mono of %d Hz", GST_AUDIO_INFO_NAME(&info), info.rate,
             info.channels, s.rate());
  }
  return s.converter != nullptr;
}

void AudioInput::push(GstBuffer* buffer, gint64 start) {
  const std::lock_guard<std::mutex> lock(mutex_);
  State& s = *state_;
  if (s.converter == nullptr) return;
  const bool gap = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_GAP);
  const bool discont = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  const bool planar = s.format.layout == GST_AUDIO_LAYOUT_NON_INTERLEAVED;
  std::size_t frames = gst_buffer_get_size(buffer) / s.converter->frame_bytes();
  if (frames == 0) {
    if (gap) s.push_gap(start, GST_BUFFER_DURATION(buffer));
    return;
  }
  const int rate = s.converter->input_rate();
  if (gap) {
    s.begin(start, discont, true, rate);
    s.feed_silence(frames);
  } else {
    std::optional<Bytes> bytes;
    const guint8* data = nullptr;
    if (planar) {
      if (interleave(buffer, s.format, &s.interleaved)) data = s.interleaved.data();
      frames = s.interleaved.size() / s.converter->frame_bytes();
    } else {
      data = bytes.emplace(buffer).data();
    }
    if (data == nullptr) {
      GST_WARNING("a buffer of sound at %" GST_STIME_FORMAT " cannot be read",
                  GST_STIME_ARGS(start));
      return;
    }
    s.begin(start, discont, false, rate);
    s.feed(data, frames);
  }
  s.ended = false;
}

void AudioInput::push_gap(gint64 start, GstClockTime duration) {
  const std::lock_guard<std::mutex> lock(mutex_);
  state_->push_gap(start, duration);
}

gint64 AudioInput::end() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const State& s = *state_;
  return s.ring().empty() ? G_MININT64 : time_of(s.ring().newest(), s.rate());
}

bool AudioInput::ended() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return state_->ended;
}

void AudioInput::end_of_stream() {
  const std::lock_guard<std::mutex> lock(mutex_);
  state_->close_run();
  state_->ended = true;
}

void AudioInput::window(gint64 end, AudioWindow& out) {
  const std::lock_guard<std::mutex> lock(mutex_);
  State& s = *state_;
  const dsp::FrontEndSpec& spec = s.sliding->spec();
  out.frames = s.sliding->frames();
  out.log_mel.resize(static_cast<std::size_t>(out.frames) * static_cast<std::size_t>(spec.bands));
  const auto window = s.sliding->window(std::clamp(end, -kMaxTime, kMaxTime), out.log_mel.data());
  out.level_db = static_cast<double>(window.level_db);
  out.filled = window.filled;

  s.window_samples.resize(s.sliding->window_samples());
  s.ring().read(sample_at(window.start_ns, spec.sample_rate), s.window_samples.size(),
                s.window_samples.data());
  out.silent = std::all_of(s.window_samples.begin(), s.window_samples.end(),
                           [](float sample) { return sample == 0.0f; });

  if (out.filled >= 1.0) {
    out.state = AudioState::kPlaying;
  } else if (out.filled > 0.0) {
    out.state = AudioState::kPartial;
  } else {
    out.state = s.heard ? AudioState::kMissing : AudioState::kNone;
  }

  // Comparing costs less than to keep account of which sample could have changed which window, and
  // finds that sound which came after a window does not change it.
  if (s.last_features != out.log_mel) {
    s.last_features = out.log_mel;
    ++s.serial;
  }
  out.serial = s.serial;
}

void AudioInput::reset() {
  const std::lock_guard<std::mutex> lock(mutex_);
  state_->restart();
  state_->ended = false;
}

}  // namespace lightavseg::gst
