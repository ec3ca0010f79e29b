// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_writer.h"

#include <fmt/format.h>
#include <sndfile.h>

#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "model/data/avsbench_classes.h"
#include "model/data/avsbench_paths.h"
#include "model/data/csv.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

constexpr int kJpegQuality = 95;

bool belongs_to(AvsSubset subset, AvsSet set) {
  if (subset == AvsSubset::kS4) return set == AvsSet::kS4;
  if (subset == AvsSubset::kMs3) return set == AvsSet::kMs3;
  return set == AvsSet::kAvss;
}

std::vector<std::string> picture_problems(const AvsClipContent& content) {
  std::vector<std::string> problems;
  const auto frames = static_cast<size_t>(real_frame_count(content.subset));
  const auto masks = static_cast<size_t>(annotated_frame_count(content.subset, content.split));
  if (content.frames.size() != frames) {
    problems.push_back(fmt::format("{} frames instead of {}", content.frames.size(), frames));
  }
  if (content.masks.size() < masks) {
    problems.push_back(fmt::format("{} masks instead of at least {}", content.masks.size(), masks));
  }
  const cv::Size size = content.frames.empty() ? cv::Size() : content.frames[0].size();
  for (size_t i = 0; i < content.frames.size(); ++i) {
    const cv::Mat& frame = content.frames[i];
    if (frame.empty() || frame.type() != CV_8UC3 || frame.size() != size) {
      problems.push_back(
          fmt::format("frame {} is not a CV_8UC3 picture of the first frame's {} x {} pixels", i,
                      size.width, size.height));
    }
  }
  for (size_t i = 0; i < content.masks.size() && i < masks; ++i) {
    const cv::Mat& mask = content.masks[i];
    if (mask.empty() || mask.type() != CV_8UC1 || mask.size() != size) {
      problems.push_back(
          fmt::format("mask {} is not a CV_8UC1 picture of the frames' {} x {} pixels", i,
                      size.width, size.height));
      continue;
    }
    double highest = 0;
    cv::minMaxLoc(mask, nullptr, &highest);
    if (belongs_to(content.subset, AvsSet::kAvss) && highest >= kAvssClassCount) {
      problems.push_back(fmt::format("mask {} has the class {} in it instead of 0 to {}", i,
                                     highest, kAvssClassCount - 1));
    }
  }
  return problems;
}

std::vector<std::string> content_problems(AvsSet set, const AvsClipContent& content) {
  std::vector<std::string> problems;
  if (!is_plain_avs_name(content.name)) problems.push_back("the name is no plain file name");
  if (!is_avs_split(content.split)) {
    problems.push_back(
        fmt::format("the split is \"{}\" instead of train, val or test", content.split));
  }
  if (set == AvsSet::kS4 && !is_plain_avs_name(content.category)) {
    problems.push_back(
        fmt::format("the category \"{}\" is no plain folder name", content.category));
  }
  if (content.category.find_first_of("\r\n") != std::string::npos) {
    problems.push_back("the category has a line break in it");
  }
  if (!belongs_to(content.subset, set)) {
    problems.push_back(
        fmt::format("the subset {} is no part of {}", to_string(content.subset), to_string(set)));
  }
  if (content.channels < 1 || content.sample_rate < 1 || content.audio.empty() ||
      content.audio.size() % static_cast<size_t>(content.channels) != 0) {
    problems.push_back(
        fmt::format("{} samples of audio, {} channels, {} Hz: all three must be above 0 and the "
                    "samples a multiple of the channels",
                    content.audio.size(), content.channels, content.sample_rate));
  }
  const std::vector<std::string> pictures = picture_problems(content);
  problems.insert(problems.end(), pictures.begin(), pictures.end());
  return problems;
}

void fail_to_write(const fs::path& path, const std::string& reason) {
  throw AvsBenchError("Writing an AVSBench set",
                      {fmt::format("{} cannot be written{}", path.string(), reason)},
                      "Check the folder's permissions and the free space.");
}

void write_picture(const fs::path& path, const cv::Mat& picture) {
  fs::create_directories(path.parent_path());
  cv::Mat stored;  // of its own: converting into `picture` would change the caller's pixels
  if (picture.channels() == 3) {
    cv::cvtColor(picture, stored, cv::COLOR_RGB2BGR);
  } else {
    stored = picture;
  }
  if (!cv::imwrite(path.string(), stored, {cv::IMWRITE_JPEG_QUALITY, kJpegQuality})) {
    fail_to_write(path, "");
  }
}

void write_wav(const fs::path& path, const AvsClipContent& content) {
  fs::create_directories(path.parent_path());
  SF_INFO info{};
  info.samplerate = content.sample_rate;
  info.channels = content.channels;
  info.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  if (file == nullptr) fail_to_write(path, fmt::format(" ({})", sf_strerror(nullptr)));
  // Without clipping, samples beyond full scale would wrap around.
  sf_command(file, SFC_SET_CLIPPING, nullptr, SF_TRUE);
  const auto count = static_cast<sf_count_t>(content.audio.size());
  const bool complete = sf_write_float(file, content.audio.data(), count) == count;
  if (sf_close(file) != 0 || !complete) fail_to_write(path, "");
}

const char* csv_header(AvsSet set) {
  switch (set) {
    case AvsSet::kS4:
      return "name,start_time,category,split\n";
    case AvsSet::kMs3:
      return "name,split\n";
    case AvsSet::kAvss:
      break;
  }
  return "uid,a_obj,label,split\n";
}

std::string csv_line(AvsSet set, const AvsClipContent& content) {
  const std::string name = csv_field(content.name);
  const std::string category = csv_field(content.category);
  switch (set) {
    case AvsSet::kS4:
      return fmt::format("{},0,{},{}\n", name, category, content.split);
    case AvsSet::kMs3:
      return fmt::format("{},{}\n", name, content.split);
    case AvsSet::kAvss:
      break;
  }
  return fmt::format("{},{},{},{}\n", name, category, to_string(content.subset), content.split);
}

void write_all(AvsBenchWriter writer, const std::vector<AvsClipContent>& clips) {
  for (const AvsClipContent& clip : clips) writer.add(clip);
  writer.finish();
}

}  // namespace

AvsBenchWriter::AvsBenchWriter(AvsSet set, const fs::path& root,
                               const std::vector<std::string>& class_names)
    : set_(set), root_(root), csv_(csv_header(set)) {
  fs::create_directories(root);
  // A set that is being rewritten must not be opened by its old list.
  fs::remove(avs_csv_path(set, root));
  if (set == AvsSet::kAvss) {
    write_avss_class_names(avss_names_path(root),
                           class_names.empty() ? default_avss_class_names() : class_names);
  }
}

void AvsBenchWriter::add(const AvsClipContent& content) {
  std::vector<std::string> problems = content_problems(set_, content);
  if (names_.count(content.name) != 0) problems.push_back("a clip of this name was written before");
  if (!problems.empty()) {
    throw AvsBenchError(fmt::format("Writing the clip \"{}\"", content.name), problems,
                        "Nothing of it was written.");
  }

  AvsClip clip;
  clip.name = content.name;
  clip.category = content.category;
  clip.split = content.split;
  clip.subset = content.subset;
  fill_avs_paths(root_, clip);
  std::vector<cv::Mat> masks;
  for (size_t i = 0; i < clip.mask_paths.size() && !clip.mask_paths[i].empty(); ++i) {
    masks.push_back(set_ == AvsSet::kAvss ? avss_classes_to_colours(content.masks[i])
                                          : cv::Mat(content.masks[i] != 0));
  }
  for (size_t i = 0; i < clip.frame_paths.size(); ++i) {
    write_picture(clip.frame_paths[i], content.frames[i]);
  }
  for (size_t i = 0; i < masks.size(); ++i) write_picture(clip.mask_paths[i], masks[i]);
  write_wav(clip.wav_path, content);
  names_.insert(content.name);
  csv_ += csv_line(set_, content);
}

void AvsBenchWriter::finish() {
  const fs::path path = avs_csv_path(set_, root_);
  std::ofstream file(path);
  file << csv_;
  file.close();
  if (!file) fail_to_write(path, "");
}

void write_s4(const fs::path& root, const std::vector<AvsClipContent>& clips) {
  write_all(AvsBenchWriter(AvsSet::kS4, root), clips);
}

void write_ms3(const fs::path& root, const std::vector<AvsClipContent>& clips) {
  write_all(AvsBenchWriter(AvsSet::kMs3, root), clips);
}

void write_avss(const fs::path& root, const std::vector<AvsClipContent>& clips,
                const std::vector<std::string>& class_names) {
  write_all(AvsBenchWriter(AvsSet::kAvss, root, class_names), clips);
}

}  // namespace lightavseg
