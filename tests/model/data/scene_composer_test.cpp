// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/scene_composer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <opencv2/imgproc.hpp>
#include <set>
#include <thread>

#include "tests/model/data/tiny_material.h"

namespace lightavseg {
namespace {

using testing::TinyMaterial;

bool same(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && a.type() == b.type() && cv::norm(a, b, cv::NORM_INF) == 0;
}

bool same(const Scene& a, const Scene& b) {
  return same(a.image, b.image) && same(a.mask, b.mask) && same(a.labels, b.labels) &&
         a.audio == b.audio && a.visible == b.visible && a.sounding == b.sounding &&
         a.kind == b.kind && a.photo_id == b.photo_id && a.scene_to_photo == b.scene_to_photo;
}

bool contains(const std::vector<int>& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

double level(const std::vector<float>& audio) {
  return rms(audio);
}

class SceneComposerTest : public ::testing::Test {
 protected:
  SceneComposerTest()
      : material_(Material::load(tiny_.dir(), ::lightavseg::testing::tiny_taxonomy())) {
    options_.size = 64;
  }

  TinyMaterial tiny_;
  Material material_;
  SceneOptions options_;
};

TEST_F(SceneComposerTest, IsAFunctionOfSeedAndIndexOnAnyNumberOfThreads) {
  const SceneComposer composer(material_, options_);
  constexpr int kCount = 40;
  std::vector<Scene> alone, shared(kCount);
  for (int i = 0; i < kCount; ++i) alone.push_back(composer.compose(3, static_cast<unsigned>(i)));

  const Material again = Material::load(tiny_.dir(), ::lightavseg::testing::tiny_taxonomy());
  const SceneComposer other(again, options_);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = kCount - 1 - t; i >= 0; i -= 4) {
        shared[static_cast<std::size_t>(i)] = other.compose(3, static_cast<unsigned>(i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < kCount; ++i) EXPECT_TRUE(same(alone[i], shared[i])) << i;
  EXPECT_FALSE(same(composer.compose(3, 0), composer.compose(4, 0)));
  EXPECT_FALSE(same(composer.compose(3, 0), composer.compose(3, 1)));
}

TEST_F(SceneComposerTest, LabelsMasksAndSoundsAgree) {
  const SceneComposer composer(material_, options_);
  const Taxonomy& taxonomy = material_.taxonomy();
  for (std::uint64_t i = 0; i < 400; ++i) {
    const Scene scene = composer.compose(1, i);
    ASSERT_EQ(scene.image.size(), cv::Size(64, 64));
    ASSERT_EQ(scene.image.type(), CV_8UC3);
    ASSERT_EQ(scene.mask.type(), CV_8UC1);
    ASSERT_EQ(scene.audio.size(), static_cast<std::size_t>(kSceneSamples));
    for (const float sample : scene.audio) {
      ASSERT_TRUE(std::isfinite(sample));
      ASSERT_LE(std::abs(sample), 1.0f);
    }
    std::set<int> labels;
    int sounding_pixels = 0;
    for (int y = 0; y < 64; ++y) {
      for (int x = 0; x < 64; ++x) {
        const int mask = scene.mask.at<std::uint8_t>(y, x);
        const int label = scene.labels.at<std::uint8_t>(y, x);
        labels.insert(label);
        ASSERT_TRUE(label <= taxonomy.visible_count() || label == 255);
        ASSERT_TRUE(mask == 0 || mask == 128 || mask == 255);
        if (label == 255) {
          ASSERT_NE(mask, 255);
        } else {
          ASSERT_EQ(mask, contains(scene.sounding, label) ? 255 : 0);
        }
        sounding_pixels += mask == 255 ? 1 : 0;
      }
    }
    for (const int cls : scene.visible) ASSERT_EQ(labels.count(cls), 1u);
    ASSERT_TRUE(std::is_sorted(scene.sounding.begin(), scene.sounding.end()));
    int visible_and_sounding = 0;
    for (const int cls : scene.sounding) {
      ASSERT_TRUE(material_.audible(cls));
      visible_and_sounding += contains(scene.visible, cls) ? 1 : 0;
    }
    switch (scene.kind) {
      case SoundKind::kOneVisible:
        EXPECT_EQ(visible_and_sounding, 1);
        EXPECT_GT(sounding_pixels, 0);
        EXPECT_LE(scene.sounding.size(), 2u) << "at most one absent class beside";
        break;
      case SoundKind::kTwoVisible:
        EXPECT_EQ(visible_and_sounding, 2);
        EXPECT_EQ(scene.sounding.size(), 2u);
        break;
      case SoundKind::kAbsent:
      case SoundKind::kOther:
      case SoundKind::kSilence:
        EXPECT_EQ(sounding_pixels, 0) << to_string(scene.kind);
        for (const int cls : scene.sounding) EXPECT_EQ(labels.count(cls), 0u);
        break;
    }
    if (scene.kind == SoundKind::kSilence) {
      EXPECT_TRUE(scene.sounding.empty());
      EXPECT_LT(level(scene.audio), from_db(-54));
      EXPECT_EQ(cv::countNonZero(scene.mask), 0);
    } else {
      EXPECT_GT(level(scene.audio), 1e-4) << to_string(scene.kind);
    }
  }
}

TEST_F(SceneComposerTest, NothingThatMaySoundLikeAVisibleThingCountsAsAbsent) {
  options_.absent = 1;
  options_.one_visible = options_.two_visible = options_.other = options_.silence = 0;
  const SceneComposer composer(material_, options_);
  const Taxonomy& taxonomy = material_.taxonomy();
  int checked = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const Scene scene = composer.compose(2, i);
    for (const int heard : scene.sounding) {
      for (const int seen : scene.visible) {
        EXPECT_FALSE(taxonomy.may_sound_like(seen, heard))
            << taxonomy.class_name(seen) << " seen, " << taxonomy.class_name(heard) << " heard";
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 200);
}

TEST_F(SceneComposerTest, HalfOfTheAbsentSoundsAreConfusable) {
  options_.absent = 1;
  options_.one_visible = options_.two_visible = options_.other = options_.silence = 0;
  options_.confusable = 1;
  const SceneComposer composer(material_, options_);
  const Taxonomy& taxonomy = material_.taxonomy();
  const int cat = taxonomy.find("cat");
  int cats = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const Scene scene = composer.compose(2, i);
    if (scene.visible != std::vector<int>{cat} || scene.sounding.empty()) continue;
    ++cats;
    EXPECT_TRUE(contains(taxonomy.confusable_with(cat), scene.sounding.front()));
  }
  EXPECT_GT(cats, 5);
}

TEST_F(SceneComposerTest, WhatSoundsFollowsTheWeights) {
  const SceneComposer composer(material_, options_);
  std::map<SoundKind, int> counts;
  const int total = 1500;
  for (std::uint64_t i = 0; i < total; ++i) ++counts[composer.compose(5, i).kind];
  const auto share = [&](SoundKind kind) { return counts[kind] / static_cast<double>(total); };
  EXPECT_NEAR(share(SoundKind::kOneVisible), 0.47, 0.07);
  EXPECT_NEAR(share(SoundKind::kTwoVisible), 0.13, 0.05);
  EXPECT_NEAR(share(SoundKind::kAbsent), 0.25, 0.08);
  EXPECT_NEAR(share(SoundKind::kOther), 0.05, 0.02);
  EXPECT_NEAR(share(SoundKind::kSilence), 0.08, 0.03);
}

TEST_F(SceneComposerTest, PairsShareThePictureAndDifferInWhatSounds) {
  options_.pairs = true;
  const SceneComposer composer(material_, options_);
  int swaps = 0;
  for (std::uint64_t k = 0; k < 120; ++k) {
    const Scene even = composer.compose(6, 2 * k), odd = composer.compose(6, 2 * k + 1);
    EXPECT_TRUE(same(even.image, odd.image));
    EXPECT_TRUE(same(even.labels, odd.labels));
    EXPECT_EQ(even.visible, odd.visible);
    EXPECT_TRUE(even.sounding != odd.sounding || even.sounding.empty());
    EXPECT_NE(even.audio, odd.audio);
    const auto [first, second] = composer.compose_pair(6, k);
    EXPECT_TRUE(same(first, even));
    EXPECT_TRUE(same(second, odd));
    swaps += even.kind == SoundKind::kOneVisible && odd.kind == SoundKind::kOneVisible ? 1 : 0;
  }
  EXPECT_GT(swaps, 10);
}

TEST_F(SceneComposerTest, ScenesOfOnePhotographNameIt) {
  options_.photograph = 1;
  options_.two_visible = 0;
  options_.image.colour = options_.image.grey = options_.image.blur = options_.image.motion_blur =
      options_.image.rescale = options_.image.noise = options_.image.jpeg = 0;
  const SceneComposer composer(material_, options_);
  std::set<std::string> known;
  for (const Photo& photo : material_.photos()) known.insert(photo.id);
  int plain = 0;
  for (std::uint64_t i = 0; i < 60; ++i) {
    const Scene scene = composer.compose(7, i);
    ASSERT_EQ(known.count(scene.photo_id), 1u);
    plain += scene.plain_background ? 1 : 0;
    // Labels at the four corners of the map stay inside of the photograph.
    for (const cv::Point p : {cv::Point(0, 0), cv::Point(63, 63)}) {
      const cv::Vec2d at = scene.scene_to_photo * cv::Vec3d(p.x, p.y, 1);
      EXPECT_GE(at[0], -0.5);
      EXPECT_LE(at[0], 119.5);
      EXPECT_GE(at[1], -0.5);
      EXPECT_LE(at[1], 89.5);
    }
  }
  EXPECT_GT(plain, 2);
  EXPECT_LT(plain, 30);
  options_.photograph = 0;
  const SceneComposer composites(material_, options_);
  for (std::uint64_t i = 0; i < 30; ++i) {
    EXPECT_TRUE(composites.compose(7, i).photo_id.empty());
  }
}

TEST_F(SceneComposerTest, InstrumentsAreHeldByPersonsWithBothLabelled) {
  options_.photograph = 0;
  options_.on_photograph = 1;
  options_.side_by_side = 0;
  options_.base_is_person = 1;
  options_.held = 1;
  const SceneComposer composer(material_, options_);
  const Taxonomy& taxonomy = material_.taxonomy();
  int both = 0;
  for (std::uint64_t i = 0; i < 40; ++i) {
    const Scene scene = composer.compose(8, i);
    const bool person = contains(scene.visible, taxonomy.find("person"));
    const bool instrument = contains(scene.visible, taxonomy.find("guitar")) ||
                            contains(scene.visible, taxonomy.find("banjo"));
    both += person && instrument ? 1 : 0;
  }
  EXPECT_GT(both, 30);
}

TEST_F(SceneComposerTest, VisualScenesComeFromAllSources) {
  const SceneComposer composer(material_, options_);
  int photos = 0, pool = 0, composites = 0;
  for (std::uint64_t i = 0; i < 90; ++i) {
    const VisualScene scene = composer.compose_visual(9, i);
    const VisualScene again = composer.compose_visual(9, i);
    EXPECT_TRUE(same(scene.image, again.image));
    EXPECT_TRUE(same(scene.labels, again.labels));
    EXPECT_TRUE(std::is_sorted(scene.image_classes.begin(), scene.image_classes.end()));
    if (scene.photo_id.empty()) {
      ++composites;
    } else if (scene.photo_id.find("visual-pool") == 0) {
      ++pool;
      if (scene.photo_id.find("axe") != std::string::npos) {
        EXPECT_TRUE(contains(scene.image_classes, material_.taxonomy().find("guitar")));
      }
    } else {
      ++photos;
    }
  }
  EXPECT_GT(photos, 15);
  EXPECT_GT(pool, 15);
  EXPECT_GT(composites, 15);
}

TEST_F(SceneComposerTest, ScenesMayShowThePool) {
  options_.pool = 0.5;
  const SceneComposer composer(material_, options_);
  int pool = 0;
  for (std::uint64_t i = 0; i < 120; ++i) {
    const Scene scene = composer.compose(9, i);
    if (scene.photo_id.find("visual-pool") != 0) continue;
    ++pool;
    EXPECT_NE(scene.kind, SoundKind::kTwoVisible);
    if (scene.photo_id.find("axe") == std::string::npos) continue;
    // It promises a guitar that it does not label, so none may be said to be out of sight.
    const int guitar = material_.taxonomy().find("guitar");
    EXPECT_TRUE(contains(scene.visible, guitar));
    EXPECT_FALSE(scene.kind == SoundKind::kAbsent && contains(scene.sounding, guitar));
  }
  EXPECT_GT(pool, 30);
  EXPECT_LT(pool, 70);
}

TEST_F(SceneComposerTest, ObjectScaleEnlargesWhatIsPasted) {
  options_.photograph = options_.on_photograph = options_.side_by_side = 0;
  options_.two_objects = options_.three_objects = options_.distractor = 0;
  const auto share = [&](double scale) {
    options_.object_scale = scale;
    const SceneComposer composer(material_, options_);
    double sum = 0;
    for (std::uint64_t i = 0; i < 60; ++i) {
      const Scene scene = composer.compose(10, i);
      sum += cv::countNonZero((scene.labels > 0) & (scene.labels < 255)) / (60.0 * 64 * 64);
    }
    return sum;
  };
  const double small = share(0.5), plain = share(1), large = share(2);
  EXPECT_LT(small, 0.5 * plain);
  EXPECT_GT(large, 1.15 * plain);
}

TEST_F(SceneComposerTest, SqueezedPicturesAreHigher) {
  options_.photograph = options_.on_photograph = options_.side_by_side = 0;
  options_.two_objects = options_.three_objects = options_.distractor = 0;
  const auto shape = [&](double squeezed) {
    options_.squeezed = squeezed;
    const SceneComposer composer(material_, options_);
    double width = 0, height = 0;
    for (std::uint64_t i = 0; i < 60; ++i) {
      const Scene scene = composer.compose(10, i);
      EXPECT_EQ(scene.image.size(), cv::Size(64, 64));
      EXPECT_EQ(scene.labels.size(), cv::Size(64, 64));
      const cv::Rect box = cv::boundingRect((scene.labels > 0) & (scene.labels < 255));
      width += box.width;
      height += box.height;
    }
    return height / width;
  };
  EXPECT_GT(shape(1), 1.15 * shape(0));
}

TEST_F(SceneComposerTest, AudioScenesNameTheirClasses) {
  const SceneComposer composer(material_, options_);
  const Taxonomy& taxonomy = material_.taxonomy();
  int counts[3] = {};
  for (std::uint64_t i = 0; i < 300; ++i) {
    const AudioScene scene = composer.compose_audio(10, i);
    ASSERT_EQ(scene.targets.size(), static_cast<std::size_t>(taxonomy.class_count()) + 1);
    EXPECT_EQ(scene.targets[0], 0);
    std::vector<int> classes;
    for (std::size_t cls = 0; cls < scene.targets.size(); ++cls) {
      if (scene.targets[cls] > 0) classes.push_back(static_cast<int>(cls));
    }
    ASSERT_LE(classes.size(), 2u);
    ++counts[classes.size()];
    for (const int cls : classes) EXPECT_TRUE(material_.audible(cls));
    if (classes.size() == 2) {
      EXPECT_FALSE(taxonomy.may_sound_like(classes[0], classes[1]));
      EXPECT_FALSE(taxonomy.may_sound_like(classes[1], classes[0]));
    }
    EXPECT_GT(level(scene.audio), 0);
    EXPECT_EQ(scene.audio, composer.compose_audio(10, i).audio);
  }
  EXPECT_NEAR(counts[1], 180, 35);
  EXPECT_NEAR(counts[2], 84, 30);
  EXPECT_NEAR(counts[0], 36, 20);
}

TEST_F(SceneComposerTest, AudioScenesAreOfAsManyClassesAsTheOptionsSay) {
  const auto count = [&](double two, double none) {
    SceneOptions options = options_;
    options.two_sounds = two;
    options.only_noise = none;
    const SceneComposer composer(material_, options);
    std::array<int, 3> counts{};
    for (std::uint64_t i = 0; i < 40; ++i) {
      const auto targets = composer.compose_audio(10, i).targets;
      ++counts.at(static_cast<std::size_t>(std::count(targets.begin(), targets.end(), 1.0f)));
    }
    return counts;
  };
  EXPECT_EQ(count(1, 0), (std::array<int, 3>{0, 0, 40}));
  EXPECT_EQ(count(0, 0), (std::array<int, 3>{0, 40, 0}));
  EXPECT_EQ(count(0, 1), (std::array<int, 3>{40, 0, 0}));
}

TEST_F(SceneComposerTest, WorksWithCutoutsAlone) {
  MaterialOptions how;
  const Material cutouts =
      Material::load(tiny_.dir() / "cutout-material", ::lightavseg::testing::tiny_taxonomy(), how);
  const SceneComposer composer(cutouts, options_);
  for (std::uint64_t i = 0; i < 60; ++i) {
    EXPECT_EQ(composer.compose(11, i).image.size(), cv::Size(64, 64));
    EXPECT_FALSE(composer.compose_visual(11, i).image.empty());
  }
}

TEST_F(SceneComposerTest, WorksWithoutBackgroundsAndNoise) {
  MaterialOptions how;
  how.split = "test";
  const Material photographs =
      Material::load(tiny_.dir() / "avs-material", ::lightavseg::testing::tiny_taxonomy(), how);
  ASSERT_TRUE(photographs.backdrops().empty());
  const SceneComposer composer(photographs, options_);
  for (std::uint64_t i = 0; i < 60; ++i) {
    EXPECT_FALSE(composer.compose(12, i).visible.empty());
  }
}

TEST_F(SceneComposerTest, RefusesOptionsWithoutSense) {
  const auto message = [&](const SceneOptions& options) -> std::string {
    try {
      SceneComposer composer(material_, options);
    } catch (const SceneError& error) {
      return error.what();
    }
    return "";
  };
  SceneOptions options = options_;
  EXPECT_EQ(message(options), "");
  options.size = 3;
  EXPECT_NE(message(options).find("size is 3"), std::string::npos);
  options = options_;
  options.confusable = 1.5;
  EXPECT_NE(message(options).find("confusable is 1.5"), std::string::npos);
  options = options_;
  options.on_photograph = 0.8;
  options.side_by_side = 0.4;
  EXPECT_NE(message(options).find("on_photograph + side_by_side"), std::string::npos);
  options = options_;
  options.squeezed = 2;
  EXPECT_NE(message(options).find("squeezed is 2"), std::string::npos);
  options = options_;
  options.two_sounds = 0.7;
  options.only_noise = 0.4;
  EXPECT_NE(message(options).find("two_sounds + only_noise"), std::string::npos);
  options = options_;
  options.pool = -0.1;
  EXPECT_NE(message(options).find("pool is -0.1"), std::string::npos);
  options = options_;
  options.object_scale = 3;
  EXPECT_NE(message(options).find("object_scale is 3"), std::string::npos);
  options = options_;
  options.silence = -1;
  EXPECT_NE(message(options).find("must not be negative"), std::string::npos);
  options = options_;
  options.one_visible = options.two_visible = options.absent = options.other = options.silence = 0;
  EXPECT_NE(message(options).find("above zero"), std::string::npos);
  options = options_;
  options.crop.min_area = 0;
  EXPECT_NE(message(options).find("min_area"), std::string::npos);
  options = options_;
  options.crop.max_aspect = 0.1;
  EXPECT_NE(message(options).find("min_aspect"), std::string::npos);
}

TEST_F(SceneComposerTest, RefusesMaterialWithoutPictures) {
  ::lightavseg::testing::write_text(tiny_.dir() / "cutout-material" / "manifest.csv",
                                    "file,class,type\nnoise/water0.wav,,noise\n");
  const Material sounds =
      Material::load(tiny_.dir() / "cutout-material", ::lightavseg::testing::tiny_taxonomy());
  EXPECT_THROW(SceneComposer(sounds, options_), SceneError);
}

}  // namespace
}  // namespace lightavseg
