// SPDX-License-Identifier: LGPL-2.1-or-later
// How long a mask takes, as a figure that can be promised to the rest of a pipeline.
#pragma once

#include <gst/gst.h>

#include <array>
#include <cstddef>

namespace lightavseg::gst {

// Keeps the last 128 durations and a promise: their 95th percentile with a quarter of headroom,
// rounded up to 5 ms. The promise rises at once when it is too small, and falls only when the
// new figure has been under two thirds of it for 128 durations in a row, so that a pipeline
// is asked to re-query its latency seldom. Not thread-safe.
class LatencyEstimate {
 public:
  explicit LatencyEstimate(GstClockTime initial) : promise_(initial) {}

  // Takes one duration; true when the promise changed.
  bool add(GstClockTime duration);
  GstClockTime promise() const { return promise_; }  // ns
  GstClockTime mean() const;                         // ns, of those kept; 0 when none
  GstClockTime percentile95() const;

 private:
  std::array<GstClockTime, 128> kept_{};
  std::size_t count_ = 0, next_ = 0, low_ = 0;
  GstClockTime promise_;
};

}  // namespace lightavseg::gst
