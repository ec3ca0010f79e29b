// SPDX-License-Identifier: LGPL-2.1-or-later
// The clip that ships holds what its truth says.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "model/data/augment.h"
#include "tests/pipelines/video_reader.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

TEST(ClipsTest, TheDemonstrationIsWhatItsTruthSays) {
  const fs::path clip = fs::path(LIGHTAVSEG_CLIPS) / "cow-and-duck.mkv";
  const auto truth =
      nlohmann::json::parse(std::ifstream(fs::path(LIGHTAVSEG_CLIPS) / "cow-and-duck.json"));
  EXPECT_LT(fs::file_size(clip), 3000000u);
  const auto video = testing::read_video(clip.string());
  EXPECT_EQ(video.frames.size(), 350u);
  EXPECT_EQ(video.frames.at(0).size(), cv::Size(truth["width"], truth["height"]));
  EXPECT_NEAR(static_cast<double>(video.audio.size()) / kSceneSampleRate, truth["seconds"], 0.1);
  for (const auto& section : truth["sections"]) {
    const double start = section["start_s"], end = section["end_s"];
    const auto at = [&](double s) {
      return video.audio.begin() + static_cast<std::ptrdiff_t>(s * kSceneSampleRate);
    };
    const double level = rms({at(start + 0.2), at(end - 0.2)});
    EXPECT_EQ(section["classes"].empty(), level < 0.001) << section["sound"] << " " << level;
    EXPECT_EQ(section["boxes"].size(), section["sound"] == "first" || section["sound"] == "second");
  }
}

TEST(ClipsTest, EveryFileOfTheTruthHasItsLicenceWrittenDown) {
  std::ifstream file(fs::path(LIGHTAVSEG_CLIPS) / "LICENCES.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const auto& entry : fs::directory_iterator(LIGHTAVSEG_CLIPS)) {
    if (entry.path().extension() != ".mkv") continue;
    EXPECT_NE(text.find(entry.path().filename().string()), std::string::npos) << entry.path();
  }
  for (const char* words : {"cow.webp", "duck.webp", "tajMahal.webp", "cattle_03.ogg",
                            "3-134049-A.ogg", "3-68630-A.ogg"}) {
    EXPECT_NE(text.find(words), std::string::npos) << words;
  }
}

}  // namespace
}  // namespace lightavseg
