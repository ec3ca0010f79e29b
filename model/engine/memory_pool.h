// SPDX-License-Identifier: LGPL-2.1-or-later
// Memory in pages of two megabytes, where the system has them.
//
// A frame reads all weights once, tens of megabytes. In pages of four kilobytes it would wait for
// the addresses of most of them: the tables that processors keep of pages are shorter than that.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace lightavseg {

inline constexpr std::size_t kMapAlignment = 64;  // a cache line, and the widest vector

// One block, which starts at a page. Movable.
class PageBlock {
 public:
  PageBlock() = default;
  // Throws std::bad_alloc. The bytes are zeros.
  explicit PageBlock(std::size_t bytes);

  std::byte* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* data) const;
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t size_ = 0;
};

// Pieces of blocks, all of which end with the pool. Safe from any thread.
class MemoryPool {
 public:
  // Aligned to kMapAlignment. Throws std::bad_alloc.
  std::byte* take(std::size_t bytes);

 private:
  std::mutex mutex_;
  std::vector<PageBlock> blocks_;
  std::size_t used_ = 0;  // of the last block
};

}  // namespace lightavseg
