// SPDX-License-Identifier: LGPL-2.1-or-later
// The sound that goes with the frames: any raw audio in, log-mel windows out.
#pragma once

#include <gst/audio/audio.h>
#include <gst/gst.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dsp/sliding_log_mel.h"

namespace lightavseg::gst {

// What the audio of a window was, for the state messages of the element.
enum class AudioState {
  kNone,     // there never was any (no pad, nothing arrived yet, flushed)
  kPlaying,  // the window is full
  kPartial,  // part of the window is missing: start of stream, gap, stall, end
  kMissing,  // there was sound before, but nothing of it is in the window
};

const char* to_string(AudioState state);  // "none", "playing", "partial", "missing"

// As `start` of a buffer: its time is not known, it goes on where the last one ended.
constexpr gint64 kUnknownTime = G_MININT64;

// Where something at `running_time` (ns) of a stream with this rate sounds, on the clock that
// AudioInput counts by. At double speed two seconds of sound pass in one second of running time;
// the second that belongs to a frame shall still be a second of sound. Rates below 0 count as 1.
gint64 sound_time(gint64 running_time, double rate);
// The same of a time stamp of a stream, also before and after its segment. kUnknownTime for
// GST_CLOCK_TIME_NONE, and in a segment without time.
gint64 sound_time(const GstSegment& segment, GstClockTime timestamp);

struct AudioWindow {
  std::vector<float> log_mel;  // [frames, 64], row-major
  int frames = 0;
  double level_db = -100;  // RMS, dB of full scale
  double filled = 0;       // share of the window for which samples came, 0..1
  bool silent = true;      // nothing but digital silence (or nothing at all)
  // Windows with equal serials of one AudioInput hold the same features. Starts at 1, and changes
  // when a window's features differ from those of the window made before it.
  std::uint64_t serial = 0;
  AudioState state = AudioState::kNone;
};

// Converts (GstAudioConverter: mix to mono, resample to the front end's rate), places samples by
// running time in a ring and makes windows. Thread-safe: one lock of its own is held for the length
// of a call, which converts or transforms at most the samples of that call.
//
// Samples are placed by counting from the time of the first buffer of an uninterrupted stream, so
// that neither the sizes of the buffers nor the rounding of their time stamps change a window. A
// sample that sounds at time T lands within one output sample of T: the delay of the resampler is
// taken out.
class AudioInput {
 public:
  struct Options {
    dsp::FrontEnd front_end = dsp::FrontEnd::kPanns32kFrom16k;
    GstClockTime window = GST_SECOND;  // ns
    // ns of sound remembered: sound may arrive up to history - window ahead of the frames that it
    // belongs to, 7 s by default.
    GstClockTime history = 8 * GST_SECOND;
  };

  // Throws dsp::DspError for an unknown front end, a window too short for it (about 25 ms), and a
  // history shorter than the window or longer than an hour.
  explicit AudioInput(const Options& options);
  ~AudioInput();
  AudioInput(const AudioInput&) = delete;
  AudioInput& operator=(const AudioInput&) = delete;

  // The model changed: same ring semantics, other features. Sound heard so far is kept when the
  // sample rate stays, else forgotten. Throws as the constructor does, and then changes nothing.
  void set_front_end(dsp::FrontEnd front_end);

  // Raw audio of any format, layout and channel count and of rates from 1 kHz to 16 MHz. Channels
  // without positions weigh the same. False with a reason (may be null) when there is no way to
  // convert it; buffers are not heard then. A change in the middle of the stream drains the old
  // converter.
  bool set_format(const GstAudioInfo& info, std::string* reason);

  // One buffer whose first sample sounds at running time `start` (ns, may be negative, or
  // kUnknownTime; beyond +-100 years counts as unknown). GAP buffers count as silence that came,
  // without samples they count for their duration. A start further than 40 ms from where the last
  // buffer ended - 2 ms when the buffer has the DISCONT flag - places the samples at their own time
  // and starts the resampler afresh; smaller differences are taken as rounding of time stamps and
  // continue without a seam. A time before all that is remembered forgets it.
  // Buffers shorter than a sample frame, or not a multiple of it, lose the broken tail.
  void push(GstBuffer* buffer, gint64 start);
  // Silence that was announced by a GAP event. A duration of GST_CLOCK_TIME_NONE does nothing.
  void push_gap(gint64 start, GstClockTime duration);

  // Newest running time for which sound (or a gap) has reached the ring; G_MININT64 when none did.
  // A window that ends no later does not change by what follows in the stream. The resampler looks
  // ahead, so this is about 2 ms behind the end of the last buffer (32 input samples where that is
  // more), and right at it after a gap and at the end of the stream.
  gint64 end() const;
  // True once end_of_stream() was called, until the next push or reset.
  bool ended() const;
  // No more sound will come: the resampler is drained.
  void end_of_stream();

  // The window that ends at running time `end` (ns), or up to a hop of 10 ms earlier. Reuses out's
  // memory.
  void window(gint64 end, AudioWindow& out);

  // Forgets all sound, keeps the format (flush).
  void reset();

 private:
  struct State;
  mutable std::mutex mutex_;
  std::unique_ptr<State> state_;
};

}  // namespace lightavseg::gst
