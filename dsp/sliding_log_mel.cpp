// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dsp/sliding_log_mel.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "dsp/errors.h"
#include "dsp/integer_math.h"

namespace lightavseg::dsp {
namespace {

constexpr std::int64_t kMaxHistoryNs = 3'600'000'000'000;
// Half of the range of 64 bits: sums of times and lengths cannot overflow.
constexpr std::int64_t kMaxTimeNs = std::numeric_limits<std::int64_t>::max() / 2;
constexpr std::int64_t kNoHop = std::numeric_limits<std::int64_t>::min();
constexpr double kQuietestPower = 1e-10;  // -100 dB, where the decibel features end as well

[[noreturn]] void fail(const std::string& what) {
  throw DspError("sliding log-mel: " + what);
}

void check_time(std::int64_t time_ns, const char* name) {
  if (time_ns > kMaxTimeNs || time_ns < -kMaxTimeNs) {
    fail(std::string(name) + " " + std::to_string(time_ns) +
         " ns is beyond +-146 years; pass a running time in ns");
  }
}

void check_options(const SlidingLogMel::Options& options, const LogMel& log_mel) {
  const int rate = log_mel.spec().sample_rate;
  const auto min_samples = static_cast<std::int64_t>(log_mel.min_samples());
  if (options.window_ns > kMaxHistoryNs || options.window_ns < 0 ||
      sample_at(options.window_ns, rate) < min_samples) {
    fail("window_ns is " + std::to_string(options.window_ns) + "; the front end " +
         std::string(log_mel.spec().name) + " needs at least " +
         std::to_string(time_of(min_samples, rate)) + " and takes at most " +
         std::to_string(kMaxHistoryNs) + " ns (one hour)");
  }
  if (options.history_ns < options.window_ns || options.history_ns > kMaxHistoryNs) {
    fail("history_ns is " + std::to_string(options.history_ns) + "; give at least window_ns, " +
         std::to_string(options.window_ns) + ", and at most " + std::to_string(kMaxHistoryNs) +
         " ns (one hour)");
  }
  if (options.jitter_samples < 0) {
    fail("jitter_samples is " + std::to_string(options.jitter_samples) + "; give 0 or more");
  }
}

std::size_t length_of(std::int64_t duration_ns, const LogMel& log_mel) {
  return static_cast<std::size_t>(sample_at(duration_ns, log_mel.spec().sample_rate));
}

SampleRing make_ring(const SlidingLogMel::Options& options, const LogMel& log_mel) {
  check_options(options, log_mel);
  return SampleRing(length_of(options.history_ns, log_mel));
}

// Position of a frame's first sample relative to its place on the hop grid.
std::int64_t frame_offset(const FrontEndSpec& spec) {
  return spec.centred ? -spec.n_fft / 2 : 0;
}

float rms_db(const std::vector<float>& samples) {
  // Short float sums, which the compiler can keep in SIMD registers, into one double.
  constexpr std::size_t kLanes = 8;
  constexpr std::size_t kBlock = 32 * kLanes;
  double total = 0.0;
  std::size_t i = 0;
  for (; i + kBlock <= samples.size(); i += kBlock) {
    std::array<float, kLanes> lanes{};
    for (std::size_t k = 0; k < kBlock; k += kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const float sample = samples[i + k + lane];
        lanes[lane] += sample * sample;
      }
    }
    for (const float lane : lanes) total += static_cast<double>(lane);
  }
  for (; i < samples.size(); ++i) total += static_cast<double>(samples[i]) * samples[i];
  const double power = total / static_cast<double>(samples.size());
  return static_cast<float>(10.0 * std::log10(std::max(power, kQuietestPower)));
}

}  // namespace

SlidingLogMel::SlidingLogMel(FrontEnd front_end) : SlidingLogMel(front_end, Options()) {
}

SlidingLogMel::SlidingLogMel(FrontEnd front_end, const Options& options)
    : log_mel_(front_end),
      workspace_(log_mel_),
      ring_(make_ring(options, log_mel_)),
      jitter_samples_(options.jitter_samples),
      frames_(log_mel_.frames(length_of(options.window_ns, log_mel_))),
      window_(length_of(options.window_ns, log_mel_), 0.0f) {
  for (int frame = 0; frame < frames_; ++frame) {
    if (log_mel_.sees_border(frame, window_.size())) border_frames_.push_back(frame);
  }
  // Enough for every frame of the history, so that windows of different ends share rows.
  const auto bands = static_cast<std::size_t>(spec().bands);
  const std::size_t slots = ring_.capacity() / static_cast<std::size_t>(spec().hop) +
                            static_cast<std::size_t>(frames_) + 1;
  row_hop_.assign(slots, kNoHop);
  rows_.assign(slots * bands, 0.0f);
  border_rows_.assign(border_frames_.size() * bands, 0.0f);
}

void SlidingLogMel::push(const float* samples, std::size_t count, std::int64_t pts_ns) {
  if (count == 0) return;
  if (samples == nullptr) {
    fail("samples is a null pointer; pass " + std::to_string(count) + " mono samples");
  }
  check_time(pts_ns, "pts_ns");

  std::int64_t first = sample_at(pts_ns, spec().sample_rate);
  if (!ring_.empty() && std::abs(first - next_) <= jitter_samples_) first = next_;
  const std::int64_t last = first + static_cast<std::int64_t>(count);
  if (!ring_.empty() && last <= ring_.oldest()) reset();

  ring_.write(samples, count, first);
  next_ = last;
  forget_rows(std::max(first, ring_.oldest()), last);
}

SlidingLogMel::Window SlidingLogMel::window(std::int64_t end_ns, float* out) {
  if (out == nullptr) {
    fail("out is a null pointer; pass room for " + std::to_string(frames_) + " x " +
         std::to_string(spec().bands) + " features");
  }
  check_time(end_ns, "end_ns");

  const std::int64_t length = static_cast<std::int64_t>(window_.size());
  const std::int64_t first_hop =
      floor_div(sample_at(end_ns, spec().sample_rate) - length, spec().hop);
  const std::int64_t start = first_hop * spec().hop;
  const std::size_t written = ring_.read(start, window_.size(), window_.data());

  Window result{};
  result.start_ns = time_of(start, spec().sample_rate);
  result.end_ns = time_of(start + length, spec().sample_rate);
  result.filled = static_cast<double>(written) / static_cast<double>(length);
  result.level_db = rms_db(window_);

  // A row that was computed from samples which have been forgotten since is out of date.
  const std::int64_t oldest =
      ring_.empty() ? std::numeric_limits<std::int64_t>::min() : ring_.oldest();
  const auto bands = static_cast<std::size_t>(spec().bands);
  const auto compute = [&](int frame, float* row) {
    log_mel_.compute_frame(window_.data(), window_.size(), frame, row, workspace_);
    ++result.hops_computed;
  };

  const bool border_known = border_known_ && border_start_ == start && start >= oldest;
  std::size_t border = 0;
  for (int frame = 0; frame < frames_; ++frame) {
    float* row = nullptr;
    if (border < border_frames_.size() && border_frames_[border] == frame) {
      row = border_rows_.data() + border * bands;
      if (!border_known) compute(frame, row);
      ++border;
    } else {
      const std::int64_t hop = first_hop + frame;
      const auto slot =
          static_cast<std::size_t>(floor_mod(hop, static_cast<std::int64_t>(row_hop_.size())));
      row = rows_.data() + slot * bands;
      if (row_hop_[slot] != hop || hop * spec().hop + frame_offset(spec()) < oldest) {
        compute(frame, row);
        row_hop_[slot] = hop;
      }
    }
    std::copy_n(row, bands, out + static_cast<std::size_t>(frame) * bands);
  }
  border_known_ = true;
  border_start_ = start;
  return result;
}

void SlidingLogMel::reset() {
  ring_.clear();
  std::fill(row_hop_.begin(), row_hop_.end(), kNoHop);
  border_known_ = false;
}

// Drops every known row that looked at a sample of [first, last).
void SlidingLogMel::forget_rows(std::int64_t first, std::int64_t last) {
  if (border_start_ < last && border_start_ + static_cast<std::int64_t>(window_.size()) > first) {
    border_known_ = false;
  }
  // A frame at hop h covers [h * hop + offset, h * hop + offset + window).
  const std::int64_t offset = frame_offset(spec());
  const auto slots = static_cast<std::int64_t>(row_hop_.size());
  const std::int64_t begin = floor_div(first - offset - spec().window, spec().hop) + 1;
  const std::int64_t end = floor_div(last - offset - 1, spec().hop) + 1;
  for (std::int64_t hop = begin; hop < end; ++hop) {
    const auto slot = static_cast<std::size_t>(floor_mod(hop, slots));
    if (row_hop_[slot] == hop) row_hop_[slot] = kNoHop;
  }
}

}  // namespace lightavseg::dsp
