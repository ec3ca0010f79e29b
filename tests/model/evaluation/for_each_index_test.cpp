// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/for_each_index.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <set>
#include <stdexcept>
#include <string>

namespace lightavseg {
namespace {

// Lets `count` threads through at once; false when they do not come within a minute.
class Meeting {
 public:
  explicit Meeting(int count) : missing_(count) {}
  bool arrive() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (--missing_ == 0) all_here_.notify_all();
    return all_here_.wait_for(lock, std::chrono::minutes(1), [&] { return missing_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_here_;
  int missing_;
};

TEST(ForEachIndex, RunsEveryIndexOnce) {
  for (int threads : {-1, 0, 1, 2, 3, 8, 1000}) {
    std::vector<std::atomic<int>> calls(100);
    for_each_index(100, threads, [&](int i) { ++calls[size_t(i)]; });
    for (const auto& c : calls) ASSERT_EQ(c, 1) << threads;
  }
}

TEST(ForEachIndex, NothingToDo) {
  for (int count : {0, -3}) {
    int calls = 0;
    for_each_index(count, 4, [&](int) { ++calls; });
    EXPECT_EQ(calls, 0);
  }
}

TEST(ForEachIndex, OneThreadGoesInOrderOnTheCallersThread) {
  const auto caller = std::this_thread::get_id();
  std::vector<int> order;
  for_each_index(5, 1, [&](int i) {
    order.push_back(i);
    EXPECT_EQ(std::this_thread::get_id(), caller);
  });
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(ForEachIndex, AsManyThreadsAsIndicesRunSideBySide) {
  const auto caller = std::this_thread::get_id();
  Meeting meeting(4);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  for_each_index(4, 4, [&](int i) {
    EXPECT_TRUE(meeting.arrive());
    const std::lock_guard<std::mutex> lock(mutex);
    threads.insert(std::this_thread::get_id());
    if (i == 0) {
      EXPECT_EQ(std::this_thread::get_id(), caller);
    }
  });
  EXPECT_EQ(threads.size(), 4u);
}

TEST(ForEachIndex, TheFirstExceptionIsThrownAgain) {
  for (int threads : {1, 2, 4}) {
    try {
      for_each_index(20, threads, [](int i) {
        if (i >= 7) throw std::runtime_error("scene " + std::to_string(i));
      });
      ADD_FAILURE() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "scene 7") << threads;
    }
  }
}

TEST(ForEachIndex, TheLowestIndexCountsNotTheEarliestInTime) {
  for (int round = 0; round < 50; ++round) {
    Meeting meeting(3);
    try {
      for_each_index(3, 3, [&](int i) {
        // They throw at the same time, in any order.
        meeting.arrive();
        throw std::runtime_error(std::to_string(i));
      });
      ADD_FAILURE() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "0");
    }
  }
}

TEST(ForEachIndex, AnErrorOfAnotherThreadReachesTheCaller) {
  EXPECT_THROW(for_each_index(2, 2,
                              [](int i) {
                                if (i == 1) throw std::out_of_range("elsewhere");
                              }),
               std::out_of_range);
}

TEST(ForEachIndex, OtherTypesThanExceptionsToo) {
  EXPECT_THROW(for_each_index(3, 2, [](int) { throw 5; }), int);
}

TEST(ForEachIndex, StopsAfterAnError) {
  std::atomic<int> calls{0};
  EXPECT_THROW(for_each_index(1000, 1,
                              [&](int i) {
                                ++calls;
                                if (i == 3) throw std::runtime_error("");
                              }),
               std::runtime_error);
  EXPECT_EQ(calls, 4);
}

TEST(ForEachIndex, IsReadyAgainAfterAnError) {
  EXPECT_THROW(for_each_index(9, 3, [](int) { throw std::runtime_error(""); }), std::runtime_error);
  std::atomic<int> sum{0};
  for_each_index(10, 3, [&](int i) { sum += i; });
  EXPECT_EQ(sum, 45);
}

}  // namespace
}  // namespace lightavseg
