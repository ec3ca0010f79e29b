// SPDX-License-Identifier: LGPL-2.1-or-later
/// Manifests to lists of files. Part of Material; nothing else needs it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/data/csv.h"
#include "model/data/material.h"

namespace lightavseg {

struct MaterialIndex {
  std::vector<Photo> photos;
  std::vector<PoolPhoto> pool;
  std::vector<Cutout> cutouts, distractors;
  std::vector<Backdrop> backdrops;
  std::vector<SoundClip> sounds;
};

/// "train", "val" or "test" by the hash of a file name without folder and extension.
std::string hash_split(const std::filesystem::path& file);

/// Whether a manifest's licence text names a licence that allows use and redistribution.
bool is_free_licence(const std::string& licence);

/// Collects problems instead of stopping at the first one.
class ManifestReader {
 public:
  ManifestReader(const Taxonomy& taxonomy, const MaterialOptions& options)
      : taxonomy_(taxonomy), options_(options) {}

  void read_folder_or_parent(const std::filesystem::path& dir);

  MaterialIndex& index() { return index_; }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  struct Verdict {
    bool drop = false, doubt = false;
    std::vector<float> best_windows;
  };
  struct PseudoRow {
    std::filesystem::path file;
    double dominant_share = 0;
    std::string dominant;
  };

  void read_audit(const std::filesystem::path& file);
  void read_pseudo_list(const std::filesystem::path& file, const std::string& folder);
  void read_split_manifest(const std::filesystem::path& dir, const CsvTable& table);
  void read_cutout_manifest(const std::filesystem::path& dir, const CsvTable& table);
  void read_pool_manifest(const std::filesystem::path& dir, const CsvTable& table);
  void add_photo(const std::filesystem::path& dir, const CsvTable& table, std::size_t row,
                 const std::shared_ptr<const std::vector<int>>& label_classes);
  void add_sound(const std::filesystem::path& dir, const CsvTable& table, std::size_t row,
                 const std::string& folder);
  std::shared_ptr<const std::vector<int>> read_label_classes(const std::filesystem::path& dir);
  std::filesystem::path existing(const std::filesystem::path& dir, const std::string& file,
                                 const CsvTable& table, std::size_t row, const char* column);
  /// The class of a row, or a problem and false.
  bool resolve(const CsvTable& table, std::size_t row, const std::string& kind,
               const std::string& cls, const std::string& text, int* out);
  void problem(const CsvTable& table, std::size_t row, const std::string& what);

  const Taxonomy& taxonomy_;
  const MaterialOptions& options_;
  MaterialIndex index_;
  std::vector<std::string> problems_;
  std::vector<std::string> without_split_;  // problems, unless with_split_
  bool with_split_ = false;                 // whether any row has the wanted split
  std::map<std::string, Verdict> audit_;    // by file
  std::map<std::string, std::map<std::string, PseudoRow>> pseudo_;  // by folder and file
};

}  // namespace lightavseg
