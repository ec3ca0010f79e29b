// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/unfinished_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw std::runtime_error(fmt::format("{}: {}", path.string(), what));
}

std::string text_of(int code) {
  return std::generic_category().message(code);
}

// Another process may have put its own in place, or removed it, between our open and our lock.
bool is_at(int descriptor, const fs::path& path) {
  struct stat open = {}, there = {};
  return ::fstat(descriptor, &open) == 0 && ::stat(path.c_str(), &there) == 0 &&
         open.st_ino == there.st_ino && open.st_dev == there.st_dev;
}

void check_result(const fs::path& result, UnfinishedOutput::Kind kind) {
  const fs::path folder = result.has_parent_path() ? result.parent_path() : fs::path(".");
  std::error_code error;
  if (!result.has_filename()) fail(result, "this names no file; add a name");
  if (!fs::is_directory(folder, error))
    fail(result, fmt::format("there is no folder {}; create it first", folder.string()));
  const auto status = fs::status(result, error);
  if (!fs::exists(status)) return;
  if (kind == UnfinishedOutput::Kind::kFile) {
    if (!fs::is_regular_file(status))
      fail(result, "this is a folder or a device; give the name of a file");
  } else if (!fs::is_directory(status) || !fs::is_empty(result, error)) {
    fail(result, "this is there already; remove it or give another folder");
  }
}

int open_part(const fs::path& part, UnfinishedOutput::Kind kind) {
  if (kind == UnfinishedOutput::Kind::kFile)
    return ::open(part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (::mkdir(part.c_str(), 0777) != 0 && errno != EEXIST) return -1;
  return ::open(part.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void make_empty(const fs::path& part, int descriptor, UnfinishedOutput::Kind kind) {
  if (kind == UnfinishedOutput::Kind::kFile) {
    if (::ftruncate(descriptor, 0) != 0) fail(part, text_of(errno));
    return;
  }
  for (const auto& entry : fs::directory_iterator(part)) fs::remove_all(entry.path());
}

}  // namespace

UnfinishedOutput::UnfinishedOutput(const fs::path& result, Kind kind)
    : result_(result), part_(result.string() + ".part") {
  check_result(result, kind);
  for (;;) {
    lock_ = open_part(part_, kind);
    if (lock_ < 0)
      fail(result_, fmt::format("{} cannot be made: {}", part_.string(), text_of(errno)));
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
      const int code = errno;
      close();
      fail(result_, code == EWOULDBLOCK ? "another process is writing this result; let it finish"
                                        : "the file system cannot lock: " + text_of(code));
    }
    if (is_at(lock_, part_)) break;
    close();
  }
  try {
    make_empty(part_, lock_, kind);
  } catch (...) {
    close();
    throw;
  }
}

UnfinishedOutput::~UnfinishedOutput() {
  if (lock_ < 0) return;
  std::error_code ignored;
  fs::remove_all(part_, ignored);
  close();
}

void UnfinishedOutput::finish() {
  // A crash of the machine soon after the rename must not leave an empty file under the name.
  if (::fsync(lock_) != 0 && errno != EINVAL) fail(result_, text_of(errno));
  if (::rename(part_.c_str(), result_.c_str()) != 0)
    fail(result_, "cannot be put in place: " + text_of(errno));
  close();
}

void UnfinishedOutput::close() {
  if (lock_ >= 0) ::close(lock_);
  lock_ = -1;
}

}  // namespace lightavseg::tool
