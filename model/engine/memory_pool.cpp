// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/engine/memory_pool.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace lightavseg {
namespace {

constexpr std::size_t kPage = std::size_t(2) << 20;
constexpr std::size_t kBlock = 8 * kPage;  // of a pool

std::size_t rounded(std::size_t bytes, std::size_t to) {
  return (bytes + to - 1) / to * to;
}

}  // namespace

PageBlock::PageBlock(std::size_t bytes) : size_(rounded(std::max<std::size_t>(bytes, 1), kPage)) {
  data_.reset(static_cast<std::byte*>(std::aligned_alloc(kPage, size_)));
  if (!data_) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  // A wish: where it is not granted, pages are small.
  madvise(data_.get(), size_, MADV_HUGEPAGE);
#endif
  std::memset(data_.get(), 0, size_);
}

void PageBlock::Free::operator()(std::byte* data) const {
  std::free(data);
}

std::byte* MemoryPool::take(std::size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::size_t size = rounded(bytes, kMapAlignment);
  if (blocks_.empty() || blocks_.back().size() - used_ < size) {
    blocks_.emplace_back(std::max(size, kBlock));
    used_ = 0;
  }
  std::byte* piece = blocks_.back().data() + used_;
  used_ += size;
  return piece;
}

}  // namespace lightavseg
