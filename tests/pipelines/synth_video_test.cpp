// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/synth_video.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <opencv2/imgproc.hpp>

#include "model/data/augment.h"
#include "tests/model/files/temporary_folder.h"
#include "tests/pipelines/video_reader.h"

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;

class VideoWriterTest : public ::testing::TestWithParam<const char*> {
 protected:
  VideoWriterTest() {
    format_.size = {102, 64};  // rows that need padding
    format_.fps = 10;
  }
  cv::Mat picture(int index) const {
    cv::Mat out(format_.size, CV_8UC3, cv::Scalar(30, 90, 160));
    cv::circle(out, {10 + 2 * index, 30}, 14, {230, 200, 40}, cv::FILLED, cv::LINE_AA);
    return out;
  }
  // A tone that stops in the middle.
  std::vector<float> tone() const {
    std::vector<float> samples(32000, 0.0f);
    for (std::size_t i = 0; i < 16000; ++i) {
      samples[i] = 0.5f * static_cast<float>(std::sin(0.17 * static_cast<double>(i)));
    }
    return samples;
  }
  std::string refused(const std::string& name) {
    try {
      VideoWriter writer(folder_ / name, format_);
      writer.write_audio(tone());
      writer.write_frame(picture(0));
      writer.finish();
    } catch (const VideoError& error) {
      return error.what();
    }
    ADD_FAILURE() << "no VideoError was thrown";
    return "";
  }

  TemporaryFolder folder_;
  VideoFormat format_;
};

TEST_P(VideoWriterTest, PicturesAndSoundAreReadBack) {
  const fs::path path = folder_ / GetParam();
  VideoWriter writer(path, format_);
  writer.write_audio(tone());
  for (int i = 0; i < 20; ++i) writer.write_frame(picture(i));
  EXPECT_FALSE(fs::exists(path)) << "it must not appear before it is complete";
  writer.finish();
  EXPECT_FALSE(fs::exists(path.string() + ".part"));

  const auto video = testing::read_video(path.string());
  ASSERT_EQ(video.frames.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    const auto at = static_cast<std::size_t>(i);
    EXPECT_NEAR(video.times_s[at], i / 10.0, 0.002) << i;
    ASSERT_EQ(video.frames[at].size(), format_.size);
    EXPECT_GT(cv::PSNR(video.frames[at], picture(i)), 22) << i;
  }
  // Codecs may add a part of a block at either end.
  EXPECT_NEAR(static_cast<double>(video.audio.size()), 32000, 1600);
  const auto level = [&](int from, int to) {
    return rms({video.audio.begin() + from, video.audio.begin() + to});
  };
  EXPECT_NEAR(level(2000, 14000), 0.5 / std::sqrt(2.0), 0.03);
  EXPECT_LT(level(18000, 30000), 0.002);
}

INSTANTIATE_TEST_SUITE_P(Containers, VideoWriterTest, ::testing::Values("a.mkv", "a.webm", "a.mp4"),
                         [](const auto& info) { return std::string(info.param).substr(2); });

TEST_F(VideoWriterTest, ErrorsNameTheFileAndTheCause) {
  EXPECT_NE(refused("clip.avi").find(".mkv, .webm and .mp4"), std::string::npos);
  const std::string text = refused("nowhere/clip.mkv");
  EXPECT_NE(text.find("nowhere/clip.mkv"), std::string::npos);
  EXPECT_NE(text.find("nowhere"), std::string::npos);
  format_.size = {101, 64};
  EXPECT_NE(refused("clip.mkv").find("101 x 64"), std::string::npos);
}

TEST_F(VideoWriterTest, PicturesOfAnotherSizeAreRefused) {
  VideoWriter writer(folder_ / "clip.mkv", format_);
  EXPECT_THROW(writer.write_frame(cv::Mat(10, 10, CV_8UC3)), VideoError);
}

TEST_F(VideoWriterTest, AnUnfinishedFileLeavesNothing) {
  {
    VideoWriter writer(folder_ / "clip.mkv", format_);
    writer.write_frame(picture(0));
  }
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST(VideoNameTest, ContainersAreKnownByTheirNames) {
  EXPECT_TRUE(is_video_name("a/b.mkv"));
  EXPECT_TRUE(is_video_name("b.webm"));
  EXPECT_TRUE(is_video_name("b.mp4"));
  EXPECT_FALSE(is_video_name("b.ogv"));
  EXPECT_FALSE(is_video_name("mkv"));
}

}  // namespace
}  // namespace lightavseg::tool
