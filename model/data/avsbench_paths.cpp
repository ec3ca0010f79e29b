// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_paths.h"

#include <fmt/format.h>

#include <functional>

namespace lightavseg {
namespace {

namespace fs = std::filesystem;
using NumberedPath = std::function<fs::path(int index)>;

void fill(AvsClip& clip, const NumberedPath& frame, const NumberedPath& mask) {
  const int frames = real_frame_count(clip.subset);
  const int annotated = annotated_frame_count(clip.subset, clip.split);
  clip.frame_paths.clear();
  clip.mask_paths.clear();
  clip.annotated.assign(static_cast<size_t>(slot_count(clip.subset)), false);
  for (int i = 0; i < frames; ++i) {
    clip.frame_paths.push_back(frame(i));
    clip.mask_paths.push_back(i < annotated ? mask(i) : fs::path());
    clip.annotated[static_cast<size_t>(i)] = i < annotated;
  }
}

void fill_s4(const fs::path& root, AvsClip& clip) {
  const fs::path data = root / "s4_data";
  const fs::path inner = fs::path(clip.split) / clip.category;
  const auto numbered = [&clip](int i) { return fmt::format("{}_{}.png", clip.name, i + 1); };
  fill(
      clip, [&](int i) { return data / "visual_frames" / inner / clip.name / numbered(i); },
      [&](int i) { return data / "gt_masks" / inner / clip.name / numbered(i); });
  clip.wav_path = data / "audio_wav" / inner / (clip.name + ".wav");
}

void fill_ms3(const fs::path& root, AvsClip& clip) {
  const fs::path data = root / "ms3_data";
  // Frames lie in no split folder and carry the video file's ending in their names; masks do not.
  fill(
      clip,
      [&](int i) {
        return data / "visual_frames" / clip.name / fmt::format("{}.mp4_{}.png", clip.name, i + 1);
      },
      [&](int i) {
        return data / "gt_masks" / clip.split / clip.name /
               fmt::format("{}_{}.png", clip.name, i + 1);
      });
  clip.wav_path = data / "audio_wav" / clip.split / (clip.name + ".wav");
}

void fill_avss(const fs::path& root, AvsClip& clip) {
  const fs::path data = root / to_string(clip.subset) / clip.name;
  fill(
      clip, [&](int i) { return data / "frames" / fmt::format("{}.jpg", i); },
      [&](int i) { return data / "labels_rgb" / fmt::format("{}.png", i); });
  clip.wav_path = data / "audio.wav";
}

}  // namespace

const char* avs_folder(AvsSet set) {
  switch (set) {
    case AvsSet::kS4:
      return "Single-source";
    case AvsSet::kMs3:
      return "Multi-sources";
    case AvsSet::kAvss:
      break;
  }
  return "AVSS";
}

fs::path avs_csv_path(AvsSet set, const fs::path& root) {
  switch (set) {
    case AvsSet::kS4:
      return root / "s4_meta_data.csv";
    case AvsSet::kMs3:
      return root / "ms3_meta_data.csv";
    case AvsSet::kAvss:
      break;
  }
  return root / "metadata.csv";
}

fs::path avss_names_path(const fs::path& root) {
  return root / "label2idx.json";
}

bool is_plain_avs_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of("/\\\r\n") == std::string::npos;
}

void fill_avs_paths(const fs::path& root, AvsClip& clip) {
  switch (clip.subset) {
    case AvsSubset::kS4:
      fill_s4(root, clip);
      break;
    case AvsSubset::kMs3:
      fill_ms3(root, clip);
      break;
    case AvsSubset::kV1s:
    case AvsSubset::kV1m:
    case AvsSubset::kV2:
      fill_avss(root, clip);
      break;
  }
}

}  // namespace lightavseg
