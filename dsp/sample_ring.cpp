// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dsp/sample_ring.h"

#include <algorithm>
#include <numeric>

#include "dsp/integer_math.h"
#include "dsp/sample_guard.h"

namespace lightavseg::dsp {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

// Calls visit(slot, offset, length) for the one or two contiguous runs of a span of the ring.
template <typename Visit>
void for_each_run(std::size_t slot, std::size_t count, std::size_t capacity, Visit visit) {
  const std::size_t until_end = std::min(count, capacity - slot);
  visit(slot, std::size_t{0}, until_end);
  if (until_end < count) visit(std::size_t{0}, until_end, count - until_end);
}

}  // namespace

std::int64_t sample_at(std::int64_t time_ns, int sample_rate) {
  // Whole seconds apart, else the product would overflow after ten days.
  const std::int64_t seconds = floor_div(time_ns, kNsPerSecond);
  const std::int64_t rest = floor_mod(time_ns, kNsPerSecond);
  return seconds * sample_rate + (rest * sample_rate + kNsPerSecond / 2) / kNsPerSecond;
}

std::int64_t time_of(std::int64_t position, int sample_rate) {
  const std::int64_t seconds = floor_div(position, sample_rate);
  const std::int64_t rest = floor_mod(position, sample_rate);
  return seconds * kNsPerSecond + (rest * kNsPerSecond + sample_rate / 2) / sample_rate;
}

SampleRing::SampleRing(std::size_t capacity) : samples_(capacity, 0.0f), written_(capacity, 0) {
}

std::size_t SampleRing::slot(std::int64_t position) const {
  return static_cast<std::size_t>(floor_mod(position, static_cast<std::int64_t>(capacity())));
}

void SampleRing::write(const float* samples, std::size_t count, std::int64_t first) {
  if (count == 0) return;
  const std::int64_t last = first + static_cast<std::int64_t>(count);
  if (empty_) newest_ = first;
  empty_ = false;

  if (first > newest_) {
    // The gap takes the slots of forgotten samples: make it silence.
    const std::int64_t gap = std::max(newest_, first - static_cast<std::int64_t>(capacity()));
    for_each_run(slot(gap), static_cast<std::size_t>(first - gap), capacity(),
                 [this](std::size_t run, std::size_t, std::size_t length) {
                   std::fill_n(samples_.data() + run, length, 0.0f);
                   std::fill_n(written_.data() + run, length, static_cast<unsigned char>(0));
                 });
  }
  newest_ = std::max(newest_, last);

  const std::int64_t kept = std::max(first, oldest());
  if (kept >= last) return;
  const float* source = samples + (kept - first);
  for_each_run(slot(kept), static_cast<std::size_t>(last - kept), capacity(),
               [this, source](std::size_t run, std::size_t offset, std::size_t length) {
                 std::transform(source + offset, source + offset + length, samples_.data() + run,
                                guarded);
                 std::fill_n(written_.data() + run, length, static_cast<unsigned char>(1));
               });
}

std::size_t SampleRing::read(std::int64_t first, std::size_t count, float* out) const {
  const std::int64_t last = first + static_cast<std::int64_t>(count);
  const std::int64_t from = empty_ ? last : std::clamp(oldest(), first, last);
  const std::int64_t to = empty_ ? last : std::clamp(newest_, from, last);
  std::fill(out, out + (from - first), 0.0f);
  std::size_t written = 0;
  if (from < to) {
    float* target = out + (from - first);
    for_each_run(slot(from), static_cast<std::size_t>(to - from), capacity(),
                 [&](std::size_t run, std::size_t offset, std::size_t length) {
                   std::copy_n(samples_.data() + run, length, target + offset);
                   const unsigned char* flags = written_.data() + run;
                   written += std::accumulate(flags, flags + length, std::size_t{0});
                 });
  }
  std::fill(out + (to - first), out + count, 0.0f);
  return written;
}

void SampleRing::clear() {
  std::fill(samples_.begin(), samples_.end(), 0.0f);
  std::fill(written_.begin(), written_.end(), static_cast<unsigned char>(0));
  empty_ = true;
  newest_ = 0;
}

}  // namespace lightavseg::dsp
