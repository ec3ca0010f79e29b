// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/clip_composer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

#include "model/data/augment.h"
#include "model/data/clip_layer.h"
#include "model/data/clip_soundtrack.h"
#include "model/data/clip_truth.h"
#include "tests/model/data/tiny_material.h"

namespace lightavseg {
namespace {

template <typename Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const ClipError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no ClipError was thrown";
  return "";
}

class ClipComposerTest : public ::testing::Test {
 protected:
  ClipComposerTest()
      : taxonomy_(testing::tiny_taxonomy()),
        material_(Material::load(files_.dir(), taxonomy_)),
        composer_(material_) {
    options_.size = {160, 90};
    options_.wanted_objects = {"person", "guitar"};
    options_.wanted_absent = "wolf";
  }

  Clip clip(std::uint64_t seed = 1) { return composer_.compose(options_, seed); }
  std::string refused() {
    return error_of([&] { clip(); });
  }
  static double level(const std::vector<float>& audio, double from_s, double to_s) {
    return rms({audio.begin() + static_cast<std::ptrdiff_t>(from_s * kSceneSampleRate),
                audio.begin() + static_cast<std::ptrdiff_t>(to_s * kSceneSampleRate)});
  }

  testing::TinyMaterial files_;
  Taxonomy taxonomy_;
  Material material_;
  ClipComposer composer_;
  ClipOptions options_;
};

TEST_F(ClipComposerTest, SectionsSoundOneAfterTheOther) {
  const Clip c = clip();
  ASSERT_EQ(c.sections().size(), 4u);
  EXPECT_DOUBLE_EQ(c.seconds(), 14);
  const int person = taxonomy_.find("person"), guitar = taxonomy_.find("guitar");
  EXPECT_EQ(c.sounding(1), std::vector<int>{person});
  EXPECT_EQ(c.sounding(3.5), std::vector<int>{guitar});
  EXPECT_EQ(c.sounding(8), std::vector<int>{});
  EXPECT_EQ(c.sounding(13.9), std::vector<int>{taxonomy_.find("wolf")});
  EXPECT_EQ(c.sounding(14), std::vector<int>{});
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_DOUBLE_EQ(c.sections()[i].start_s, c.sections()[i - 1].end_s);
  }
}

TEST_F(ClipComposerTest, SoundIsLoudWhereSomethingSoundsAndSilentWhereNothingDoes) {
  const Clip c = clip();
  ASSERT_EQ(c.audio().size(), 14u * kSceneSampleRate);
  for (const double start : {0.1, 3.7, 10.7}) {
    EXPECT_NEAR(20 * std::log10(level(c.audio(), start, start + 3)), -20, 2) << start;
  }
  EXPECT_EQ(level(c.audio(), 7.1, 10.4), 0);
  for (const float sample : c.audio()) ASSERT_LE(std::abs(sample), 1.0f);
}

TEST_F(ClipComposerTest, CrossfadesAreShort) {
  const Clip c = clip();
  // 30 ms after the last object stops, nothing is left of it.
  EXPECT_GT(level(c.audio(), 6.90, 6.96), 0.01);
  EXPECT_EQ(level(c.audio(), 7.031, 7.05), 0);
}

TEST_F(ClipComposerTest, FilesAreThoseOfTheClasses) {
  const Clip c = clip();
  const auto starts = [](const std::string& id, const std::string& folder) {
    return id.find(folder) != std::string::npos;
  };
  for (const std::string& id : c.sections()[0].sound_ids) {
    EXPECT_TRUE(starts(id, "sounds/person/") || starts(id, "speech/")) << id;
  }
  ASSERT_FALSE(c.sections()[1].sound_ids.empty());
  EXPECT_TRUE(starts(c.sections()[1].sound_ids[0], "sounds/guitar/"));
  EXPECT_TRUE(c.sections()[2].sound_ids.empty());
  EXPECT_FALSE(c.background_id().empty());
}

TEST_F(ClipComposerTest, ObjectsStandSideBySideAndMove) {
  const Clip c = clip();
  ASSERT_EQ(c.objects().size(), 2u);
  const auto first = object_boxes(c, 0);
  ASSERT_EQ(first.size(), 2u);
  const cv::Rect left = first.at(c.objects()[0].cls), right = first.at(c.objects()[1].cls);
  EXPECT_LT(left.x + left.width / 2, 80);
  EXPECT_GT(right.x + right.width / 2, 80);
  double way = 0;
  cv::Rect before = left;
  for (double t = 0; t < 14; t += 1) {
    const auto boxes = object_boxes(c, t);
    ASSERT_EQ(boxes.size(), 2u) << t;
    for (const auto& [cls, box] : boxes) EXPECT_GT(box.area(), 160 * 90 / 50) << cls;
    const cv::Rect now = boxes.at(c.objects()[0].cls);
    way += std::abs(now.x - before.x) + std::abs(now.y - before.y);
    before = now;
  }
  EXPECT_GT(way, 4);
  // Gently: never far from one picture to the next.
  for (double t = 0; t < 14; t += 0.04) {
    const cv::Rect a = object_boxes(c, t).at(c.objects()[1].cls);
    const cv::Rect b = object_boxes(c, t + 0.04).at(c.objects()[1].cls);
    ASSERT_LE(std::abs(a.x - b.x) + std::abs(a.y - b.y), 4) << t;
  }
}

TEST_F(ClipComposerTest, SeedsDecide) {
  options_.wanted_objects = {};
  options_.wanted_absent = "";
  const Clip a = clip(3), b = clip(3), other = clip(4);
  EXPECT_EQ(a.audio(), b.audio());
  EXPECT_EQ(cv::countNonZero(a.picture(2).rgb.reshape(1) != b.picture(2).rgb.reshape(1)), 0);
  EXPECT_NE(a.audio(), other.audio());
}

TEST_F(ClipComposerTest, DrawnObjectsDoNotSoundAlike) {
  options_.wanted_objects = {};
  options_.wanted_absent = "";
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Clip c = clip(seed);
    const int a = c.objects()[0].cls, b = c.objects()[1].cls;
    EXPECT_NE(a, b);
    EXPECT_FALSE(taxonomy_.may_sound_like(a, b) || taxonomy_.may_sound_like(b, a));
    for (const int absent : c.sections()[3].classes) {
      EXPECT_FALSE(taxonomy_.may_sound_like(a, absent) || taxonomy_.may_sound_like(b, absent));
    }
  }
}

TEST_F(ClipComposerTest, FilesCanBeNamed) {
  options_.wanted_objects = {"dog/dog2.png", "electric_guitar/eg1.png"};
  options_.wanted_background = "hall3.png";
  options_.wanted_absent = "siren";  // a wolf might be the dog
  options_.wanted_sounds = {"guitar/guitar2.wav"};
  const Clip c = clip();
  EXPECT_EQ(c.objects()[0].id, "avs-material/images/dog/dog2.png");
  EXPECT_EQ(c.objects()[1].id, "cutout-material/cutouts/electric_guitar/eg1.png");
  EXPECT_EQ(c.background_id(), "cutout-material/backgrounds/hall3.png");
  EXPECT_EQ(c.sections()[1].sound_ids,
            std::vector<std::string>{"avs-material/sounds/guitar/guitar2.wav"});
}

TEST_F(ClipComposerTest, OneObjectMayBeAPhotograph) {
  options_.objects = 1;
  options_.photograph = 1;
  options_.wanted_objects = {"cat"};
  options_.parts = {{ClipSound::kFirst, 2}};
  const Clip c = clip();
  ASSERT_EQ(c.objects().size(), 1u);
  EXPECT_EQ(c.objects()[0].id.find("avs-material/images/cat/"), 0u);
  EXPECT_TRUE(c.background_id().empty());
  const Canvas canvas = c.picture(0.5);
  EXPECT_GT(cv::countNonZero(canvas.labels == c.objects()[0].cls), 100);
}

TEST_F(ClipComposerTest, TruthNamesEverything) {
  const Clip c = clip();
  const auto truth = nlohmann::json::parse(clip_truth_json(c, taxonomy_));
  EXPECT_EQ(truth["width"], 160);
  EXPECT_EQ(truth["seconds"], 14.0);
  EXPECT_EQ(truth["objects"][0]["class"], "person");
  EXPECT_EQ(truth["objects"][1]["file"], c.objects()[1].id);
  ASSERT_EQ(truth["sections"].size(), 4u);
  EXPECT_EQ(truth["sections"][1]["sound"], "second");
  EXPECT_EQ(truth["sections"][1]["classes"][0], "guitar");
  EXPECT_EQ(truth["sections"][1]["boxes"].size(), 1u);
  EXPECT_TRUE(truth["sections"][2]["boxes"].empty());
  EXPECT_TRUE(truth["sections"][3]["boxes"].empty());
  EXPECT_EQ(truth["boxes"].size(), 70u);
  // The box of a section holds those of its moments.
  const auto hull = truth["sections"][1]["boxes"]["guitar"];
  for (const auto& moment : truth["boxes"]) {
    const double t = moment["time_s"];
    if (t < 3.5 || t >= 7) continue;
    const auto box = moment["boxes"]["guitar"];
    EXPECT_GE(box[0], hull[0]);
    EXPECT_GE(box[1], hull[1]);
    EXPECT_LE(int(box[0]) + int(box[2]), int(hull[0]) + int(hull[2]));
    EXPECT_LE(int(box[1]) + int(box[3]), int(hull[1]) + int(hull[3]));
  }
}

TEST_F(ClipComposerTest, ErrorsNameWhatIsWrong) {
  const ClipOptions good = options_;
  const auto with = [&](auto change) {
    options_ = good;
    change(options_);
    return refused();
  };
  using O = ClipOptions;
  EXPECT_NE(with([](O& o) { o.size = {16, 90}; }).find("32 to 4096"), std::string::npos);
  EXPECT_NE(with([](O& o) { o.objects = 3; }).find("1 or 2"), std::string::npos);
  EXPECT_NE(with([](O& o) { o.objects = 1; }).find("named"), std::string::npos);
  EXPECT_NE(with([](O& o) { o.parts = {}; }).find("section"), std::string::npos);
  EXPECT_NE(with([](O& o) { o.parts[0].seconds = 0; }).find("0.2"), std::string::npos);
  EXPECT_NE(with([](O& o) {
              o.objects = 1;
              o.wanted_objects = {};
            }).find("'second' needs two"),
            std::string::npos);
  EXPECT_NE(with([](O& o) { o.wanted_objects = {"unicorn"}; }).find("'unicorn'"),
            std::string::npos);
  EXPECT_NE(with([](O& o) { o.wanted_objects = {"dog", "dog"}; }).find("both"), std::string::npos);
  EXPECT_NE(with([](O& o) { o.wanted_objects = {"0.png"}; }).find("more of its path"),
            std::string::npos);
  EXPECT_NE(with([](O& o) { o.wanted_background = "moon.png"; }).find("'moon.png'"),
            std::string::npos);
  EXPECT_NE(with([](O& o) { o.wanted_sounds = {"moo.wav"}; }).find("'moo.wav'"), std::string::npos);
  EXPECT_NE(with([](O& o) { o.wanted_sounds = {"cat/cat0.wav"}; }).find("not heard"),
            std::string::npos);
  EXPECT_NE(with([](O& o) { o.wanted_absent = "guitar"; }).find("may come from the picture"),
            std::string::npos);
  EXPECT_NE(with([](O& o) { o.wanted_absent = "bus"; }).find("'bus'"), std::string::npos);
}

TEST_F(ClipComposerTest, SectionNames) {
  for (const ClipSound sound : {ClipSound::kFirst, ClipSound::kSecond, ClipSound::kBoth,
                                ClipSound::kSilence, ClipSound::kAbsent}) {
    EXPECT_EQ(clip_sound(to_string(sound)), sound);
  }
  EXPECT_NE(error_of([] { clip_sound("loud"); }).find("absent"), std::string::npos);
}

TEST(ClipSoundtrackTest, QuietEndsAreCutOff) {
  SoundSamples sound;
  sound.samples.assign(48000, 0);
  for (int i = 16000; i < 24000; ++i) {
    sound.samples[static_cast<std::size_t>(i)] =
        static_cast<std::int16_t>(i % 40 < 20 ? 9000 : -9000);
  }
  const auto part = audible_part({}, sound, 50000);
  EXPECT_NEAR(static_cast<double>(part.size()), 8000, 640);
  EXPECT_GT(rms(part), 0.2);
}

TEST(ClipSoundtrackTest, LongSoundsStartAtTheirClearestSecond) {
  SoundSamples sound;
  for (int i = 0; i < 64000; ++i) {
    const int loud = i >= 24000 && i < 40000 ? 20000 : 1000;
    sound.samples.push_back(static_cast<std::int16_t>(i % 40 < 20 ? loud : -loud));
  }
  const auto part = audible_part({}, sound, 16000);
  ASSERT_EQ(part.size(), 16000u);
  EXPECT_NEAR(rms(part), 20000 / 32768.0, 0.01);
  // The audit knows better.
  SoundClip clip;
  clip.best_windows = {3};
  EXPECT_NEAR(rms(audible_part(clip, sound, 16000)), 1000 / 32768.0, 0.001);
  // Not so late that it would end early.
  EXPECT_EQ(audible_part(clip, sound, 60000).size(), 60000u);
}

TEST_F(ClipComposerTest, ShortCallsHavePauses) {
  // 1.2 s each.
  std::vector<int> calls;
  for (std::size_t i = 0; i < material_.sounds().size(); ++i) {
    if (material_.sounds()[i].id.find("speech/") != std::string::npos) {
      calls.push_back(static_cast<int>(i));
    }
  }
  ASSERT_GE(calls.size(), 2u);
  std::vector<std::string> used;
  const auto row = lay_in_a_row(material_, {calls[0], calls[1]}, 72000, &used);
  ASSERT_EQ(row.size(), 72000u);
  EXPECT_EQ(used.size(), 2u);
  EXPECT_NEAR(20 * std::log10(level(row, 0.1, 1.1)), -20, 1);
  EXPECT_EQ(level(row, 1.21, 1.45), 0);
  EXPECT_NEAR(20 * std::log10(level(row, 1.6, 2.5)), -20, 1);
}

TEST(ClipSoundtrackTest, DigitalSilenceStaysAndShortSoundsKeepAQuarterOfASecond) {
  SoundSamples silent;
  silent.samples.assign(20000, 0);
  EXPECT_FALSE(audible_part({}, silent, 50000).empty());
  SoundSamples click;
  click.samples.assign(16000, 0);
  click.samples[8000] = 30000;
  EXPECT_EQ(audible_part({}, click, 50000).size(), 4000u);
}

TEST(ClipSoundtrackTest, NeighbouringSectionsAddUpToAnEvenLevel) {
  std::vector<float> track(4000, 0.0f);
  add_section(std::vector<float>(2000 + 2 * kSectionOverlap, 1.0f), 0, &track);
  add_section(std::vector<float>(2000 + 2 * kSectionOverlap, 1.0f), 2000, &track);
  for (std::size_t i = kSectionOverlap; i < 4000 - kSectionOverlap; ++i) {
    ASSERT_NEAR(track[i], 1.0f, 1e-3) << i;
  }
}

TEST(ClipLayerTest, TheWaveIsSmoothAndPeriodic) {
  EXPECT_DOUBLE_EQ(smooth_wave(0), 0);
  EXPECT_DOUBLE_EQ(smooth_wave(0.25), 1);
  EXPECT_DOUBLE_EQ(smooth_wave(0.75), -1);
  EXPECT_DOUBLE_EQ(smooth_wave(3.1), smooth_wave(3.1 - 3));
  for (double x = -1; x < 1; x += 0.01) {
    EXPECT_LE(std::abs(smooth_wave(x)), 1.0);
    EXPECT_NEAR(smooth_wave(x), std::sin(2 * CV_PI * x), 0.06);
  }
}

}  // namespace
}  // namespace lightavseg
