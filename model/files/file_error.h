// SPDX-License-Identifier: LGPL-2.1-or-later
// The one exception of everything that reads or writes files.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

namespace lightavseg {

/// A file that cannot be read, written or believed.
///
/// The text of what() is "PATH: FIELD: PROBLEM"; the problem says what was found, what would be
/// right and what to do. An empty path or field is left out of the text.
class FileError : public std::runtime_error {
 public:
  FileError(std::filesystem::path path, std::string field, const std::string& problem)
      : std::runtime_error(text(path, field, problem)),
        path_(std::move(path)),
        field_(std::move(field)) {}

  /// The file meant; empty where the error lies in a value that belongs to no file.
  const std::filesystem::path& path() const noexcept { return path_; }

  /// The part of the file meant, such as `header length` or `tensor "conv.weight" shape`; empty
  /// where the file as a whole is meant.
  const std::string& field() const noexcept { return field_; }

 private:
  static std::string text(const std::filesystem::path& path, const std::string& field,
                          const std::string& problem) {
    std::string result;
    if (!path.empty()) result += path.string() + ": ";
    if (!field.empty()) result += field + ": ";
    return result + problem;
  }

  std::filesystem::path path_;
  std::string field_;
};

}  // namespace lightavseg
