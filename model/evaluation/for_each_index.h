// SPDX-License-Identifier: LGPL-2.1-or-later
// Work that falls into numbered pieces, on several threads. No LibTorch here.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace lightavseg {

// Calls work(i) once for every i in 0 .. count - 1, on `threads` threads at most, the caller's
// among them, and returns when all calls have. Index 0 is always the caller's. Each of the first
// `threads` indices has a thread of its own, so with threads >= count all run side by side.
//
// When calls throw, what the one of the lowest index threw is thrown again here, whatever the order
// in time, and indices that no thread has begun are left out. Throws std::system_error when the
// system gives no more threads. State of the calling thread (LibTorch's grad mode, autocast) does
// not hold in the others; work must set it.
template <class Work>
void for_each_index(int count, int threads, const Work& work) {
  if (count <= 0) return;
  if (threads > count) threads = count;
  if (threads < 1) threads = 1;
  std::atomic<int> next{threads};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::exception_ptr failure;
  int failed = count;  // the lowest index that threw
  const auto run = [&](int i) {
    // Every index that is taken is run: a lower one than that which failed must have its say.
    for (; i < count; i = stop ? count : next++) {
      try {
        work(i);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex);
        stop = true;
        if (i < failed) {
          failed = i;
          failure = std::current_exception();
        }
      }
    }
  };
  std::vector<std::thread> pool;
  try {
    for (int t = 1; t < threads; ++t) pool.emplace_back(run, t);
  } catch (...) {
    stop = true;
    for (auto& t : pool) t.join();
    throw;
  }
  run(0);
  for (auto& t : pool) t.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace lightavseg
