// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/model/files/temporary_folder.h"
#include "tests/model/files/user_rights.h"

namespace lightavseg {
namespace {

using Names = std::vector<std::string>;

mode_t permissions_of(const std::filesystem::path& path) {
  struct stat status = {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777;
}

/// While it lives, no file of this process can grow beyond `bytes`: a full disc without one.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_ = {};
  void (*handler_)(int);
};

TEST(AtomicFile, WritesANewFileAndNothingElse) {
  const TemporaryFolder folder;
  write_atomically(folder / "report.csv", "a,b\n");
  EXPECT_EQ(read_plainly(folder / "report.csv"), "a,b\n");
  EXPECT_EQ(folder.names(), Names{"report.csv"});
}

TEST(AtomicFile, ReplacesAnOldFile) {
  const TemporaryFolder folder;
  write_plainly(folder / "file", "a long old text");
  write_atomically(folder / "file", "new");
  EXPECT_EQ(read_plainly(folder / "file"), "new");
}

TEST(AtomicFile, WritesBytesAndEmptyFiles) {
  const TemporaryFolder folder;
  write_atomically(folder / "bytes", std::vector<std::byte>{std::byte{0}, std::byte{255}});
  EXPECT_EQ(read_plainly(folder / "bytes"), std::string("\0\xFF", 2));
  write_atomically(folder / "empty", std::vector<std::byte>());
  EXPECT_TRUE(std::filesystem::is_regular_file(folder / "empty"));
  EXPECT_EQ(read_plainly(folder / "empty"), "");
}

TEST(AtomicFile, JoinsThePieces) {
  const TemporaryFolder folder;
  AtomicFile file(folder / "file");
  file.write("one ", 4);
  file.write(nullptr, 0);
  file.write("two", 3);
  file.commit();
  EXPECT_EQ(read_plainly(folder / "file"), "one two");
}

TEST(AtomicFile, LeavesTheOldFileUntilCommit) {
  const TemporaryFolder folder;
  write_plainly(folder / "file", "old");
  {
    AtomicFile file(folder / "file");
    file.write("new", 3);
    EXPECT_EQ(read_plainly(folder / "file"), "old");
  }
  EXPECT_EQ(read_plainly(folder / "file"), "old");
  EXPECT_EQ(folder.names(), Names{"file"});
}

TEST(AtomicFile, NamesItsTemporaryFileAsDocumented) {
  const TemporaryFolder folder;
  const AtomicFile file(folder / std::string(255, 'n'));
  const Names names = folder.names();
  ASSERT_EQ(names.size(), 1u);
  EXPECT_EQ(names[0].rfind(".lightavseg-", 0), 0u) << names[0];
  EXPECT_EQ(names[0].substr(names[0].size() - 4), ".tmp");
}

TEST(AtomicFile, KeepsPermissions) {
  const TemporaryFolder folder;
  const mode_t mask = ::umask(027);
  write_atomically(folder / "new", "x");
  ::umask(mask);
  EXPECT_EQ(permissions_of(folder / "new"), 0640u);

  std::filesystem::permissions(folder / "new", std::filesystem::perms(0604));
  write_atomically(folder / "new", "y");
  EXPECT_EQ(permissions_of(folder / "new"), 0604u);
}

TEST(AtomicFile, WritesThroughASymbolicLink) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "store");
  write_plainly(folder / "store/real", "old");
  std::filesystem::create_symlink("store/real", folder / "link");
  write_atomically(folder / "link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_plainly(folder / "store/real"), "new");
}

TEST(AtomicFile, WritesToTheCurrentFolder) {
  const TemporaryFolder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  write_atomically("bare-name", "x");
  std::filesystem::current_path(before);
  EXPECT_EQ(read_plainly(folder / "bare-name"), "x");
}

TEST(AtomicFile, TakesManyThreads) {
  const TemporaryFolder folder;
  const auto write_often = [&](char letter) {
    for (int i = 0; i < 20; ++i) write_atomically(folder / "file", std::string(5000, letter));
  };
  std::thread other(write_often, 'a');
  write_often('b');
  other.join();
  const std::string text = read_plainly(folder / "file");
  ASSERT_EQ(text.size(), 5000u);
  EXPECT_EQ(std::count(text.begin(), text.end(), text[0]), 5000);
  EXPECT_EQ(folder.names(), Names{"file"});
}

TEST(AtomicFile, KeepsTheOldFileWhenWritingFails) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "file";
  write_plainly(path, "old");
  {
    const FileSizeLimit limit(1000);
    expect_file_error([&] { write_atomically(path, std::string(5000, 'x')); }, path, "",
                      {"writing failed: File too large", "ulimit -f",
                       "an older file of this name was left as it was"});
  }
  EXPECT_EQ(read_plainly(path), "old");
  EXPECT_EQ(folder.names(), Names{"file"});
}

TEST(AtomicFile, KeepsTheNewFolderWhenReplacingFails) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "name";
  {
    AtomicFile file(path);
    file.write("x", 1);
    std::filesystem::create_directory(path);
    expect_file_error([&] { file.commit(); }, path, "", {"replacing the old file failed"});
  }
  EXPECT_TRUE(std::filesystem::is_directory(path));
  EXPECT_EQ(folder.names(), Names{"name"});
}

TEST(AtomicFile, RefusesTargetsThatAreNoFile) {
  const TemporaryFolder folder;
  expect_file_error([&] { write_atomically(folder.path(), "x"); }, folder.path(), "",
                    {"this is a folder", "add a file name"});
  expect_file_error([&] { write_atomically("/dev/null", "x"); }, "/dev/null", "",
                    {"device, pipe or socket", "name a regular file"});
  expect_file_error([&] { write_atomically("", "x"); }, "", "", {"names no file"});
  const std::filesystem::path with_slash = folder / "name/";
  expect_file_error([&] { write_atomically(with_slash, "x"); }, with_slash, "", {"names no file"});
}

TEST(AtomicFile, NamesTheFolderThatIsMissing) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "none/file";
  expect_file_error([&] { write_atomically(path, "x"); }, path,
                    "folder " + (folder / "none").string(),
                    {"No such file or directory", "create the folder first"});
  write_plainly(folder / "plain", "x");
  const std::filesystem::path below = folder / "plain/file";
  expect_file_error([&] { write_atomically(below, "x"); }, below,
                    "folder " + (folder / "plain").string(), {"Not a directory"});
}

TEST(AtomicFile, NamesTheFolderThatIsNotWritable) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "file";
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  {
    const OrdinaryUser user;
    if (!user.lacks_rights()) GTEST_SKIP() << "the superuser cannot step down here";
    expect_file_error([&] { write_atomically(path, "x"); }, path,
                      "folder " + folder.path().string(),
                      {"Permission denied", "make the folder writable"});
  }
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
}

TEST(AtomicFile, KeepsAWriteProtectedFile) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "file";
  write_plainly(path, "kept");
  std::filesystem::permissions(path, std::filesystem::perms(0444));
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0777));
  {
    const OrdinaryUser user;
    if (!user.lacks_rights()) GTEST_SKIP() << "the superuser cannot step down here";
    expect_file_error([&] { write_atomically(path, "x"); }, path, "",
                      {"write-protected", "chmod +w"});
  }
  EXPECT_EQ(read_plainly(path), "kept");
}

TEST(AtomicFile, RefusesMoreAfterCommit) {
  const TemporaryFolder folder;
  AtomicFile file(folder / "file");
  file.commit();
  expect_file_error([&] { file.write("x", 1); }, folder / "file", "", {"after commit()"});
  expect_file_error([&] { file.commit(); }, folder / "file", "", {"after commit()"});
}

}  // namespace
}  // namespace lightavseg
