// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "model/data/avsbench_writer.h"

namespace lightavseg {

/// A shaded background with a disc that moves to the right from frame to frame.
inline cv::Point disc_centre(cv::Size size, int frame) {
  return {size.width / 4 + frame * size.width / 20, size.height / 2};
}
inline int disc_radius(cv::Size size) {
  return size.height / 5;
}

inline cv::Mat disc_picture(cv::Size size, int frame) {
  cv::Mat picture(size, CV_8UC3);
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      picture.at<cv::Vec3b>(y, x) = {static_cast<uint8_t>(x * 200 / size.width),
                                     static_cast<uint8_t>(y * 200 / size.height), 40};
    }
  }
  cv::circle(picture, disc_centre(size, frame), disc_radius(size), {230, 60, 20}, cv::FILLED);
  return picture;
}

/// The disc's mask, `value` inside.
inline cv::Mat disc_mask(cv::Size size, int frame, int value) {
  cv::Mat mask(size, CV_8UC1, cv::Scalar(0));
  cv::circle(mask, disc_centre(size, frame), disc_radius(size), cv::Scalar(value), cv::FILLED);
  return mask;
}

/// Pitch of second k of tone_steps(), Hz.
inline double step_hz(int second) {
  return 300.0 + 100.0 * second;
}

/// One channel that plays a higher tone every second, amplitude 0.5.
inline std::vector<float> tone_steps(int seconds, int rate) {
  std::vector<float> samples;
  for (int s = 0; s < seconds; ++s) {
    for (int i = 0; i < rate; ++i) {
      samples.push_back(static_cast<float>(0.5 * std::sin(2 * M_PI * step_hz(s) * i / rate)));
    }
  }
  return samples;
}

/// A complete clip of the subset: discs, masks of the disc's class, tones.
inline AvsClipContent disc_clip(const std::string& name, const std::string& split, AvsSubset subset,
                                cv::Size size = {64, 48}, int value = 255) {
  AvsClipContent clip;
  clip.name = name;
  clip.category = "helicopter";
  clip.split = split;
  clip.subset = subset;
  const int frames = real_frame_count(subset);
  for (int i = 0; i < frames; ++i) {
    clip.frames.push_back(disc_picture(size, i));
    clip.masks.push_back(disc_mask(size, i, value));
  }
  clip.audio = tone_steps(frames, clip.sample_rate);
  return clip;
}

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

/// What `call` throws, as text; fails the test if it throws nothing or something unexpected.
template <typename Error = std::runtime_error, typename Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace lightavseg
