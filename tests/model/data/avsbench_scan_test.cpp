// SPDX-License-Identifier: LGPL-2.1-or-later
// What AvsBench refuses, and how it says so.
#include "model/data/avsbench_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <opencv2/imgcodecs.hpp>

#include "model/data/avsbench.h"
#include "model/data/avsbench_writer.h"
#include "tests/model/data/avsbench_samples.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

class AvsBenchScan : public ::testing::Test {
 protected:
  const fs::path& root() const { return folder_.path(); }
  std::string at(const std::string& name) const { return (root() / name).string(); }

  Lines problems_of(AvsSet set, const std::string& split, bool decode_all = false) const {
    AvsOptions options;
    options.decode_all = decode_all;
    try {
      open(set, split, options);
    } catch (const AvsBenchError& error) {
      return error.problems();
    }
    return {};
  }

  AvsBench open(AvsSet set, const std::string& split, const AvsOptions& options = {}) const {
    if (set == AvsSet::kS4) return AvsBench::open_s4(root(), split, options);
    if (set == AvsSet::kMs3) return AvsBench::open_ms3(root(), split, options);
    return AvsBench::open_avss(root(), split, options);
  }

  void picture(const std::string& name, cv::Size size) const {
    cv::imwrite(at(name), cv::Mat(size, CV_8UC1, cv::Scalar(0)));
  }

  TemporaryFolder folder_;
};

TEST_F(AvsBenchScan, RefusesAnUnknownSplit) {
  const std::string text = error_of<AvsBenchError>([&] { open(AvsSet::kS4, "valid"); });
  EXPECT_EQ(text, "AVSBench S4 in " + root().string() +
                      ", split valid: 1 problem\n  there is no split \"valid\"\n"
                      "Ask for train, val or test.");
}

TEST_F(AvsBenchScan, RefusesAPictureSizeOutOfRange) {
  for (int size : {15, 4097}) {
    AvsOptions options;
    options.size = size;
    const std::string text = error_of<AvsBenchError>([&] { open(AvsSet::kS4, "val", options); });
    EXPECT_NE(text.find("the picture size " + std::to_string(size) + " is not in 16 to 4096"),
              std::string::npos)
        << text;
  }
}

TEST_F(AvsBenchScan, NamesAMissingRoot) {
  const std::string text =
      error_of<AvsBenchError>([&] { AvsBench::open_ms3(root() / "nowhere", "train"); });
  EXPECT_NE(text.find("the folder " + at("nowhere") + " is missing"), std::string::npos) << text;
  EXPECT_NE(text.find("Give the folder that holds ms3_meta_data.csv; the set is published as "
                      "\"Multi-sources\"."),
            std::string::npos)
      << text;
}

TEST_F(AvsBenchScan, FindsTheSetOneFolderFurtherDown) {
  write_s4(root() / "Single-source", {disc_clip("a", "val", AvsSubset::kS4)});
  const std::string text = error_of<AvsBenchError>([&] { open(AvsSet::kS4, "val"); });
  EXPECT_NE(text.find(at("s4_meta_data.csv") + " is missing"), std::string::npos) << text;
  EXPECT_NE(text.find("Here it is " + at("Single-source") + "."), std::string::npos) << text;
}

TEST_F(AvsBenchScan, NamesEveryMissingColumn) {
  write_text(root() / "metadata.csv", "name,split\n");
  EXPECT_EQ(problems_of(AvsSet::kAvss, "val"),
            (Lines{at("metadata.csv") + " has no column \"uid\" in its first line",
                   at("metadata.csv") + " has no column \"label\" in its first line"}));
  write_text(root() / "s4_meta_data.csv", "a,b,c\n");
  EXPECT_EQ(problems_of(AvsSet::kS4, "val"),
            (Lines{at("s4_meta_data.csv") + " has no column \"split\" in its first line"}));
}

TEST_F(AvsBenchScan, FindsS4ColumnsByPositionOrName) {
  write_s4(root(), {disc_clip("vid", "val", AvsSubset::kS4)});
  write_text(root() / "s4_meta_data.csv", "video,start,kind,split\nvid,0,helicopter,val\n");
  EXPECT_EQ(open(AvsSet::kS4, "val").clips().size(), 1U);
  write_text(root() / "s4_meta_data.csv", "split,category,name\nval,helicopter,vid\n");
  EXPECT_EQ(open(AvsSet::kS4, "val").clips().size(), 1U);
}

TEST_F(AvsBenchScan, ListsBadLines) {
  write_s4(root(), {disc_clip("vid", "val", AvsSubset::kS4)});
  write_text(root() / "s4_meta_data.csv",
             "name,start,category,split\n"
             "vid,0,helicopter,val\n"
             "vid,0,helicopter,val\n"
             "../up,0,helicopter,val\n"
             "a,0,,val\n"
             "b,0,helicopter,validation\n"
             "c\n"
             "d,0,helicopter,val,more\n");
  const std::string csv = at("s4_meta_data.csv");
  EXPECT_EQ(problems_of(AvsSet::kS4, "val"),
            (Lines{csv + " line 8: 5 fields, but the header names 4",
                   csv + " line 3: the clip vid was listed before",
                   csv + " line 4: the video name \"../up\" is no plain file name",
                   csv + " line 5: the category \"\" is no plain folder name",
                   csv + " line 6: the split is \"validation\" instead of train, val or test",
                   csv + " line 7: the split is \"\" instead of train, val or test",
                   csv + " line 7: the category \"\" is no plain folder name"}));
}

TEST_F(AvsBenchScan, ListsUnknownAvssLabels) {
  write_avss(root(), {disc_clip("vid", "val", AvsSubset::kV1m, {32, 24}, 1)});
  write_text(root() / "metadata.csv", "uid,label,split\nvid,v1m,val\nx,v3,val\n");
  EXPECT_EQ(problems_of(AvsSet::kAvss, "val"),
            (Lines{at("metadata.csv") + " line 3: the label is \"v3\" instead of v1s, v1m or v2"}));
}

TEST_F(AvsBenchScan, ListsWrongClassNames) {
  write_avss(root(), {disc_clip("vid", "val", AvsSubset::kV1m, {32, 24}, 1)});
  write_text(root() / "label2idx.json", "7");
  EXPECT_EQ(problems_of(AvsSet::kAvss, "val"),
            (Lines{at("label2idx.json") + ": the outermost value is not an object"}));
}

TEST_F(AvsBenchScan, SaysThatASplitHasNoClips) {
  write_ms3(root(), {disc_clip("vid", "val", AvsSubset::kMs3)});
  const std::string text = error_of<AvsBenchError>([&] { open(AvsSet::kMs3, "test"); });
  EXPECT_NE(text.find("no usable clip in this split"), std::string::npos) << text;
}

TEST_F(AvsBenchScan, ListsEverythingWrongWithAClip) {
  write_ms3(root(),
            {disc_clip("vid", "val", AvsSubset::kMs3), disc_clip("ok", "val", AvsSubset::kMs3)});
  const std::string frames = "ms3_data/visual_frames/vid/vid.mp4_";
  const std::string masks = "ms3_data/gt_masks/val/vid/vid_";
  fs::remove(root() / (frames + "2.png"));
  picture(frames + "3.png", {64, 50});
  write_text(root() / (frames + "4.png"), "text instead");
  fs::remove(root() / (masks + "1.png"));
  picture(masks + "2.png", {32, 24});
  write_text(root() / "ms3_data/audio_wav/val/vid.wav", "nothing to hear");
  const Lines lines = problems_of(AvsSet::kMs3, "val");
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[0], "clip vid: " + at(frames + "2.png") + " is missing");
  EXPECT_EQ(lines[1], "clip vid: " + at(frames + "3.png") +
                          " is 64 x 50 pixels, but the clip's first frame is 64 x 48");
  EXPECT_EQ(lines[2], "clip vid: " + at(frames + "4.png") + " is neither PNG nor JPEG");
  EXPECT_EQ(lines[3], "clip vid: " + at(masks + "1.png") + " is missing");
  EXPECT_EQ(lines[4], "clip vid: the mask " + at(masks + "2.png") +
                          " is 32 x 24 pixels, but the clip's frames are 64 x 48");
  EXPECT_EQ(
      lines[5].rfind(
          "clip vid: " + at("ms3_data/audio_wav/val/vid.wav") + " has no readable wav header (", 0),
      0U)
      << lines[5];
}

TEST_F(AvsBenchScan, SaysMissingFoldersInOneLine) {
  write_s4(root(), {disc_clip("vid", "val", AvsSubset::kS4)});
  fs::remove_all(root() / "s4_data/visual_frames");
  fs::remove_all(root() / "s4_data/gt_masks/val/helicopter/vid");
  EXPECT_EQ(
      problems_of(AvsSet::kS4, "val"),
      (Lines{
          "clip vid: the folder " + at("s4_data/visual_frames/val/helicopter/vid") + " is missing",
          "clip vid: the folder " + at("s4_data/gt_masks/val/helicopter/vid") + " is missing"}));
}

TEST_F(AvsBenchScan, WantsTheMasksOfTheSplitOnly) {
  write_avss(root(), {disc_clip("a", "train", AvsSubset::kV1s, {32, 24}, 1),
                      disc_clip("b", "val", AvsSubset::kV1s, {32, 24}, 1)});
  EXPECT_TRUE(problems_of(AvsSet::kAvss, "train").empty());
  fs::remove(root() / "v1s/b/labels_rgb/3.png");
  EXPECT_EQ(problems_of(AvsSet::kAvss, "val"),
            (Lines{"clip b: " + at("v1s/b/labels_rgb/3.png") + " is missing"}));
  EXPECT_TRUE(problems_of(AvsSet::kAvss, "train").empty());
}

TEST_F(AvsBenchScan, DecodesEverythingOnRequest) {
  write_ms3(root(), {disc_clip("vid", "val", AvsSubset::kMs3)});
  const std::string name = "ms3_data/visual_frames/vid/vid.mp4_1.png";
  const std::string png = read_plainly(root() / name);
  // A header and an end chunk with no pixels between them.
  write_text(root() / name, png.substr(0, 33) + png.substr(png.size() - 12));
  EXPECT_TRUE(problems_of(AvsSet::kMs3, "val").empty());
  EXPECT_EQ(problems_of(AvsSet::kMs3, "val", true),
            (Lines{"clip vid: " + at(name) + " cannot be decoded; copy it again"}));
}

TEST_F(AvsBenchScan, ListsAllClipsButShowsFiftyLines) {
  Lines expected;
  std::string csv = "name,split\n";
  for (int i = 0; i < 70; ++i) {
    const std::string name = "v" + std::to_string(i);
    csv += name + ",train\n";
    expected.push_back("clip " + name + ": the folder " + at("ms3_data/visual_frames/" + name) +
                       " is missing");
    expected.push_back("clip " + name + ": the folder " + at("ms3_data/gt_masks/train/" + name) +
                       " is missing");
    expected.push_back("clip " + name + ": " + at("ms3_data/audio_wav/train/" + name + ".wav") +
                       " is missing");
  }
  write_text(root() / "ms3_meta_data.csv", csv);
  EXPECT_EQ(problems_of(AvsSet::kMs3, "train"), expected);

  const std::string text = error_of<AvsBenchError>([&] { open(AvsSet::kMs3, "train"); });
  std::string shown = "AVSBench MS3 in " + root().string() + ", split train: 210 problems";
  for (size_t i = 0; i < 50; ++i) shown += "\n  " + expected[i];
  EXPECT_EQ(text, shown +
                      "\n  ... and 160 more\n"
                      "Repair the set, or open it leniently to leave out what is wrong.");
}

TEST_F(AvsBenchScan, LenientLeavesOutBadClipsAndSaysSo) {
  write_ms3(root(), {disc_clip("a", "val", AvsSubset::kMs3), disc_clip("b", "val", AvsSubset::kMs3),
                     disc_clip("c", "val", AvsSubset::kMs3)});
  fs::remove(root() / "ms3_data/visual_frames/b/b.mp4_5.png");
  AvsOptions options;
  options.lenient = true;
  options.size = 32;
  const AvsBench bench = open(AvsSet::kMs3, "val", options);
  ASSERT_EQ(bench.clips().size(), 2U);
  EXPECT_EQ(bench.clips()[0].name, "a");
  EXPECT_EQ(bench.clips()[1].name, "c");
  EXPECT_EQ(bench.problems(),
            (Lines{"clip b: " + at("ms3_data/visual_frames/b/b.mp4_5.png") + " is missing"}));
  EXPECT_GT(cv::countNonZero(bench.load(bench.clips()[1], 4).mask), 0);
}

TEST_F(AvsBenchScan, LenientStillRefusesASetWithNothingLeft) {
  write_ms3(root(), {disc_clip("a", "val", AvsSubset::kMs3)});
  fs::remove(root() / "ms3_data/audio_wav/val/a.wav");
  AvsOptions options;
  options.lenient = true;
  const std::string text = error_of<AvsBenchError>([&] { open(AvsSet::kMs3, "val", options); });
  EXPECT_NE(text.find("2 problems\n  no usable clip in this split\n  clip a: "), std::string::npos)
      << text;
}

TEST_F(AvsBenchScan, NeverTouchesPickles) {
  write_s4(root(), {disc_clip("vid", "val", AvsSubset::kS4)});
  write_text(root() / "s4_data/audio_log_mel/val/helicopter/vid.pkl", "not to be read");
  EXPECT_EQ(open(AvsSet::kS4, "val").clips().size(), 1U);
}

}  // namespace
}  // namespace lightavseg
