// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <opencv2/core.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace lightavseg {

/// The three published sets of OpenNLPLab/AVSBench.
enum class AvsSet {
  kS4,    ///< AVSBench-object, single source: folder Single-source
  kMs3,   ///< AVSBench-object, multiple sources: folder Multi-sources
  kAvss,  ///< AVSBench-semantic, 71 classes: folder AVSS
};

/// Where a clip comes from. AVSS holds three subsets that differ in length and in what is
/// annotated.
enum class AvsSubset {
  kS4,   ///< 5 frames; the first one annotated in train, all five in val and test
  kMs3,  ///< 5 frames, all annotated
  kV1s,  ///< AVSS: S4 again with class colours; annotated like S4
  kV1m,  ///< AVSS: MS3 again with class colours; 5 frames, all annotated
  kV2,   ///< AVSS: 10 frames, all annotated
};

/// "S4", "MS3" or "AVSS".
const char* to_string(AvsSet set);

/// "s4", "ms3", "v1s", "v1m" or "v2": for AVSS the folder name, for the others a label.
const char* to_string(AvsSubset subset);

/// Frames a clip of this subset really has: 5 or 10, one a second.
int real_frame_count(AvsSubset subset);

/// Annotated frames of a clip, always the first ones: 1, 5 or 10.
/// @param split "train", "val" or "test"
int annotated_frame_count(AvsSubset subset, const std::string& split);

/// Frames a clip fills in a batch: 5, and always 10 in AVSS, where shorter clips are padded.
int slot_count(AvsSubset subset);

/// Splits every set has; "train", "val", "test".
bool is_avs_split(const std::string& split);

/// One video of a set. Paths were checked when the set was opened.
struct AvsClip {
  std::string name;      ///< video name, in AVSS the uid
  std::string category;  ///< S4: one of 23; AVSS: the a_obj column; empty where the CSV has none
  std::string split;     ///< "train", "val" or "test"
  AvsSubset subset = AvsSubset::kS4;
  std::vector<std::filesystem::path> frame_paths;  ///< the real frames, in time order
  std::vector<std::filesystem::path> mask_paths;   ///< as many; empty path: not annotated
  std::vector<bool> annotated;                     ///< as many as slots; false for padding
  std::filesystem::path wav_path;
  int sample_rate = 0;    ///< of the wav, Hz
  cv::Size frame_size{};  ///< pixels, the same for every frame and mask of the clip

  /// Number of frames load() answers for: 5 or 10.
  int slots() const { return static_cast<int>(annotated.size()); }
};

/// Everything that is wrong with a set, in one exception: what() shows the first 50 lines and the
/// total, problems() has all of them.
class AvsBenchError : public std::runtime_error {
 public:
  static constexpr int kShownProblems = 50;

  /// @param headline what was being read, without a full stop
  /// @param problems one line each, naming the path or field
  /// @param advice what to do about it; may be empty
  AvsBenchError(const std::string& headline, std::vector<std::string> problems,
                const std::string& advice);

  const std::vector<std::string>& problems() const { return problems_; }

 private:
  std::vector<std::string> problems_;
};

}  // namespace lightavseg
