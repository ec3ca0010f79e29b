// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <map>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "model/data/avsbench_resample.h"
#include "model/data/avsbench_types.h"

namespace lightavseg {

struct AvsOptions {
  /// Side of the square pictures and masks, pixels, 16 ... 4096. 224 in the paper.
  int size = 224;
  /// Leave out clips with something wrong instead of refusing the set; problems() lists it.
  bool lenient = false;
  /// AVSS, split train: shorter side to `size` and the square in the middle, as the published
  /// loaders do. Everywhere else, or if false, both sides are resized to `size`.
  bool centre_crop_avss_train = true;
  /// Decode every picture when the set is opened, not only its header. Finds damaged JPEGs and
  /// pixel data; takes minutes on the full sets.
  bool decode_all = false;
};

/// One frame as the network sees it.
struct AvsFrame {
  cv::Mat image;             ///< CV_8UC3, red first, size x size; black for padding
  cv::Mat mask;              ///< CV_8UC1, size x size. S4 and MS3: 0 or 255; AVSS: class 0 ... 70
  std::vector<float> audio;  ///< 16000 samples at 16 kHz, the frame's second, full scale 1
  bool annotated = false;    ///< false: the mask is all 0 and means nothing
  bool padding = false;      ///< a slot that only fills a short AVSS clip to 10 frames
};

/// Reader of one split of AVSBench S4, MS3 or AVSS in the folders of OpenNLPLab/AVSBench; see
/// docs/datasets.md. The pickled log-mel files of the sets are never read.
/// Immutable once opened: load() may be called from several threads at once.
class AvsBench {
 public:
  /// Opens a split and checks all of its files: the CSV's lines, presence, readable headers, equal
  /// sizes within a clip, masks as large as their frames, wav headers.
  /// @param root the folder that holds the CSV file (Single-source, Multi-sources or AVSS)
  /// @param split "train", "val" or "test"
  /// @throws AvsBenchError with the complete list of what is wrong. In lenient mode only if the
  ///   root or the CSV as a whole is unusable or no clip is left
  static AvsBench open_s4(const std::filesystem::path& root, const std::string& split,
                          const AvsOptions& options = {});
  static AvsBench open_ms3(const std::filesystem::path& root, const std::string& split,
                           const AvsOptions& options = {});
  static AvsBench open_avss(const std::filesystem::path& root, const std::string& split,
                            const AvsOptions& options = {});

  AvsSet set() const { return set_; }
  const std::string& split() const { return split_; }
  const AvsOptions& options() const { return options_; }

  /// The clips in the order of the CSV.
  const std::vector<AvsClip>& clips() const { return clips_; }

  /// AVSS: 71 names by class index; S4 and MS3: empty.
  const std::vector<std::string>& class_names() const { return class_names_; }

  /// Lenient mode: what was left out and why, one line each. Empty in strict mode.
  const std::vector<std::string>& problems() const { return problems_; }

  /// Reads one frame. Its audio is the second [index, index + 1) of the clip (the sets take each
  /// frame from the end of its second), mono as the mean of the channels.
  /// @param clip one of clips()
  /// @param index 0 ... clip.slots() - 1
  /// @throws std::runtime_error naming the clip if the index is out of range, or the file that
  ///   cannot be read
  AvsFrame load(const AvsClip& clip, int index) const;

 private:
  AvsBench(AvsSet set, const std::filesystem::path& root, const std::string& split,
           const AvsOptions& options);

  cv::Mat fit(const cv::Mat& picture, bool nearest) const;

  AvsSet set_;
  std::string split_;
  AvsOptions options_;
  std::vector<AvsClip> clips_;
  std::vector<std::string> class_names_;
  std::vector<std::string> problems_;
  std::map<int, SincResampler> resamplers_;  // by rate, for those other than 16 kHz
};

}  // namespace lightavseg
