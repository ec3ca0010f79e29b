// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/fuzz/memory_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace lightavseg::fuzz {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

MemoryFile::MemoryFile() : descriptor_(::memfd_create("lightavseg-fuzz", MFD_CLOEXEC)) {
  if (descriptor_ < 0) fail("memfd_create");
  path_ = "/proc/self/fd/" + std::to_string(descriptor_);
}

MemoryFile::~MemoryFile() {
  ::close(descriptor_);
}

void MemoryFile::replace(std::string_view contents) {
  resize(0);
  patch(0, contents);
}

void MemoryFile::patch(std::size_t at, std::string_view contents) {
  while (!contents.empty()) {
    const auto written =
        ::pwrite(descriptor_, contents.data(), contents.size(), static_cast<off_t>(at));
    if (written < 0) fail("pwrite");
    at += static_cast<std::size_t>(written);
    contents.remove_prefix(static_cast<std::size_t>(written));
  }
}

void MemoryFile::resize(std::size_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) fail("ftruncate");
}

std::size_t MemoryFile::size() const {
  struct stat status = {};
  if (::fstat(descriptor_, &status) != 0) fail("fstat");
  return static_cast<std::size_t>(status.st_size);
}

}  // namespace lightavseg::fuzz
