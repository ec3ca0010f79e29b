// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/batch_stream.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>

namespace lightavseg {
namespace {

Batch numbered(std::int64_t i) {
  Batch b;
  b.mask = torch::full({1}, i, torch::kInt64);
  return b;
}

TEST(BatchStream, GivesTheSameInOrderWithAnyNumberOfThreads) {
  for (int threads : {0, 1, 3}) {
    BatchStream stream(numbered, 5, threads, 4);
    for (std::int64_t i = 5; i < 60; ++i)
      EXPECT_EQ(stream.take(i).mask.item<int64_t>(), i) << threads;
  }
}

TEST(BatchStream, DoesNotRunFurtherAheadThanAsked) {
  std::atomic<std::int64_t> furthest{-1};
  BatchStream stream(
      [&](std::int64_t i) {
        furthest = std::max<std::int64_t>(furthest, i);
        return numbered(i);
      },
      0, 1, 3);
  for (std::int64_t i = 0; i < 20; ++i) {
    stream.take(i);
    EXPECT_LE(furthest.load(), i + 3);
  }
}

TEST(BatchStream, PassesErrorsOn) {
  for (int threads : {0, 2}) {
    BatchStream stream(
        [](std::int64_t i) -> Batch {
          if (i == 3) throw std::runtime_error("no such scene");
          return numbered(i);
        },
        0, threads, 2);
    EXPECT_THROW(
        {
          for (std::int64_t i = 0; i < 10; ++i) stream.take(i);
        },
        std::runtime_error);
  }
}

TEST(BatchStream, CanBeLeftUnfinished) {
  BatchStream stream(numbered, 0, 2, 8);
  EXPECT_EQ(stream.take(0).mask.item<int64_t>(), 0);
}

}  // namespace
}  // namespace lightavseg
