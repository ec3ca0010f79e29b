// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <vector>

#include "dsp/log_mel.h"

namespace lightavseg::dsp::testing {

// What a SlidingLogMel should know, kept in the plainest way: every sample in a map, every window
// computed as a whole.
class Timeline {
 public:
  Timeline(FrontEnd front_end, std::int64_t length, std::int64_t history)
      : log_mel_(front_end), length_(length), history_(history) {}

  void put(std::int64_t first, const std::vector<float>& samples) {
    for (const float sample : samples) samples_[first++] = sample;
    while (!samples_.empty() && samples_.begin()->first < samples_.rbegin()->first + 1 - history_) {
      samples_.erase(samples_.begin());
    }
  }

  void clear() { samples_.clear(); }

  // First sample of the window that is asked for with an end at that sample.
  std::int64_t window_start(std::int64_t end) const {
    std::int64_t start = end - length_;
    while (start % log_mel_.spec().hop != 0) --start;
    return start;
  }

  std::vector<float> window(std::int64_t end) const {
    const std::int64_t start = window_start(end);
    std::vector<float> samples(static_cast<std::size_t>(length_), 0.0f);
    for (auto it = samples_.lower_bound(start); it != samples_.end(); ++it) {
      if (it->first >= start + length_) break;
      samples[static_cast<std::size_t>(it->first - start)] = it->second;
    }
    return samples;
  }

  double filled(std::int64_t end) const {
    const std::int64_t start = window_start(end);
    const auto known =
        std::distance(samples_.lower_bound(start), samples_.lower_bound(start + length_));
    return static_cast<double>(known) / static_cast<double>(length_);
  }

  std::vector<float> features(std::int64_t end) const {
    const std::vector<float> samples = window(end);
    return log_mel_.compute(samples.data(), samples.size());
  }

 private:
  LogMel log_mel_;
  std::int64_t length_;
  std::int64_t history_;
  std::map<std::int64_t, float> samples_;
};

}  // namespace lightavseg::dsp::testing
