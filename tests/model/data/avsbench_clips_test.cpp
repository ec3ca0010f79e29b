// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_clips.h"

#include <gtest/gtest.h>

#include <set>

#include "model/data/avsbench.h"
#include "model/data/avsbench_classes.h"
#include "tests/model/data/avsbench_samples.h"
#include "tests/model/data/tiny_material.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

class AvsClipsTest : public ::testing::Test {
 protected:
  AvsClipsTest()
      : taxonomy_(testing::tiny_taxonomy()),
        material_(Material::load(files_.dir(), taxonomy_)),
        composer_(material_) {}

  void write(AvsSet set, int clips, const std::vector<std::string>& names = {}) {
    AvsBenchWriter writer(set, folder_.path(), names);
    for (int i = 0; i < clips; ++i) {
      writer.add(compose_avs_clip(composer_, set, "val", 64, 5, i));
    }
    writer.finish();
  }
  std::set<int> values(const cv::Mat& mask) {
    std::set<int> out;
    for (int y = 0; y < mask.rows; ++y) {
      for (int x = 0; x < mask.cols; ++x) out.insert(mask.at<std::uint8_t>(y, x));
    }
    return out;
  }

  testing::TinyMaterial files_;
  Taxonomy taxonomy_;
  Material material_;
  ClipComposer composer_;
  TemporaryFolder folder_;
};

TEST_F(AvsClipsTest, S4IsReadBack) {
  write(AvsSet::kS4, 4);
  AvsOptions options;
  options.size = 64;
  const auto set = AvsBench::open_s4(folder_.path(), "val", options);
  ASSERT_EQ(set.clips().size(), 4u);
  for (const AvsClip& clip : set.clips()) {
    EXPECT_TRUE(taxonomy_.is_visible(taxonomy_.find(clip.category))) << clip.category;
    for (int i = 0; i < clip.slots(); ++i) {
      const AvsFrame frame = set.load(clip, i);
      EXPECT_EQ(values(frame.mask), (std::set<int>{0, 255})) << clip.name << " " << i;
      double energy = 0;
      for (const float s : frame.audio) energy += s * s;
      EXPECT_GT(energy, 10) << clip.name << " " << i;
    }
  }
}

TEST_F(AvsClipsTest, Ms3ChangesWhatSounds) {
  write(AvsSet::kMs3, 6);
  AvsOptions options;
  options.size = 64;
  const auto set = AvsBench::open_ms3(folder_.path(), "val", options);
  int changes = 0;
  for (const AvsClip& clip : set.clips()) {
    cv::Mat before;
    for (int i = 0; i < clip.slots(); ++i) {
      const AvsFrame frame = set.load(clip, i);
      double energy = 0;
      for (const float s : frame.audio) energy += s * s;
      if (energy == 0) {
        EXPECT_EQ(values(frame.mask), std::set<int>{0});
      }
      if (!before.empty()) {
        cv::Mat common;
        cv::bitwise_and(before, frame.mask, common);
        changes += cv::countNonZero(common) == 0;
      }
      before = frame.mask;
    }
  }
  EXPECT_GT(changes, 2);
}

TEST_F(AvsClipsTest, AvssHasItsThreeSubsetsAndTheClassesOfTheTaxonomy) {
  write(AvsSet::kAvss, 3, avss_names_of(taxonomy_));
  AvsOptions options;
  options.size = 64;
  const auto set = AvsBench::open_avss(folder_.path(), "val", options);
  EXPECT_EQ(set.class_names().at(2), "dog");
  EXPECT_EQ(set.class_names().at(8), "unused-8");
  ASSERT_EQ(set.clips().size(), 3u);
  EXPECT_EQ(set.clips()[0].subset, AvsSubset::kV1s);
  EXPECT_EQ(set.clips()[1].subset, AvsSubset::kV1m);
  EXPECT_EQ(set.clips()[2].subset, AvsSubset::kV2);
  const AvsFrame frame = set.load(set.clips()[0], 2);
  const int cls = taxonomy_.find(set.clips()[0].category);
  EXPECT_EQ(values(frame.mask), (std::set<int>{0, cls}));
}

TEST_F(AvsClipsTest, TheSameClipTwice) {
  const auto a = compose_avs_clip(composer_, AvsSet::kMs3, "train", 64, 9, 4);
  const auto b = compose_avs_clip(composer_, AvsSet::kMs3, "train", 64, 9, 4);
  EXPECT_EQ(a.audio, b.audio);
  EXPECT_EQ(a.category, b.category);
  for (std::size_t i = 0; i < a.frames.size(); ++i) {
    EXPECT_EQ(cv::norm(a.frames[i], b.frames[i], cv::NORM_INF), 0);
    EXPECT_EQ(cv::norm(a.masks[i], b.masks[i], cv::NORM_INF), 0);
  }
  EXPECT_NE(compose_avs_clip(composer_, AvsSet::kMs3, "train", 64, 9, 5).audio, a.audio);
}

TEST_F(AvsClipsTest, TooManyClassesForAvss) {
  std::string visible, more;
  for (int i = 0; i < 71; ++i) visible += (i == 0 ? "\"c" : ", \"c") + std::to_string(i) + "\"";
  const auto large = Taxonomy::parse("{\"version\": 1, \"visible\": [" + visible +
                                         "], \"sound_only\": [], \"groups\": {}, \"instruments\": "
                                         "[], \"inseparable\": {}, \"voc\": {}, \"aliases\": {}, "
                                         "\"rules\": []}",
                                     "large");
  EXPECT_NE(error_of<ClipError>([&] { avss_names_of(large); }).find("70"), std::string::npos);
}

}  // namespace
}  // namespace lightavseg
