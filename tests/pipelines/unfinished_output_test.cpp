// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/unfinished_output.h"

#include <gtest/gtest.h>

#include <fstream>
#include <stdexcept>
#include <string>

#include "pipelines/tool/progress_bar.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;
using Kind = UnfinishedOutput::Kind;

class UnfinishedOutputTest : public ::testing::Test {
 protected:
  // Into the file that is there: an unfinished one is locked.
  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  static std::string refused(const fs::path& path, Kind kind) {
    try {
      UnfinishedOutput output(path, kind);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "";
  }

  TemporaryFolder folder_;
};

TEST_F(UnfinishedOutputTest, TheOldFileStaysUntilTheNewOneIsFinished) {
  const fs::path path = folder_ / "a";
  write(path, "old");
  UnfinishedOutput output(path, Kind::kFile);
  write(output.path(), "new");
  EXPECT_EQ(read_plainly(path), "old");
  output.finish();
  EXPECT_EQ(read_plainly(path), "new");
  EXPECT_FALSE(fs::exists(output.path()));
}

TEST_F(UnfinishedOutputTest, WhatIsNotFinishedIsRemoved) {
  {
    UnfinishedOutput file(folder_ / "a", Kind::kFile);
    UnfinishedOutput folder(folder_ / "b", Kind::kFolder);
    write(folder.path() / "1", "one");
  }
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(UnfinishedOutputTest, AFolderComesAsAWhole) {
  fs::create_directory(folder_ / "b");  // empty, so it may be replaced
  UnfinishedOutput output(folder_ / "b", Kind::kFolder);
  write(output.path() / "1", "one");
  EXPECT_TRUE(fs::is_empty(folder_ / "b"));
  output.finish();
  EXPECT_EQ(read_plainly(folder_ / "b" / "1"), "one");
}

TEST_F(UnfinishedOutputTest, WhatAKilledProcessLeftIsWrittenAgain) {
  write(folder_ / "a.part", "a long half");
  fs::create_directory(folder_ / "b.part");
  write(folder_ / "b.part" / "1", "one");
  UnfinishedOutput file(folder_ / "a", Kind::kFile);
  UnfinishedOutput folder(folder_ / "b", Kind::kFolder);
  EXPECT_EQ(read_plainly(file.path()), "");
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST_F(UnfinishedOutputTest, OnlyOneWritesAResult) {
  for (const Kind kind : {Kind::kFile, Kind::kFolder}) {
    const fs::path path = folder_ / (kind == Kind::kFile ? "a" : "b");
    UnfinishedOutput output(path, kind);
    EXPECT_NE(refused(path, kind).find("another process is writing"), std::string::npos);
    output.finish();
  }
  EXPECT_EQ(refused(folder_ / "a", Kind::kFile), "");
}

TEST_F(UnfinishedOutputTest, ErrorsNameThePathAndWhatToDo) {
  fs::create_directory(folder_ / "full");
  write(folder_ / "full" / "mine", "x");
  EXPECT_NE(refused(folder_ / "none" / "a", Kind::kFile).find("create it first"),
            std::string::npos);
  EXPECT_NE(refused(folder_ / "full", Kind::kFile).find("name of a file"), std::string::npos);
  EXPECT_NE(refused(folder_ / "full", Kind::kFolder).find("remove it or give another folder"),
            std::string::npos);
  EXPECT_NE(refused("/dev/null", Kind::kFile).find("device"), std::string::npos);
  EXPECT_NE(refused(folder_ / "", Kind::kFile).find("add a name"), std::string::npos);
  EXPECT_EQ(read_plainly(folder_ / "full" / "mine"), "x");
}

TEST(ProgressTextTest, TellsShareRateAndTimeLeft) {
  EXPECT_EQ(progress_text(0.5, 12.04, "frames", 70),
            "[###############---------------]  50 %  12.0 frames/s  1:10 left");
  EXPECT_EQ(progress_text(-1, 3, "files", -1), "3.0 files/s");
  EXPECT_EQ(progress_text(1.2, 1, "files", 3725),
            "[##############################] 100 %  1.0 files/s  1:02:05 left");
}

}  // namespace
}  // namespace lightavseg::tool
