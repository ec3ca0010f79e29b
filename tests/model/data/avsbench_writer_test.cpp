// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "model/data/avsbench.h"
#include "model/data/avsbench_classes.h"
#include "tests/model/data/avsbench_samples.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

std::set<std::string> files_in(const fs::path& root) {
  std::set<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) files.insert(fs::relative(entry.path(), root).string());
  }
  return files;
}

TEST(AvsBenchWriter, LaysOutS4AsPublished) {
  const TemporaryFolder folder;
  write_s4(folder.path(),
           {disc_clip("vid", "train", AvsSubset::kS4), disc_clip("w", "test", AvsSubset::kS4)});
  std::set<std::string> expected = {
      "s4_meta_data.csv",
      "s4_data/audio_wav/train/helicopter/vid.wav",
      "s4_data/audio_wav/test/helicopter/w.wav",
      "s4_data/gt_masks/train/helicopter/vid/vid_1.png",
  };
  for (const char* k : {"1", "2", "3", "4", "5"}) {
    const std::string n = k;
    expected.insert("s4_data/visual_frames/train/helicopter/vid/vid_" + n + ".png");
    expected.insert("s4_data/visual_frames/test/helicopter/w/w_" + n + ".png");
    expected.insert("s4_data/gt_masks/test/helicopter/w/w_" + n + ".png");
  }
  EXPECT_EQ(files_in(folder.path()), expected);
  EXPECT_EQ(read_plainly(folder.path() / "s4_meta_data.csv"),
            "name,start_time,category,split\nvid,0,helicopter,train\nw,0,helicopter,test\n");
}

TEST(AvsBenchWriter, LaysOutMs3AsPublished) {
  const TemporaryFolder folder;
  write_ms3(folder.path(), {disc_clip("vid", "val", AvsSubset::kMs3)});
  std::set<std::string> expected = {"ms3_meta_data.csv", "ms3_data/audio_wav/val/vid.wav"};
  for (const char* k : {"1", "2", "3", "4", "5"}) {
    const std::string n = k;
    expected.insert("ms3_data/visual_frames/vid/vid.mp4_" + n + ".png");
    expected.insert("ms3_data/gt_masks/val/vid/vid_" + n + ".png");
  }
  EXPECT_EQ(files_in(folder.path()), expected);
  EXPECT_EQ(read_plainly(folder.path() / "ms3_meta_data.csv"), "name,split\nvid,val\n");
}

TEST(AvsBenchWriter, LaysOutAvssAsPublished) {
  const TemporaryFolder folder;
  AvsClipContent named = disc_clip("c", "val", AvsSubset::kV2, {32, 24}, 35);
  named.category = "dog, barking";
  write_avss(folder.path(), {disc_clip("a", "train", AvsSubset::kV1s, {32, 24}, 35),
                             disc_clip("b", "test", AvsSubset::kV1m, {32, 24}, 35), named});
  const std::set<std::string> files = files_in(folder.path());
  EXPECT_EQ(files.size(), 2U + (5 + 1 + 1) + (5 + 5 + 1) + (10 + 10 + 1));
  for (const char* name :
       {"metadata.csv", "label2idx.json", "v1s/a/frames/0.jpg", "v1s/a/frames/4.jpg",
        "v1s/a/labels_rgb/0.png", "v1s/a/audio.wav", "v1m/b/labels_rgb/4.png", "v2/c/frames/9.jpg",
        "v2/c/labels_rgb/9.png"}) {
    EXPECT_EQ(files.count(name), 1U) << name;
  }
  EXPECT_EQ(read_plainly(folder.path() / "metadata.csv"),
            "uid,a_obj,label,split\na,helicopter,v1s,train\nb,helicopter,v1m,test\n"
            "c,\"dog, barking\",v2,val\n");
  EXPECT_EQ(read_avss_class_names(folder.path() / "label2idx.json"), default_avss_class_names());
}

TEST(AvsBenchWriter, WritesTheSameBytesTwice) {
  const TemporaryFolder folder;
  const std::vector<AvsClipContent> clips = {disc_clip("a", "train", AvsSubset::kV2, {32, 24}, 7)};
  const cv::Mat before = clips[0].frames[0].clone();
  write_avss(folder.path() / "1", clips);
  EXPECT_EQ(cv::norm(clips[0].frames[0], before, cv::NORM_INF), 0) << "the content was changed";
  write_avss(folder.path() / "2", clips);
  for (const std::string& name : files_in(folder.path() / "1")) {
    EXPECT_TRUE(read_plainly(folder.path() / "1" / name) ==
                read_plainly(folder.path() / "2" / name))
        << name << " differs";
  }
}

TEST(AvsBenchWriter, ListsEverythingWrongWithAClipAndWritesNothing) {
  const TemporaryFolder folder;
  AvsClipContent clip = disc_clip("a/b", "training", AvsSubset::kMs3);
  clip.category = "../x";
  clip.frames.pop_back();
  clip.frames[2] = cv::Mat(48, 64, CV_8UC1, cv::Scalar(0));
  clip.masks.resize(4);
  clip.masks[1] = cv::Mat(48, 65, CV_8UC1, cv::Scalar(0));
  clip.audio.clear();
  AvsBenchWriter writer(AvsSet::kS4, folder.path());
  try {
    writer.add(clip);
    FAIL() << "accepted";
  } catch (const AvsBenchError& error) {
    EXPECT_EQ(
        error.problems(),
        (std::vector<std::string>{
            "the name is no plain file name",
            "the split is \"training\" instead of train, val or test",
            "the category \"../x\" is no plain folder name", "the subset ms3 is no part of S4",
            "0 samples of audio, 1 channels, 16000 Hz: all three must be above 0 and the "
            "samples a multiple of the channels",
            "4 frames instead of 5", "4 masks instead of at least 5",
            "frame 2 is not a CV_8UC3 picture of the first frame's 64 x 48 pixels",
            "mask 1 is not a CV_8UC1 picture of the frames' 64 x 48 pixels"}));
    EXPECT_NE(std::string(error.what()).find("Writing the clip \"a/b\": 9 problems"),
              std::string::npos);
  }
  EXPECT_TRUE(files_in(folder.path()).empty());
}

TEST(AvsBenchWriter, RefusesClassesAbove70AndRepeatedNames) {
  const TemporaryFolder folder;
  AvsBenchWriter writer(AvsSet::kAvss, folder.path());
  const std::string high = error_of<AvsBenchError>([&] {
    writer.add(disc_clip("a", "train", AvsSubset::kV1s, {32, 24}, 71));
  });
  EXPECT_NE(high.find("mask 0 has the class 71 in it instead of 0 to 70"), std::string::npos)
      << high;
  const AvsClipContent good = disc_clip("a", "train", AvsSubset::kV1s, {32, 24}, 70);
  writer.add(good);
  const std::string again = error_of<AvsBenchError>([&] { writer.add(good); });
  EXPECT_NE(again.find("a clip of this name was written before"), std::string::npos) << again;
}

TEST(AvsBenchWriter, RefusesALineBreakInACategory) {
  const TemporaryFolder folder;
  AvsBenchWriter writer(AvsSet::kAvss, folder.path());
  AvsClipContent clip = disc_clip("a", "train", AvsSubset::kV1s, {32, 24}, 1);
  clip.category = "a\nb";
  const std::string text = error_of<AvsBenchError>([&] { writer.add(clip); });
  EXPECT_NE(text.find("the category has a line break in it"), std::string::npos) << text;
}

TEST(AvsBenchWriter, AnUnfinishedSetCannotBeOpened) {
  const TemporaryFolder folder;
  write_ms3(folder.path(), {disc_clip("old", "train", AvsSubset::kMs3)});
  AvsBenchWriter writer(AvsSet::kMs3, folder.path());
  writer.add(disc_clip("new", "train", AvsSubset::kMs3));
  const std::string text =
      error_of<AvsBenchError>([&] { AvsBench::open_ms3(folder.path(), "train"); });
  EXPECT_NE(text.find("ms3_meta_data.csv is missing"), std::string::npos) << text;
  writer.finish();
  const AvsBench bench = AvsBench::open_ms3(folder.path(), "train");
  ASSERT_EQ(bench.clips().size(), 1U);
  EXPECT_EQ(bench.clips()[0].name, "new");
}

TEST(AvsBenchWriter, NamesAFileThatCannotBeWritten) {
  const TemporaryFolder folder;
  AvsBenchWriter writer(AvsSet::kMs3, folder.path());
  fs::create_directories(folder.path() / "ms3_meta_data.csv");
  const std::string text = error_of<AvsBenchError>([&] { writer.finish(); });
  EXPECT_NE(text.find("ms3_meta_data.csv cannot be written"), std::string::npos) << text;
  EXPECT_NE(text.find("Check the folder's permissions"), std::string::npos) << text;
  AvsClipContent clip = disc_clip("a", "train", AvsSubset::kMs3);
  fs::create_directories(folder.path() / "ms3_data/audio_wav/train/a.wav");
  const std::string wav = error_of<AvsBenchError>([&] { writer.add(clip); });
  EXPECT_NE(wav.find("ms3_data/audio_wav/train/a.wav cannot be written"), std::string::npos) << wav;
}

}  // namespace
}  // namespace lightavseg
