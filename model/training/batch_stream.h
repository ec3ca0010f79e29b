// SPDX-License-Identifier: LGPL-2.1-or-later
// Batches in order, made ahead by other threads where there are cores to spare.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "model/training/batches.h"

namespace lightavseg {

// take(i) gives make(i). With no threads it is made on the spot; else threads make the next ones
// ahead, and take must be called once for every index from `first` on (in any order that stays
// within `ahead` of the smallest index not taken yet). take may be called from several threads.
class BatchStream {
 public:
  using Maker = std::function<Batch(std::int64_t)>;

  BatchStream(Maker make, std::int64_t first, int threads, int ahead);
  ~BatchStream();
  BatchStream(const BatchStream&) = delete;
  BatchStream& operator=(const BatchStream&) = delete;

  // Throws what make threw.
  Batch take(std::int64_t index);

 private:
  void work();

  Maker make_;
  std::int64_t next_;
  std::int64_t taken_;
  int ahead_;
  bool stop_ = false;
  std::map<std::int64_t, Batch> ready_;
  std::exception_ptr failure_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::thread> threads_;
};

}  // namespace lightavseg
