// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <opencv2/core.hpp>
#include <set>
#include <string>
#include <vector>

#include "model/data/avsbench_types.h"

namespace lightavseg {

/// A clip to be written.
struct AvsClipContent {
  std::string name;      ///< a plain file name, unique within the set
  std::string category;  ///< S4: a plain folder name; AVSS: free text; MS3: not written
  std::string split;     ///< "train", "val" or "test"
  AvsSubset subset = AvsSubset::kS4;  ///< must belong to the set
  std::vector<cv::Mat> frames;        ///< 5 or 10 of CV_8UC3, red first, all of one size
  /// At least as many as are annotated (annotated_frame_count()), CV_8UC1 of the frames' size.
  /// S4 and MS3: foreground where not 0; AVSS: classes 0 ... 70. More than that are not written.
  std::vector<cv::Mat> masks;
  std::vector<float> audio;  ///< interleaved, full scale 1, not empty
  int sample_rate = 16000;   ///< Hz
  int channels = 1;
};

/// Writes a set in exactly the layout that AvsBench reads, one clip at a time. S4 and MS3 pictures
/// are PNG; AVSS frames are JPEG (quality 95) as published, so they lose a little. Wavs have 16
/// bits. Not thread-safe.
class AvsBenchWriter {
 public:
  /// Creates the folder if need be, and for AVSS writes label2idx.json. What is there already stays
  /// unless a clip of the same name replaces it; the CSV file is written anew.
  /// @param class_names AVSS only, 71 different names; empty for the usual ones
  /// @throws AvsBenchError or std::filesystem::filesystem_error if the folder cannot be written
  AvsBenchWriter(AvsSet set, const std::filesystem::path& root,
                 const std::vector<std::string>& class_names = {});

  /// Writes one clip.
  /// @throws AvsBenchError naming the clip and everything that is wrong with its content, before
  ///   anything is written; or the file that cannot be written
  void add(const AvsClipContent& content);

  /// Writes the CSV file. Without it the set cannot be opened, so an interrupted run is noticed.
  /// @throws AvsBenchError if the file cannot be written
  void finish();

 private:
  AvsSet set_;
  std::filesystem::path root_;
  std::string csv_;
  std::set<std::string> names_;
};

/// Write a small set in one go: AvsBenchWriter, add() for each clip, finish().
void write_s4(const std::filesystem::path& root, const std::vector<AvsClipContent>& clips);
void write_ms3(const std::filesystem::path& root, const std::vector<AvsClipContent>& clips);
void write_avss(const std::filesystem::path& root, const std::vector<AvsClipContent>& clips,
                const std::vector<std::string>& class_names = {});

}  // namespace lightavseg
