// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lightavseg::dsp {

// Position, in samples since time 0, of the sample nearest to a time. Exact integer arithmetic for
// any time and any rate up to 1e9 Hz, so that positions do not drift however long a stream runs.
std::int64_t sample_at(std::int64_t time_ns, int sample_rate);

// The time of a sample, rounded to the nearest nanosecond.
std::int64_t time_of(std::int64_t position, int sample_rate);

// The newest samples of a stream, addressed by their position since time 0. A position that was
// never written, or that has been forgotten, reads as silence. Not thread-safe; nothing allocates
// after construction.
class SampleRing {
 public:
  // Capacity in samples, above 0.
  explicit SampleRing(std::size_t capacity);

  std::size_t capacity() const { return samples_.size(); }
  bool empty() const { return empty_; }

  // The remembered span is [oldest(), newest()); newest() is one past the last sample written.
  // Meaningless while empty().
  std::int64_t newest() const { return newest_; }
  std::int64_t oldest() const { return newest_ - static_cast<std::int64_t>(capacity()); }

  // Writes guarded samples (sample_guard.h) from position `first` on, and forgets what then lies
  // more than the capacity behind the newest one. Samples older than oldest() are dropped.
  void write(const float* samples, std::size_t count, std::int64_t first);

  // Copies `count` samples from position `first` on; returns how many of them were written ones.
  std::size_t read(std::int64_t first, std::size_t count, float* out) const;

  void clear();

 private:
  std::size_t slot(std::int64_t position) const;

  std::vector<float> samples_;          // silence wherever nothing was written
  std::vector<unsigned char> written_;  // 1 where something was
  bool empty_ = true;
  std::int64_t newest_ = 0;
};

}  // namespace lightavseg::dsp
