// SPDX-License-Identifier: LGPL-2.1-or-later
// A folder of its own for each test, and what tests do with files in it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <ios>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "model/files/file_error.h"

namespace lightavseg {

/// An empty folder that every user may enter; removed with all it holds.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "lightavseg-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
    std::filesystem::permissions(path_, std::filesystem::perms(0755));
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

  /// The names of all files in it, temporary ones included.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

 private:
  std::filesystem::path path_;
};

/// Makes a new file in place of an old one. Writing into the old one would change what is mapped of
/// it, and file systems that flush a truncated file on closing would make thousands of files slow.
inline void write_plainly(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::remove(path);
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("the test cannot write " + path.string());
}

inline std::string read_plainly(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Runs `action` and expects a FileError of this path and field whose text names the path and the
/// field and holds each of `parts`.
template <typename Action>
void expect_file_error(Action action, const std::filesystem::path& path, const std::string& field,
                       const std::vector<std::string>& parts) {
  try {
    action();
  } catch (const FileError& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.path(), path) << text;
    EXPECT_EQ(error.field(), field) << text;
    EXPECT_NE(text.find(path.string()), std::string::npos) << text;
    EXPECT_NE(text.find(field), std::string::npos) << text;
    for (const std::string& part : parts) {
      EXPECT_NE(text.find(part), std::string::npos) << "no \"" << part << "\" in: " << text;
    }
    return;
  }
  ADD_FAILURE() << "no FileError for field '" << field << "'";
}

}  // namespace lightavseg
