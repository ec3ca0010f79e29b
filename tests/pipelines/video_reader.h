// SPDX-License-Identifier: LGPL-2.1-or-later
// Reads a whole video file back, for tests of those that write one.
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace lightavseg::testing {

struct DecodedVideo {
  std::vector<cv::Mat> frames;  // CV_8UC3, RGB
  std::vector<double> times_s;  // of the frames
  std::vector<float> audio;     // one channel, 16 kHz
};

// Throws std::runtime_error with what GStreamer says.
DecodedVideo read_video(const std::string& path);

}  // namespace lightavseg::testing
