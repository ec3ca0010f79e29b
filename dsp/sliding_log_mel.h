// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dsp/front_end.h"
#include "dsp/log_mel.h"
#include "dsp/sample_ring.h"

namespace lightavseg::dsp {

// The log-mel features of the window of sound that ends at a time, from samples that arrive in
// time-stamped blocks of any size. Consecutive windows overlap, so the rows of earlier windows are
// kept and only new ones are computed.
//
// A window starts on the hop grid: at the last whole hop (10 ms) that lets it end no later than
// asked for. What window() writes equals, bit for bit, LogMel::compute() on the samples of that
// window, with silence for every sample that is not there: before the first block, in gaps, not yet
// arrived or already forgotten.
//
// Not thread-safe: one thread at a time. Nothing allocates after construction.
class SlidingLogMel {
 public:
  struct Options {
    std::int64_t window_ns = 1'000'000'000;  // length of a window
    // How long samples are remembered, at least window_ns and at most one hour. A window may end
    // history_ns - window_ns behind the newest sample before it loses its oldest ones.
    std::int64_t history_ns = 4'000'000'000;
    // A block whose time is this close to the end of the previous one continues it, which absorbs
    // the rounding of time stamps. A drifting clock exceeds it sooner or later; that block is then
    // placed at its own time. Raise it for containers with coarse time stamps (Matroska: 1 ms).
    int jitter_samples = 1;
  };

  struct Window {
    std::int64_t start_ns;  // of the window, which is on the hop grid
    std::int64_t end_ns;
    double filled;      // share of its samples that were pushed, 0 to 1
    float level_db;     // RMS of its samples in dB of full scale; -100 for silence and below
    int hops_computed;  // rows that had to be computed; the others were known
  };

  // Throws DspError for an unknown front end, and for options out of range: a window shorter than
  // LogMel::min_samples(), a history shorter than the window or longer than an hour, negative
  // jitter.
  explicit SlidingLogMel(FrontEnd front_end);
  SlidingLogMel(FrontEnd front_end, const Options& options);

  const FrontEndSpec& spec() const { return log_mel_.spec(); }
  int frames() const { return frames_; }  // rows of a window, 101 or 98 for one second
  std::size_t window_samples() const { return window_.size(); }
  // What is remembered; a window reads silence wherever nothing was pushed. Stays valid as long as
  // this object, and changes with it.
  const SampleRing& samples() const { return ring_; }

  // Takes `count` mono samples at spec().sample_rate whose first one sounds at pts_ns. The time may
  // be negative. Blocks may overlap (the later call wins), leave gaps and come late; one that ends
  // before everything that is remembered means that time was turned back, and restarts as reset()
  // does. NaN, infinite and absurdly loud samples are made harmless as LogMel does. count 0 does
  // nothing. Throws DspError for a null pointer and for a time beyond +-146 years.
  void push(const float* samples, std::size_t count, std::int64_t pts_ns);

  // Writes the features of the window that ends at end_ns (or up to one hop earlier) to out,
  // row-major [frames(), spec().bands]. Throws DspError for a null pointer and for a time beyond
  // +-146 years.
  Window window(std::int64_t end_ns, float* out);

  // Forgets all samples, as after a flushing seek.
  void reset();

 private:
  void forget_rows(std::int64_t first, std::int64_t last);

  LogMel log_mel_;
  LogMel::Workspace workspace_;
  SampleRing ring_;
  int jitter_samples_;
  std::int64_t next_ = 0;  // where a block that continues the previous one starts

  int frames_;
  std::vector<float> window_;       // the samples of the window being computed, contiguous
  std::vector<int> border_frames_;  // frames whose features depend on where the window ends

  // Rows of frames that see no border, at slot (hop modulo the number of slots), where `hop` counts
  // hops since time 0 and is the frame's start within the grid.
  std::vector<std::int64_t> row_hop_;
  std::vector<float> rows_;

  // Rows of border_frames_ for the window that starts at border_start_.
  bool border_known_ = false;
  std::int64_t border_start_ = 0;
  std::vector<float> border_rows_;
};

}  // namespace lightavseg::dsp
