// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench.h"

#include <fmt/format.h>

#include <stdexcept>
#include <utility>

#include "model/data/avsbench_classes.h"
#include "model/data/avsbench_picture.h"
#include "model/data/avsbench_resize.h"
#include "model/data/avsbench_scan.h"
#include "model/data/avsbench_wav.h"

namespace lightavseg {
namespace {

constexpr int kMinSize = 16;
constexpr int kMaxSize = 4096;

}  // namespace

AvsBench::AvsBench(AvsSet set, const std::filesystem::path& root, const std::string& split,
                   const AvsOptions& options)
    : set_(set), split_(split), options_(options) {
  const std::string headline = avs_headline(set, root, split);
  if (options.size < kMinSize || options.size > kMaxSize) {
    throw AvsBenchError(headline,
                        {fmt::format("the picture size {} is not in {} to {} pixels", options.size,
                                     kMinSize, kMaxSize)},
                        "The paper's size is 224.");
  }
  AvsScan scan = scan_avsbench(set, root, split, options.decode_all);
  if (!scan.problems.empty() && !options.lenient) {
    throw AvsBenchError(headline, std::move(scan.problems),
                        "Repair the set, or open it leniently to leave out what is wrong.");
  }
  if (scan.clips.empty()) {
    scan.problems.insert(scan.problems.begin(), "no usable clip in this split");
    throw AvsBenchError(headline, std::move(scan.problems),
                        "Check that the CSV file lists this split and its files are there.");
  }
  clips_ = std::move(scan.clips);
  class_names_ = std::move(scan.class_names);
  problems_ = std::move(scan.problems);
  for (const AvsClip& clip : clips_) {
    if (clip.sample_rate != kAvsSampleRate) {
      resamplers_.try_emplace(clip.sample_rate, clip.sample_rate, kAvsSampleRate);
    }
  }
}

AvsBench AvsBench::open_s4(const std::filesystem::path& root, const std::string& split,
                           const AvsOptions& options) {
  return AvsBench(AvsSet::kS4, root, split, options);
}

AvsBench AvsBench::open_ms3(const std::filesystem::path& root, const std::string& split,
                            const AvsOptions& options) {
  return AvsBench(AvsSet::kMs3, root, split, options);
}

AvsBench AvsBench::open_avss(const std::filesystem::path& root, const std::string& split,
                             const AvsOptions& options) {
  return AvsBench(AvsSet::kAvss, root, split, options);
}

AvsFrame AvsBench::load(const AvsClip& clip, int index) const {
  if (index < 0 || index >= clip.slots()) {
    throw std::runtime_error(fmt::format("clip {} has the frames 0 to {}; {} was asked for",
                                         clip.name, clip.slots() - 1, index));
  }
  const cv::Size square(options_.size, options_.size);
  const auto position = static_cast<size_t>(index);
  AvsFrame frame;
  frame.padding = position >= clip.frame_paths.size();
  frame.annotated = clip.annotated[position];
  if (frame.padding) {
    frame.image = cv::Mat::zeros(square, CV_8UC3);
    frame.mask = cv::Mat::zeros(square, CV_8UC1);
    frame.audio.assign(kAvsSampleRate, 0.0F);
    return frame;
  }

  frame.image = fit(read_rgb(clip.frame_paths[position]), false);
  const std::filesystem::path& mask_path = clip.mask_paths[position];
  if (!frame.annotated) {
    frame.mask = cv::Mat::zeros(square, CV_8UC1);
  } else if (set_ == AvsSet::kAvss) {
    // Colours are resized, not class indices, only for speed: nearest neighbour commutes.
    frame.mask = avss_colours_to_classes(fit(read_rgb(mask_path), true));
  } else {
    frame.mask = fit(read_binary_mask(mask_path), true);
  }
  const auto resampler = resamplers_.find(clip.sample_rate);
  frame.audio = read_avs_second(clip.wav_path, index,
                                resampler == resamplers_.end() ? nullptr : &resampler->second);
  return frame;
}

cv::Mat AvsBench::fit(const cv::Mat& picture, bool nearest) const {
  const auto resize = nearest ? resize_nearest : resize_bilinear;
  const int side = options_.size;
  if (set_ == AvsSet::kAvss && split_ == "train" && options_.centre_crop_avss_train) {
    const cv::Mat scaled = resize(picture, short_side_size(picture.size(), side));
    return scaled(centre_square(scaled.size(), side)).clone();
  }
  return resize(picture, {side, side});
}

}  // namespace lightavseg
