// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/inference/model_path.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "model/inference/version.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

// Gives the variable a value, or none, while it lives.
class ModelPath {
 public:
  explicit ModelPath(const std::string& value) { keep(), ::setenv(kName, value.c_str(), 1); }
  ModelPath() { keep(), ::unsetenv(kName); }
  ~ModelPath() {
    if (earlier_)
      ::setenv(kName, earlier_->c_str(), 1);
    else
      ::unsetenv(kName);
  }

 private:
  static constexpr const char* kName = "LIGHTAVSEG_MODEL_PATH";
  void keep() {
    if (const char* value = std::getenv(kName)) earlier_ = value;
  }
  std::optional<std::string> earlier_;
};

TEST(ModelFolders, WithoutTheVariable) {
  const ModelPath path;
  const auto folders = model_folders();
  ASSERT_GE(folders.size(), 1u);
  EXPECT_EQ(folders[0], LIGHTAVSEG_DATA_DIR);
  EXPECT_TRUE(folders[0].is_absolute());
}

TEST(ModelFolders, TestsOfABuildFolderAlsoSeeTheSourceTree) {
  const ModelPath path;
  const auto folders = model_folders();
  ASSERT_EQ(folders.size(), 2u);
  EXPECT_EQ(folders[1], LIGHTAVSEG_SOURCE_DATA_DIR);
}

TEST(ModelFolders, ThoseOfTheVariableComeFirst) {
  const ModelPath path("/a:/b c/d");
  const auto folders = model_folders();
  ASSERT_GE(folders.size(), 3u);
  EXPECT_EQ(folders[0], "/a");
  EXPECT_EQ(folders[1], "/b c/d");
  EXPECT_EQ(folders[2], LIGHTAVSEG_DATA_DIR);
}

TEST(ModelFolders, EmptyPartsAreLeftOut) {
  for (const char* text : {"", ":", "::"}) {
    const ModelPath path(text);
    EXPECT_EQ(model_folders()[0], LIGHTAVSEG_DATA_DIR) << text;
  }
  const ModelPath path(":/a::/b:");
  const auto folders = model_folders();
  ASSERT_GE(folders.size(), 3u);
  EXPECT_EQ(folders[0], "/a");
  EXPECT_EQ(folders[1], "/b");
  EXPECT_EQ(folders[2], LIGHTAVSEG_DATA_DIR);
}

TEST(FindDataFile, TakesTheFirstFolderThatHasIt) {
  const TemporaryFolder first, second;
  write_plainly(second / "only-there.bin", "x");
  write_plainly(first / "both.bin", "x");
  write_plainly(second / "both.bin", "x");
  const ModelPath path("/does/not/exist:" + first.path().string() + ":" + second.path().string());
  EXPECT_EQ(find_data_file("only-there.bin"), second / "only-there.bin");
  EXPECT_EQ(find_data_file("both.bin"), first / "both.bin");
}

TEST(FindDataFile, IsEmptyWhenThereIsNone) {
  const ModelPath path("/does/not/exist");
  EXPECT_TRUE(find_data_file("no such file.bin").empty());
}

TEST(FindDataFile, AFolderOfThatNameIsNoFile) {
  const TemporaryFolder first, second;
  fs::create_directory(first / "m.bin");
  write_plainly(second / "m.bin", "x");
  const ModelPath path(first.path().string() + ":" + second.path().string());
  EXPECT_EQ(find_data_file("m.bin"), second / "m.bin");
}

TEST(FindDataFile, TheClassListOfTheSourceTree) {
  const ModelPath path;
  EXPECT_EQ(find_data_file("taxonomy.json").filename(), "taxonomy.json");
}

TEST(ShippedModel, IsFound) {
  const TemporaryFolder folder;
  write_plainly(folder / "lightavseg.safetensors", "x");
  const ModelPath path(folder.path().string());
  EXPECT_EQ(shipped_model(), folder / "lightavseg.safetensors");
}

TEST(ShippedDataFile, IsFound) {
  const TemporaryFolder folder;
  write_plainly(folder / "a.json", "x");
  const ModelPath path(folder.path().string());
  EXPECT_EQ(shipped_data_file("a.json", "Give it"), folder / "a.json");
}

TEST(ShippedDataFile, ErrorListsTheFoldersAndSaysWhatToDo) {
  const ModelPath path("/first/place:/second/place");
  try {
    shipped_data_file("no-such.json", "Give one with --list");
    ADD_FAILURE() << "no error";
  } catch (const FileError& error) {
    const std::string text = error.what();
    for (const char* part : {"no-such.json", "/first/place, /second/place", LIGHTAVSEG_DATA_DIR,
                             "Give one with --list, or set LIGHTAVSEG_MODEL_PATH"})
      EXPECT_NE(text.find(part), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace lightavseg
