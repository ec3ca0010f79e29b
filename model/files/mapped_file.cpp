// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

#include "model/files/file_error.h"

namespace lightavseg {

namespace {

/// Closes a file descriptor on every way out.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

std::string error_text(int code) {
  return std::generic_category().message(code);
}

std::string open_problem(int code) {
  switch (code) {
    case ENOENT:
    case ENOTDIR:
      return "there is no such file; check the path";
    case EACCES:
    case EPERM:
      return "the file may not be read by this user; change its permissions (chmod +r)";
    default:
      return fmt::format("the file cannot be opened: {}", error_text(code));
  }
}

}  // namespace

MappedFile MappedFile::open(const std::filesystem::path& path) {
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
  int number = -1;
  do {
    number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (number < 0 && errno == EINTR);
  if (number < 0) throw FileError(path, "", open_problem(errno));
  const Descriptor descriptor(number);

  struct stat status = {};
  if (::fstat(descriptor.get(), &status) != 0) {
    throw FileError(path, "", fmt::format("the file cannot be examined: {}", error_text(errno)));
  }
  if (S_ISDIR(status.st_mode)) {
    throw FileError(path, "", "this is a folder; name a file in it");
  }
  if (!S_ISREG(status.st_mode)) {
    throw FileError(path, "", "this is a device, pipe or socket; a regular file is needed");
  }
  if (status.st_size == 0) {
    throw FileError(path, "", "the file is empty; its writer failed, get or make the file again");
  }
  if (static_cast<uint64_t>(status.st_size) > std::numeric_limits<size_t>::max()) {
    throw FileError(path, "",
                    fmt::format("the file has {} bytes, more than this machine can address",
                                static_cast<uint64_t>(status.st_size)));
  }

  const size_t size = static_cast<size_t>(status.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (data == MAP_FAILED) {
    throw FileError(path, "",
                    fmt::format("its {} bytes cannot be mapped: {}", size, error_text(errno)));
  }
  return MappedFile(static_cast<const std::byte*>(data), size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {
}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this != &other) {
    unmap();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

MappedFile::~MappedFile() {
  unmap();
}

void MappedFile::unmap() noexcept {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace lightavseg
