// SPDX-License-Identifier: LGPL-2.1-or-later
// Files that are either written whole or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>
#include <vector>

namespace lightavseg {

/// Writes a new file beside the old one and puts it in the old one's place at commit().
///
/// Whatever fails before that (a full disc, an exception, a killed process), the old file stays
/// as it was, and readers that have it open keep it. The temporary file lies in the folder of the
/// target under a name that starts with ".lightavseg-" and ends with ".tmp"; it is removed when
/// the object goes without commit().
///
/// A new file gets the permissions that the umask leaves, a replaced one keeps those it had. A
/// symbolic link to a file stays a link, and the file that it points to is replaced.
///
/// One object belongs to one thread; different objects are independent, also for the same target,
/// where the last commit() wins.
class AtomicFile {
 public:
  /// Creates the temporary file.
  /// Throws FileError where `path` names no file, the folder is missing or not writable, or the
  /// target exists and is write-protected or not a regular file.
  explicit AtomicFile(const std::filesystem::path& path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Appends `bytes` bytes. `data` may be null only where `bytes` is 0.
  /// Throws FileError naming the cause (disc full, file too large, ...) or after commit().
  void write(const void* data, size_t bytes);

  /// Flushes to the disc and replaces the target. Nothing can be written afterwards.
  /// Throws FileError, with the old file untouched, where that fails.
  void commit();

 private:
  void expect_open() const;
  [[noreturn]] void fail(const char* action, int code) const;

  std::filesystem::path path_;       // as the caller named it, for error texts
  std::filesystem::path target_;     // with a final symbolic link followed
  std::filesystem::path temporary_;  // empty when there is none to remove
  int descriptor_ = -1;
};

/// Writes `text` to `path` as AtomicFile does. Throws FileError.
void write_atomically(const std::filesystem::path& path, std::string_view text);

/// Writes `bytes` to `path` as AtomicFile does. Throws FileError.
void write_atomically(const std::filesystem::path& path, const std::vector<std::byte>& bytes);

}  // namespace lightavseg
