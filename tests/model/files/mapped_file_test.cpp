// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "tests/model/files/temporary_folder.h"
#include "tests/model/files/user_rights.h"

namespace lightavseg {
namespace {

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.data()), file.size()};
}

TEST(MappedFile, ShowsTheBytesOfTheFile) {
  const TemporaryFolder folder;
  const std::string bytes("a\0b\xFF", 4);
  write_plainly(folder / "file", bytes);
  EXPECT_EQ(text_of(MappedFile::open(folder / "file")), bytes);
}

TEST(MappedFile, FollowsTheFileAndNotItsName) {
  const TemporaryFolder folder;
  write_plainly(folder / "file", "old");
  const MappedFile file = MappedFile::open(folder / "file");
  write_plainly(folder / "new", "new");
  std::filesystem::rename(folder / "new", folder / "file");
  EXPECT_EQ(text_of(file), "old");
}

TEST(MappedFile, KeepsItsAddressWhenMoved) {
  const TemporaryFolder folder;
  write_plainly(folder / "one", "one");
  write_plainly(folder / "two", "other");
  MappedFile one = MappedFile::open(folder / "one");
  const std::byte* address = one.data();

  MappedFile moved(std::move(one));
  EXPECT_EQ(moved.data(), address);
  EXPECT_EQ(one.data(), nullptr);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(one.size(), 0u);

  MappedFile two = MappedFile::open(folder / "two");
  two = std::move(moved);
  EXPECT_EQ(text_of(two), "one");
}

TEST(MappedFile, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  const std::filesystem::path missing = folder / "missing";
  expect_file_error([&] { MappedFile::open(missing); }, missing, "",
                    {"there is no such file", "check the path"});
  expect_file_error([&] { MappedFile::open(folder.path()); }, folder.path(), "",
                    {"this is a folder", "name a file in it"});
  expect_file_error([&] { MappedFile::open("/dev/null"); }, "/dev/null", "",
                    {"this is a device, pipe or socket", "a regular file is needed"});
  expect_file_error([&] { MappedFile::open(""); }, "", "", {"there is no such file"});
  const std::filesystem::path long_name = folder / std::string(300, 'x');
  expect_file_error([&] { MappedFile::open(long_name); }, long_name, "",
                    {"cannot be opened", "File name too long"});
}

TEST(MappedFile, DoesNotWaitForTheWriterOfAPipe) {
  const TemporaryFolder folder;
  const std::filesystem::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  expect_file_error([&] { MappedFile::open(pipe); }, pipe, "", {"device, pipe or socket"});
}

TEST(MappedFile, RefusesAnEmptyFile) {
  const TemporaryFolder folder;
  write_plainly(folder / "empty", "");
  expect_file_error([&] { MappedFile::open(folder / "empty"); }, folder / "empty", "",
                    {"the file is empty", "make the file again"});
}

TEST(MappedFile, RefusesAFileThatMayNotBeRead) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "secret";
  write_plainly(path, "secret");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  const OrdinaryUser user;
  if (!user.lacks_rights()) GTEST_SKIP() << "the superuser cannot step down here";
  expect_file_error([&] { MappedFile::open(path); }, path, "",
                    {"may not be read by this user", "chmod +r"});
}

}  // namespace
}  // namespace lightavseg
