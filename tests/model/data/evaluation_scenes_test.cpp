// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/evaluation_scenes.h"

#include <gtest/gtest.h>

#include <opencv2/imgproc.hpp>
#include <set>

#include "tests/model/data/tiny_material.h"

namespace lightavseg {
namespace {

using testing::TinyMaterial;

bool same(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && cv::norm(a, b, cv::NORM_INF) == 0;
}

class EvaluationScenesTest : public ::testing::Test {
 protected:
  EvaluationScenesTest()
      : material_(Material::load(tiny_.dir(), ::lightavseg::testing::tiny_taxonomy(), test())) {
    options_.size = 64;
  }

  static MaterialOptions test() {
    MaterialOptions options;
    options.split = "test";
    return options;
  }

  TinyMaterial tiny_;
  Material material_;
  EvaluationOptions options_;
};

TEST_F(EvaluationScenesTest, NamesGoBothWays) {
  for (const char* name : {"single", "multi", "swap", "silence", "offscreen"}) {
    EXPECT_STREQ(to_string(evaluation_kind(name)), name);
  }
  try {
    evaluation_kind("double");
    FAIL() << "no error";
  } catch (const SceneError& error) {
    EXPECT_NE(std::string(error.what()).find("single, multi, swap, silence and offscreen"),
              std::string::npos);
  }
}

TEST_F(EvaluationScenesTest, SingleShowsWholePhotographsEachOnce) {
  const EvaluationScenes evaluation(material_, options_);
  // Two of each class but the silent buses.
  ASSERT_EQ(evaluation.single_photographs(), 12);
  std::set<std::string> seen;
  for (const Scene& scene : evaluation.scenes(EvaluationKind::kSingle, 12)) {
    seen.insert(scene.photo_id);
    ASSERT_EQ(scene.visible.size(), 1u);
    EXPECT_EQ(scene.sounding, scene.visible);
    EXPECT_EQ(cv::countNonZero(scene.mask == 255),
              cv::countNonZero(scene.labels == scene.visible[0]));
    EXPECT_GT(cv::countNonZero(scene.mask == 128), 0) << "the rim is ignored";
    EXPECT_NEAR(rms(scene.audio), 0.1, 0.001);
    // Nothing but resizing: the corners of the photograph are the corners of the scene.
    EXPECT_DOUBLE_EQ(scene.scene_to_photo(0, 0), 120 / 64.0);
    EXPECT_DOUBLE_EQ(scene.scene_to_photo(1, 1), 90 / 64.0);
    for (std::size_t i = 0; i < material_.photos().size(); ++i) {
      if (material_.photos()[i].id != scene.photo_id) continue;
      cv::Mat resized;
      cv::resize(material_.photo(static_cast<int>(i)).rgb, resized, {64, 64}, 0, 0, cv::INTER_AREA);
      EXPECT_TRUE(same(scene.image, resized));
      EXPECT_EQ(scene.plain_background, material_.photos()[i].plain_background);
    }
  }
  EXPECT_EQ(seen.size(), 12u);
  EXPECT_EQ(evaluation.scene(EvaluationKind::kSingle, 12).photo_id,
            evaluation.scene(EvaluationKind::kSingle, 0).photo_id);
}

TEST_F(EvaluationScenesTest, MultiShowsSeveralOfWhichOneOrTwoSound) {
  const EvaluationScenes evaluation(material_, options_);
  for (int i = 0; i < 40; ++i) {
    const Scene scene = evaluation.scene(EvaluationKind::kMulti, i);
    EXPECT_GE(scene.visible.size(), 2u);
    EXPECT_LE(scene.visible.size(), 3u);
    EXPECT_EQ(scene.sounding.size(), i % 2 == 0 ? 1u : 2u);
    EXPECT_GT(cv::countNonZero(scene.mask == 255), 40);
    EXPECT_GT(cv::countNonZero((scene.mask == 0) & (scene.labels > 0)), i % 2 == 0 ? 40 : -1);
  }
}

TEST_F(EvaluationScenesTest, SwapsShareThePictureAndNothingElse) {
  const EvaluationScenes evaluation(material_, options_);
  for (int k = 0; k < 20; ++k) {
    const Scene first = evaluation.scene(EvaluationKind::kSwap, 2 * k);
    const Scene second = evaluation.scene(EvaluationKind::kSwap, 2 * k + 1);
    EXPECT_TRUE(same(first.image, second.image));
    EXPECT_TRUE(same(first.labels, second.labels));
    ASSERT_EQ(first.sounding.size(), 1u);
    ASSERT_EQ(second.sounding.size(), 1u);
    EXPECT_NE(first.sounding, second.sounding);
    EXPECT_EQ(cv::countNonZero((first.mask == 255) & (second.mask == 255)), 0);
    EXPECT_NE(first.audio, second.audio);
  }
}

TEST_F(EvaluationScenesTest, SilenceIsSilent) {
  const EvaluationScenes evaluation(material_, options_);
  for (int i = 0; i < 12; ++i) {
    const Scene scene = evaluation.scene(EvaluationKind::kSilence, i);
    EXPECT_FALSE(scene.visible.empty());
    EXPECT_TRUE(scene.sounding.empty());
    EXPECT_EQ(cv::countNonZero(scene.mask), 0);
    EXPECT_EQ(scene.photo_id.empty(), i % 2 == 1);
    EXPECT_NEAR(rms(scene.audio), i % 4 < 2 ? 0 : from_db(-70), 1e-6);
  }
}

TEST_F(EvaluationScenesTest, OffscreenSoundsAreOfNothingInThePicture) {
  const EvaluationScenes evaluation(material_, options_);
  for (int i = 0; i < 40; ++i) {
    const Scene scene = evaluation.scene(EvaluationKind::kOffscreen, i);
    ASSERT_EQ(scene.sounding.size(), 1u);
    EXPECT_EQ(cv::countNonZero(scene.labels == scene.sounding[0]), 0);
    EXPECT_EQ(cv::countNonZero(scene.mask), 0);
    for (const int seen : scene.visible) {
      EXPECT_FALSE(material_.taxonomy().may_sound_like(seen, scene.sounding[0]));
    }
  }
}

TEST_F(EvaluationScenesTest, IsTheSameEveryTimeAndOtherwiseWithAnotherSeed) {
  const EvaluationScenes evaluation(material_, options_), again(material_, options_);
  EvaluationOptions other_options = options_;
  other_options.seed = 2;
  const EvaluationScenes other(material_, other_options);
  int different = 0;
  for (const char* name : {"single", "multi", "swap", "silence", "offscreen"}) {
    const EvaluationKind kind = evaluation_kind(name);
    for (int i = 0; i < 6; ++i) {
      const Scene a = evaluation.scene(kind, i), b = again.scene(kind, i), c = other.scene(kind, i);
      EXPECT_TRUE(same(a.image, b.image));
      EXPECT_TRUE(same(a.mask, b.mask));
      EXPECT_EQ(a.audio, b.audio);
      different += same(a.image, c.image) ? 0 : 1;
    }
  }
  EXPECT_GT(different, 20);
}

TEST_F(EvaluationScenesTest, SaysWhatTheSplitLacks) {
  EvaluationOptions options = options_;
  options.size = 1;
  EXPECT_THROW(EvaluationScenes(material_, options), SceneError);
  options = options_;
  options.min_visible = 1;
  EXPECT_THROW(EvaluationScenes(material_, options), SceneError);

  // Only cats: no second class, no photograph, no other sound.
  const auto folder = tiny_.dir() / "cats";
  ::lightavseg::testing::write_text(
      folder / "manifest.csv",
      "file,class,type\n../cutout-material/cutouts/kitten/kitten0.png,cat,cutout\n"
      "../cutout-material/sounds/kitten/kitten_sound.wav,cat,sound\n");
  const Material cats = Material::load(folder, ::lightavseg::testing::tiny_taxonomy());
  const EvaluationScenes evaluation(cats, options_);
  EXPECT_EQ(evaluation.single_photographs(), 0);
  for (const char* name : {"single", "multi", "swap", "silence", "offscreen"}) {
    EXPECT_THROW(evaluation.scene(evaluation_kind(name), 0), SceneError) << name;
  }
  EXPECT_THROW(evaluation.scene(EvaluationKind::kSingle, -1), SceneError);
}

}  // namespace
}  // namespace lightavseg
