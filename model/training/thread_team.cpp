// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/thread_team.h"

namespace lightavseg {

ThreadTeam::ThreadTeam(int members) : failures_(static_cast<std::size_t>(members)) {
  try {
    for (int i = 1; i < members; ++i) threads_.emplace_back([this, i] { follow(i); });
  } catch (...) {
    stop();
    throw;
  }
}

ThreadTeam::~ThreadTeam() {
  stop();
}

void ThreadTeam::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (auto& t : threads_) t.join();
}

void ThreadTeam::call(int member) noexcept {
  try {
    (*work_)(member);
  } catch (...) {
    failures_[static_cast<std::size_t>(member)] = std::current_exception();
  }
}

void ThreadTeam::follow(int member) {
  for (std::int64_t done = 0;;) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || round_ > done; });
      if (stop_) return;
      done = round_;
    }
    call(member);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      --busy_;
    }
    changed_.notify_all();
  }
}

void ThreadTeam::run(const std::function<void(int)>& work) {
  failures_.assign(failures_.size(), nullptr);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    work_ = &work;
    busy_ = static_cast<int>(threads_.size());
    ++round_;
  }
  changed_.notify_all();
  call(0);
  {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return busy_ == 0; });
  }
  for (const auto& failure : failures_)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace lightavseg
