// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/batch_stream.h"

#include <utility>

namespace lightavseg {

BatchStream::BatchStream(Maker make, std::int64_t first, int threads, int ahead)
    : make_(std::move(make)), next_(first), taken_(first), ahead_(ahead) {
  for (int t = 0; t < threads; ++t) threads_.emplace_back([this] { work(); });
}

BatchStream::~BatchStream() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (auto& t : threads_) t.join();
}

void BatchStream::work() {
  for (;;) {
    std::int64_t index;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || failure_ || next_ < taken_ + ahead_; });
      if (stop_ || failure_) return;
      index = next_++;
    }
    try {
      auto batch = make_(index);
      std::lock_guard<std::mutex> lock(mutex_);
      ready_.emplace(index, std::move(batch));
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
    changed_.notify_all();
  }
}

Batch BatchStream::take(std::int64_t index) {
  if (threads_.empty()) return make_(index);
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return failure_ || ready_.count(index) > 0; });
  if (failure_) std::rethrow_exception(failure_);
  auto node = ready_.extract(index);
  ++taken_;
  lock.unlock();
  changed_.notify_all();
  return std::move(node.mapped());
}

}  // namespace lightavseg
