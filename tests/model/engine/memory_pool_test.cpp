// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/engine/memory_pool.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <utility>

namespace lightavseg {
namespace {

TEST(PageBlock, HoldsZerosAndMoves) {
  PageBlock block(3 << 20);
  ASSERT_GE(block.size(), 3u << 20);
  for (std::size_t i = 0; i < block.size(); i += 4096) ASSERT_EQ(block.data()[i], std::byte(0));
  auto* data = block.data();
  const PageBlock moved = std::move(block);
  EXPECT_EQ(moved.data(), data);
  EXPECT_EQ(PageBlock().data(), nullptr);
}

TEST(MemoryPool, PiecesAreAlignedAndApart) {
  MemoryPool pool;
  std::byte* pieces[200];
  for (int i = 0; i < 200; ++i) {
    const std::size_t size = i == 100 ? 40 << 20 : 250001;  // more than a block, and odd
    pieces[i] = pool.take(size);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(pieces[i]) % kMapAlignment, 0u);
    std::memset(pieces[i], i, size);
  }
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(pieces[i][0], std::byte(i));
    ASSERT_EQ(pieces[i][250000], std::byte(i));
  }
}

}  // namespace
}  // namespace lightavseg
