// SPDX-License-Identifier: LGPL-2.1-or-later
// Threads that stay from step to step.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace lightavseg {

// A member keeps its memory with its thread: allocators give every thread blocks of its own, and
// what a step has freed serves the next one only there. New threads for every step would leave
// gigabytes behind in allocators that return memory late (jemalloc).
//
// One object belongs to one thread, which is member 0.
class ThreadTeam {
 public:
  // members: at least 1. Throws std::system_error when the system gives no more threads.
  explicit ThreadTeam(int members);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // Calls work(i) for every i in 0 .. members - 1 at the same time, 0 on the caller's thread, and
  // returns when all have. When calls throw, what the one of the lowest index threw is thrown again
  // here. State of the calling thread (LibTorch's grad mode, autocast) does not hold in the others;
  // work must set it, and must leave it as it was.
  void run(const std::function<void(int)>& work);

 private:
  void follow(int member);
  void call(int member) noexcept;
  void stop();

  std::vector<std::exception_ptr> failures_;  // by member
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void(int)>* work_ = nullptr;
  std::int64_t round_ = 0;  // of run()
  int busy_ = 0;            // members that have not finished this round
  bool stop_ = false;
  std::vector<std::thread> threads_;  // of members 1 and up
};

}  // namespace lightavseg
