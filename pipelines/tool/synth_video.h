// SPDX-License-Identifier: LGPL-2.1-or-later
// Video files from pictures and sound, with elements of GStreamer's base and good plugins only.
#pragma once

#include <filesystem>
#include <memory>
#include <opencv2/core.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace lightavseg::tool {

// The text names the file, what GStreamer says, and the package to install if an element is
// missing.
class VideoError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct VideoFormat {
  cv::Size size{640, 360};  // even sides
  int fps = 25;             // frames per second
  int bits_per_second = 1200000;
  int sample_rate = 16000;  // of the sound, one channel, Hz
};

// The containers that can be written, for help texts: ".mkv, .webm and .mp4".
extern const char* const kVideoContainers;

// Whether the name ends in one of them.
bool is_video_name(const std::filesystem::path& path);

// VP8 with Vorbis in Matroska and WebM, VP9 with Opus in MP4. The file appears under its name when
// it is complete. The same input gives the same pictures; the containers hold a random number or
// the time. Not for several threads at once.
class VideoWriter {
 public:
  // Throws VideoError.
  VideoWriter(const std::filesystem::path& path, const VideoFormat& format);
  // Removes what is incomplete.
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  // All of the sound, once, before the pictures; full scale 1. Throws VideoError.
  void write_audio(const std::vector<float>& samples);

  // CV_8UC3, RGB. Waits while the encoder is busy. Throws VideoError.
  void write_frame(const cv::Mat& rgb);

  // Ends the file. Throws VideoError.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lightavseg::tool
