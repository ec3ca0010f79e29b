// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

#include "model/files/file_error.h"

namespace lightavseg {

namespace {

/// The folder to open for `target`; a bare file name lies in the current one.
std::filesystem::path folder_of(const std::filesystem::path& target) {
  const std::filesystem::path folder = target.parent_path();
  return folder.empty() ? std::filesystem::path(".") : folder;
}

/// A name of fixed length, so that it fits wherever the target's own name does.
std::filesystem::path next_temporary(const std::filesystem::path& target) {
  static std::atomic<uint64_t> counter{0};
  return folder_of(target) / fmt::format(".lightavseg-{}-{}.tmp", ::getpid(), counter++);
}

std::string advice(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "; free some space or choose another folder";
    case EFBIG:
      return "; raise the limit on file sizes (ulimit -f) or choose another file system";
    case EACCES:
    case EPERM:
    case EROFS:
      return "; make the folder writable or choose another one";
    case ENOENT:
    case ENOTDIR:
      return "; create the folder first";
    default:
      return "";
  }
}

int open_retrying(const std::filesystem::path& path, int flags, mode_t mode) {
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), flags, mode);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

int sync_retrying(int descriptor) {
  int result = 0;
  do {
    result = ::fsync(descriptor);
  } while (result != 0 && errno == EINTR);
  return result;
}

/// Makes the rename itself durable. A failure is not reported: the new file is complete and in
/// place by then, and some file systems cannot flush a folder at all.
void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = open_retrying(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (descriptor < 0) return;
  sync_retrying(descriptor);
  ::close(descriptor);
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(path), target_(path) {
  if (!path.has_filename()) {
    throw FileError(path, "", "the path names no file; add a file name");
  }
  std::error_code ignored;
  if (std::filesystem::is_symlink(path, ignored)) {
    const std::filesystem::path followed = std::filesystem::weakly_canonical(path, ignored);
    if (!followed.empty()) target_ = followed;
  }

  struct stat old = {};
  const bool replaces = ::stat(target_.c_str(), &old) == 0;
  if (replaces && S_ISDIR(old.st_mode)) {
    throw FileError(path, "", "this is a folder; add a file name");
  }
  if (replaces && !S_ISREG(old.st_mode)) {
    throw FileError(path, "", "this is a device, pipe or socket; name a regular file to replace");
  }
  // rename(2) asks for no right on the old file, yet whoever took it away wanted it kept.
  if (replaces && ::faccessat(AT_FDCWD, target_.c_str(), W_OK, AT_EACCESS) != 0) {
    throw FileError(path, "",
                    "the existing file is write-protected; make it writable (chmod +w) or choose "
                    "another name");
  }

  std::filesystem::path temporary;
  do {
    temporary = next_temporary(target_);
    descriptor_ = open_retrying(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) {
    const int code = errno;
    throw FileError(path, "folder " + folder_of(target_).string(),
                    fmt::format("no file can be created there: {}{}",
                                std::generic_category().message(code), advice(code)));
  }
  temporary_ = temporary;
  // Best effort: some file systems (FAT) have no permissions to keep.
  if (replaces) static_cast<void>(::fchmod(descriptor_, old.st_mode & 07777));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail(const char* action, int code) const {
  throw FileError(path_, "",
                  fmt::format("{} failed: {}{}; an older file of this name was left as it was",
                              action, std::generic_category().message(code), advice(code)));
}

void AtomicFile::expect_open() const {
  if (descriptor_ < 0) {
    throw FileError(path_, "", "nothing can be written after commit(); open a new AtomicFile");
  }
}

void AtomicFile::write(const void* data, size_t bytes) {
  expect_open();
  // Linux writes at most 2 GiB in one call; smaller pieces are as fast.
  constexpr size_t kPiece = size_t{1} << 28;
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(descriptor_, next, std::min(bytes, kPiece));
    if (written < 0) {
      if (errno == EINTR) continue;
      fail("writing", errno);
    }
    next += written;
    bytes -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  expect_open();
  // Without the flush, a crash soon after the rename could leave an empty file under the name.
  if (sync_retrying(descriptor_) != 0) fail("flushing to the disc", errno);
  const int descriptor = descriptor_;
  descriptor_ = -1;
  // Network file systems report a full disc only here. EINTR still closes on Linux.
  if (::close(descriptor) != 0 && errno != EINTR) fail("closing", errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("replacing the old file", errno);
  temporary_.clear();
  sync_folder(folder_of(target_));
}

void write_atomically(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

void write_atomically(const std::filesystem::path& path, const std::vector<std::byte>& bytes) {
  AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

}  // namespace lightavseg
