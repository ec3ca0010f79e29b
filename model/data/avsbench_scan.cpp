// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_scan.h"

#include <fmt/format.h>

#include <optional>
#include <set>

#include "model/data/avsbench_classes.h"
#include "model/data/avsbench_csv.h"
#include "model/data/avsbench_paths.h"
#include "model/data/avsbench_picture.h"
#include "model/data/avsbench_wav.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

std::string root_advice(AvsSet set) {
  return fmt::format("Give the folder that holds {}; the set is published as \"{}\".",
                     avs_csv_path(set, "").string(), avs_folder(set));
}

// The CSV with the columns' positions in it.
struct Metadata {
  AvsCsv csv;
  int name = -1;
  int category = -1;  // -1: there is none
  int split = -1;
  int subset = -1;  // AVSS only
};

int column_or(const AvsCsv& csv, const std::string& name, int position) {
  const int named = csv.column(name);
  return named >= 0 ? named : position;
}

// The published scripts find these columns partly by position, partly by name, and copies of the
// files differ in the names; the columns without an alternative are looked up by name only.
Metadata read_metadata(AvsSet set, const fs::path& root, const std::string& headline) {
  const fs::path path = avs_csv_path(set, root);
  Metadata meta;
  try {
    meta.csv = read_avs_csv(path);
  } catch (const std::runtime_error& error) {
    std::string advice = root_advice(set);
    if (fs::exists(avs_csv_path(set, root / avs_folder(set)))) {
      advice += fmt::format(" Here it is {}.", (root / avs_folder(set)).string());
    }
    throw AvsBenchError(headline, {error.what()}, advice);
  }
  std::vector<std::string> needed = {"split"};
  meta.split = meta.csv.column("split");
  if (set == AvsSet::kAvss) {
    meta.name = meta.csv.column("uid");
    meta.subset = meta.csv.column("label");
    meta.category = meta.csv.column("a_obj");
    needed = {"uid", "label", "split"};
  } else {
    meta.name = column_or(meta.csv, "name", 0);
    if (set == AvsSet::kS4) meta.category = column_or(meta.csv, "category", 2);
  }
  std::vector<std::string> problems;
  for (const std::string& name : needed) {
    if (meta.csv.column(name) < 0) {
      problems.push_back(
          fmt::format("{} has no column \"{}\" in its first line", path.string(), name));
    }
  }
  if (!problems.empty()) {
    throw AvsBenchError(headline, problems, "Take the CSV file that is published with the set.");
  }
  return meta;
}

std::string field(const AvsCsv::Row& row, int column) {
  return column >= 0 && static_cast<size_t>(column) < row.fields.size()
             ? row.fields[static_cast<size_t>(column)]
             : "";
}

std::optional<AvsSubset> subset_named(const std::string& name) {
  for (AvsSubset subset : {AvsSubset::kV1s, AvsSubset::kV1m, AvsSubset::kV2}) {
    if (name == to_string(subset)) return subset;
  }
  return std::nullopt;
}

// Turns a row into a clip without paths, or says what is wrong with it.
std::optional<AvsClip> parse_row(AvsSet set, const Metadata& meta, const AvsCsv::Row& row,
                                 const std::string& place, std::vector<std::string>& problems) {
  AvsClip clip;
  const size_t before = problems.size();
  clip.split = field(row, meta.split);
  if (!is_avs_split(clip.split)) {
    problems.push_back(
        fmt::format("{}: the split is \"{}\" instead of train, val or test", place, clip.split));
  }
  clip.name = field(row, meta.name);
  if (!is_plain_avs_name(clip.name)) {
    problems.push_back(
        fmt::format("{}: the video name \"{}\" is no plain file name", place, clip.name));
  }
  clip.category = field(row, meta.category);
  if (set == AvsSet::kS4 && !is_plain_avs_name(clip.category)) {
    problems.push_back(
        fmt::format("{}: the category \"{}\" is no plain folder name", place, clip.category));
  }
  if (set == AvsSet::kAvss) {
    const std::string label = field(row, meta.subset);
    const std::optional<AvsSubset> subset = subset_named(label);
    if (!subset) {
      problems.push_back(
          fmt::format("{}: the label is \"{}\" instead of v1s, v1m or v2", place, label));
    }
    clip.subset = subset.value_or(AvsSubset::kV2);
  } else {
    clip.subset = set == AvsSet::kS4 ? AvsSubset::kS4 : AvsSubset::kMs3;
  }
  if (problems.size() != before) return std::nullopt;
  return clip;
}

// Collects what is wrong with one clip's files.
class ClipChecker {
 public:
  ClipChecker(AvsClip& clip, bool decode_all, std::vector<std::string>& problems)
      : clip_(clip), decode_all_(decode_all), problems_(problems) {}

  void check() {
    const size_t before = problems_.size();
    check_frames();
    check_masks();
    try {
      clip_.sample_rate = read_avs_wav_info(clip_.wav_path).sample_rate;
    } catch (const std::runtime_error& error) {
      report(error.what());
    }
    ok_ = problems_.size() == before;
  }

  bool ok() const { return ok_; }

 private:
  void report(const std::string& text) {
    problems_.push_back(fmt::format("clip {}: {}", clip_.name, text));
  }

  // One line for a missing folder says more than one for each of its files.
  bool folder_exists(const fs::path& file) {
    const fs::path folder = file.parent_path();
    if (fs::is_directory(folder)) return true;
    report(fmt::format("the folder {} is missing", folder.string()));
    return false;
  }

  std::optional<cv::Size> picture_size(const fs::path& path, bool binary) {
    try {
      const cv::Size size = read_picture_size(path);
      if (decode_all_) (binary ? read_binary_mask(path) : read_rgb(path)).release();
      return size;
    } catch (const std::runtime_error& error) {
      report(error.what());
      return std::nullopt;
    }
  }

  void check_frames() {
    if (!folder_exists(clip_.frame_paths.front())) return;
    for (const fs::path& path : clip_.frame_paths) {
      const std::optional<cv::Size> size = picture_size(path, false);
      if (!size) continue;
      if (clip_.frame_size.empty()) clip_.frame_size = *size;
      if (*size != clip_.frame_size) {
        report(fmt::format("{} is {} x {} pixels, but the clip's first frame is {} x {}",
                           path.string(), size->width, size->height, clip_.frame_size.width,
                           clip_.frame_size.height));
      }
    }
  }

  void check_masks() {
    if (!folder_exists(clip_.mask_paths.front())) return;
    const bool binary = clip_.subset == AvsSubset::kS4 || clip_.subset == AvsSubset::kMs3;
    for (const fs::path& path : clip_.mask_paths) {
      if (path.empty()) continue;
      const std::optional<cv::Size> size = picture_size(path, binary);
      if (size && !clip_.frame_size.empty() && *size != clip_.frame_size) {
        report(fmt::format("the mask {} is {} x {} pixels, but the clip's frames are {} x {}",
                           path.string(), size->width, size->height, clip_.frame_size.width,
                           clip_.frame_size.height));
      }
    }
  }

  AvsClip& clip_;
  bool decode_all_;
  std::vector<std::string>& problems_;
  bool ok_ = false;
};

std::vector<std::string> class_names(const fs::path& root, std::vector<std::string>& problems) {
  const fs::path path = avss_names_path(root);
  if (!fs::exists(path)) return default_avss_class_names();
  try {
    return read_avss_class_names(path);
  } catch (const AvsBenchError& error) {
    for (const std::string& problem : error.problems()) {
      problems.push_back(fmt::format("{}: {}", path.string(), problem));
    }
    return default_avss_class_names();
  }
}

}  // namespace

std::string avs_headline(AvsSet set, const fs::path& root, const std::string& split) {
  return fmt::format("AVSBench {} in {}, split {}", to_string(set), root.string(), split);
}

AvsScan scan_avsbench(AvsSet set, const fs::path& root, const std::string& split, bool decode_all) {
  const std::string headline = avs_headline(set, root, split);
  if (!is_avs_split(split)) {
    throw AvsBenchError(headline, {fmt::format("there is no split \"{}\"", split)},
                        "Ask for train, val or test.");
  }
  if (!fs::is_directory(root)) {
    throw AvsBenchError(headline, {fmt::format("the folder {} is missing", root.string())},
                        root_advice(set));
  }

  const Metadata meta = read_metadata(set, root, headline);
  const std::string csv_path = avs_csv_path(set, root).string();
  AvsScan scan;
  scan.problems = meta.csv.problems;
  if (set == AvsSet::kAvss) scan.class_names = class_names(root, scan.problems);

  std::set<std::string> seen;
  for (const AvsCsv::Row& row : meta.csv.rows) {
    const std::string place = fmt::format("{} line {}", csv_path, row.line);
    std::optional<AvsClip> clip = parse_row(set, meta, row, place, scan.problems);
    if (!clip || clip->split != split) continue;
    fill_avs_paths(root, *clip);
    // The wav's path is unique to a clip in every layout.
    if (!seen.insert(clip->wav_path.string()).second) {
      scan.problems.push_back(fmt::format("{}: the clip {} was listed before", place, clip->name));
      continue;
    }
    ClipChecker checker(*clip, decode_all, scan.problems);
    checker.check();
    if (checker.ok()) scan.clips.push_back(std::move(*clip));
  }
  return scan;
}

}  // namespace lightavseg
