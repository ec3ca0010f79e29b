// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_classes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "model/data/avsbench_types.h"
#include "tests/model/data/avsbench_samples.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

TEST(AvssPalette, HasThePublishedColours) {
  const auto& palette = avss_palette();
  const auto colour = [](uint8_t r, uint8_t g, uint8_t b) { return AvssColour{r, g, b}; };
  EXPECT_EQ(palette[0], colour(0, 0, 0));
  EXPECT_EQ(palette[1], colour(128, 0, 0));
  EXPECT_EQ(palette[2], colour(0, 128, 0));
  EXPECT_EQ(palette[3], colour(128, 128, 0));
  EXPECT_EQ(palette[7], colour(128, 128, 128));
  EXPECT_EQ(palette[8], colour(64, 0, 0));
  EXPECT_EQ(palette[9], colour(192, 0, 0));
  EXPECT_EQ(palette[35], colour(128, 128, 64));
  EXPECT_EQ(palette[63], colour(192, 192, 192));
  EXPECT_EQ(palette[64], colour(32, 0, 0));
  EXPECT_EQ(palette[70], colour(32, 128, 128));
}

TEST(AvssPalette, HasNoColourTwice) {
  std::set<std::tuple<int, int, int>> colours;
  for (const AvssColour& c : avss_palette()) colours.emplace(c.r, c.g, c.b);
  EXPECT_EQ(colours.size(), static_cast<size_t>(kAvssClassCount));
}

TEST(AvssPalette, ColoursAndClassesAreInverse) {
  cv::Mat classes(1, kAvssClassCount, CV_8UC1);
  for (int i = 0; i < kAvssClassCount; ++i) classes.at<uint8_t>(0, i) = static_cast<uint8_t>(i);
  int unknown = -1;
  const cv::Mat back = avss_colours_to_classes(avss_classes_to_colours(classes), &unknown);
  EXPECT_EQ(cv::norm(back, classes, cv::NORM_INF), 0);
  EXPECT_EQ(unknown, 0);
}

TEST(AvssPalette, UnknownColoursBecomeBackground) {
  cv::Mat rgb(1, 5, CV_8UC3, cv::Scalar(0, 128, 0));
  rgb.at<cv::Vec3b>(0, 1) = {1, 2, 3};
  rgb.at<cv::Vec3b>(0, 2) = {1, 2, 3};
  rgb.at<cv::Vec3b>(0, 3) = {0, 127, 0};
  int unknown = 0;
  const cv::Mat classes = avss_colours_to_classes(rgb, &unknown);
  EXPECT_EQ(unknown, 3);
  EXPECT_EQ(classes.at<uint8_t>(0, 0), 2);
  EXPECT_EQ(classes.at<uint8_t>(0, 1), 0);
  EXPECT_EQ(classes.at<uint8_t>(0, 2), 0);
  EXPECT_EQ(classes.at<uint8_t>(0, 3), 0);
  EXPECT_EQ(classes.at<uint8_t>(0, 4), 2);
}

TEST(AvssPalette, RefusesClassesAbove70) {
  const cv::Mat classes(2, 3, CV_8UC1, cv::Scalar(71));
  const std::string text = error_of<AvsBenchError>([&] { avss_classes_to_colours(classes); });
  EXPECT_NE(text.find("the class at column 0, row 0 is 71 instead of 0 to 70"), std::string::npos)
      << text;
}

TEST(AvssClassNames, DefaultsAre71DifferentOnes) {
  const auto& names = default_avss_class_names();
  EXPECT_EQ(names.size(), static_cast<size_t>(kAvssClassCount));
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  EXPECT_EQ(names[0], "background");
  EXPECT_EQ(names[17], "dog");
  EXPECT_EQ(names[35], "helicopter");
  EXPECT_EQ(names[47], "piano");
  EXPECT_EQ(names[70], "woman");
}

TEST(AvssClassNames, SurviveAFile) {
  const TemporaryFolder folder;
  std::vector<std::string> names = default_avss_class_names();
  std::swap(names[3], names[40]);
  write_avss_class_names(folder.path() / "label2idx.json", names);
  EXPECT_EQ(read_avss_class_names(folder.path() / "label2idx.json"), names);
}

TEST(AvssClassNames, MissingFileIsNamed) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "label2idx.json").string();
  const std::string text = error_of<AvsBenchError>([&] { read_avss_class_names(path); });
  EXPECT_NE(text.find(path), std::string::npos) << text;
  EXPECT_NE(text.find("the file cannot be opened"), std::string::npos) << text;
}

TEST(AvssClassNames, RefusesWhatIsNoJsonObject) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "label2idx.json";
  write_text(path, "{\"dog\": ");
  EXPECT_NE(error_of<AvsBenchError>([&] { read_avss_class_names(path); }).find("this is not JSON"),
            std::string::npos);
  write_text(path, "[1, 2]");
  EXPECT_NE(error_of<AvsBenchError>([&] {
              read_avss_class_names(path);
            }).find("the outermost value is not an object"),
            std::string::npos);
}

TEST(AvssClassNames, ListsEveryWrongEntry) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "label2idx.json";
  write_text(path, R"({"a": 0, "b": 0, "c": 71, "d": -1, "e": "1", "f": 1.5, "": 2})");
  try {
    read_avss_class_names(path);
    FAIL() << "accepted";
  } catch (const AvsBenchError& error) {
    const auto& lines = error.problems();
    const auto has = [&lines](const std::string& line) {
      return std::find(lines.begin(), lines.end(), line) != lines.end();
    };
    EXPECT_EQ(lines.size(), 6U + 70U);  // and 70 indices without a class
    EXPECT_TRUE(has("\"a\" and \"b\" share the index 0"));
    EXPECT_TRUE(has("\"c\" has the index 71 instead of a whole number 0 to 70"));
    EXPECT_TRUE(has("\"d\" has the index -1 instead of a whole number 0 to 70"));
    EXPECT_TRUE(has("\"e\" has the index \"1\" instead of a whole number 0 to 70"));
    EXPECT_TRUE(has("\"f\" has the index 1.5 instead of a whole number 0 to 70"));
    EXPECT_TRUE(has("a class name is empty"));
    EXPECT_TRUE(has("no class has the index 70"));
  }
}

TEST(AvssClassNames, RefusesToWriteARepeatedOrMissingName) {
  const TemporaryFolder folder;
  std::vector<std::string> names = default_avss_class_names();
  names[5] = names[6];
  const auto write = [&] { write_avss_class_names(folder.path() / "label2idx.json", names); };
  EXPECT_NE(error_of<AvsBenchError>(write).find("got 71 names, 70 of them different"),
            std::string::npos);
  names.resize(3);
  EXPECT_NE(error_of<AvsBenchError>(write).find("got 3 names"), std::string::npos);
}

TEST(AvssClassNames, SaysThatTheFileCannotBeWritten) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "missing" / "label2idx.json";
  const std::string text =
      error_of<AvsBenchError>([&] { write_avss_class_names(path, default_avss_class_names()); });
  EXPECT_NE(text.find("the file cannot be written"), std::string::npos) << text;
}

}  // namespace
}  // namespace lightavseg
