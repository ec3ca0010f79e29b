// SPDX-License-Identifier: LGPL-2.1-or-later
// Results that appear under their name only when they are complete.
#pragma once

#include <filesystem>

namespace lightavseg::tool {

// A file or a folder is written under the name of the result with ".part" behind it, and renamed at
// the end. While the object lives, no other process can write the same result; a lock does that
// which the kernel takes back when a process is killed, so that what a killed one left is simply
// written again. One object belongs to one thread.
class UnfinishedOutput {
 public:
  enum class Kind { kFile, kFolder };

  // Makes the empty file or folder. An older file of the name stays until finish(); a folder of the
  // name must be empty. Throws std::runtime_error naming the path, what is wrong and what to do.
  UnfinishedOutput(const std::filesystem::path& result, Kind kind);
  // Removes what is not finished.
  ~UnfinishedOutput();
  UnfinishedOutput(const UnfinishedOutput&) = delete;
  UnfinishedOutput& operator=(const UnfinishedOutput&) = delete;

  // Where to write.
  const std::filesystem::path& path() const { return part_; }

  // Puts it in place; nothing is removed any more. Throws std::runtime_error.
  void finish();

 private:
  void close();

  std::filesystem::path result_, part_;
  int lock_ = -1;
};

}  // namespace lightavseg::tool
