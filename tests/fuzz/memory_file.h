// SPDX-License-Identifier: LGPL-2.1-or-later
// Files for readers that want a path, without a disk.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace lightavseg::fuzz {

/// A file in memory under a path of this process. Linux only. Not thread-safe.
class MemoryFile {
 public:
  /// Throws std::system_error, as all of it does.
  MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile();

  const std::filesystem::path& path() const { return path_; }

  /// Puts other contents into the file. Nobody may have mapped it.
  void replace(std::string_view contents);

  /// Overwrites a part, which may reach beyond the end.
  void patch(std::size_t at, std::string_view contents);

  /// Cuts the end off, or adds zeros.
  void resize(std::size_t size);

  /// Bytes.
  std::size_t size() const;

 private:
  int descriptor_;
  std::filesystem::path path_;
};

}  // namespace lightavseg::fuzz
