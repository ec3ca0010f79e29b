// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/latency_estimate.h"

#include <algorithm>

namespace lightavseg::gst {
namespace {

constexpr GstClockTime kStep = 5 * GST_MSECOND;

// A quarter of headroom, rounded up.
GstClockTime with_headroom(GstClockTime duration) {
  const GstClockTime wanted = duration + (duration + 3) / 4;
  return (wanted + kStep - 1) / kStep * kStep;
}

}  // namespace

bool LatencyEstimate::add(GstClockTime duration) {
  if (!GST_CLOCK_TIME_IS_VALID(duration)) return false;
  // Longer ones than an hour are no durations of a frame, and sums of them would overflow.
  kept_[next_] = std::min<GstClockTime>(duration, 3600 * GST_SECOND);
  next_ = (next_ + 1) % kept_.size();
  count_ = std::min(count_ + 1, kept_.size());

  const GstClockTime figure = with_headroom(percentile95());
  if (figure > promise_) {
    promise_ = figure;
    low_ = 0;
    return true;
  }
  low_ = 3 * figure < 2 * promise_ ? low_ + 1 : 0;
  if (low_ < kept_.size()) return false;
  promise_ = figure;
  low_ = 0;
  return true;
}

GstClockTime LatencyEstimate::mean() const {
  if (count_ == 0) return 0;
  GstClockTime sum = 0;
  for (std::size_t i = 0; i < count_; ++i) sum += kept_[i];
  return sum / count_;
}

GstClockTime LatencyEstimate::percentile95() const {
  if (count_ == 0) return 0;
  auto sorted = kept_;
  const std::size_t rank = (95 * count_ + 99) / 100;  // nearest rank, from 1
  std::nth_element(sorted.begin(), sorted.begin() + (rank - 1), sorted.begin() + count_);
  return sorted[rank - 1];
}

}  // namespace lightavseg::gst
