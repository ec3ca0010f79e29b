// SPDX-License-Identifier: LGPL-2.1-or-later
// A file in memory without reading it first.
#pragma once

#include <cstddef>
#include <filesystem>

namespace lightavseg {

/// A regular file mapped read-only into memory; unmapped when the object goes.
///
/// Reading through a const object is thread-safe. The mapping follows the file, not its name: a
/// file replaced by rename(2), as AtomicFile does, leaves existing mappings intact. A file that
/// another program shortens in place while it is mapped ends the reading process with SIGBUS; no
/// writer of this project does that.
class MappedFile {
 public:
  /// Maps the whole of `path`.
  /// Throws FileError where the file is missing, may not be read, is empty or is not a regular
  /// file (a folder, a device, a pipe).
  static MappedFile open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  /// First byte; stays the same when the object is moved. Null after being moved from.
  const std::byte* data() const noexcept { return data_; }

  /// Length in bytes; at least 1, or 0 after being moved from.
  size_t size() const noexcept { return size_; }

 private:
  MappedFile(const std::byte* data, size_t size) noexcept : data_(data), size_(size) {}
  void unmap() noexcept;

  const std::byte* data_;
  size_t size_;
};

}  // namespace lightavseg
