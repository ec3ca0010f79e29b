// SPDX-License-Identifier: LGPL-2.1-or-later
/// Class-paired training material in the manner of AVS-Synthetic (Liu et al., arXiv 2305.11019):
/// photographs with masks of a class, cut-out objects, and sounds of the same classes. What sounds
/// in a scene is decided later, by SceneComposer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <opencv2/core.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/data/taxonomy.h"

namespace lightavseg {

/// The text lists everything that is wrong with the material, with file, line and remedy.
class MaterialError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct MaterialOptions {
  /// "train", "val", "test", or whatever the manifests' split columns say. Manifests of cut-outs
  /// have no split column: there the hash of a file's stem decides (80 : 10 : 10), and a class
  /// with fewer than four files of a kind is all in "train". The unmasked photographs of a visual
  /// pool belong to "train".
  std::string split = "train";
  bool licence_free_only = false;  ///< only files whose recorded licence is a free one
  bool include_doubtful = false;   ///< also sounds and photographs that an audit doubts
  bool lenient = false;            ///< leave bad rows out and keep a warning, do not throw
  int max_side = 320;              ///< longer photographs are reduced to this side, pixels
};

/// A photograph with a mask of one class.
struct Photo {
  std::string id;  ///< "folder/file" below the material's parent folder; unique
  int cls = 0;     ///< visible class
  bool plain_background = false;
  std::filesystem::path image, mask;
  std::filesystem::path labels;  ///< class map of all of the picture; empty: there is none
  std::filesystem::path pseudo;  ///< VOC pseudo label map of a teacher; empty: there is none
  /// The manifest's class list for `labels`: our class of each value.
  std::shared_ptr<const std::vector<int>> label_classes;
};

/// A photograph without a mask, with VOC pseudo labels.
struct PoolPhoto {
  std::string id;
  std::filesystem::path image, pseudo;
  std::vector<int> trusted_voc;  ///< VOC classes whose pixels are to be believed
  bool zero_ok = false;          ///< whether "no VOC class" means that none of our classes is there
  int image_class = 0;           ///< visible class that the folder name promises, 0: none
  std::string licence;           ///< as the manifest says it
  bool empty = false;            ///< shows none of our classes: may serve as a background
};

/// An object with an alpha channel.
struct Cutout {
  std::string id;
  int cls = 0;           ///< visible class; 0 for silent distractors
  std::string subclass;  ///< finer name, e.g. "owl" for a bird
  std::filesystem::path image;
};

/// A picture that shows none of our classes. `pool` >= 0: it is that PoolPhoto.
struct Backdrop {
  std::string id;
  std::filesystem::path image;
  int pool = -1;
};

/// A recording, 16 kHz mono.
struct SoundClip {
  std::string id;
  int cls = 0;           ///< class heard; 0: none of ours (noise, music)
  std::string subclass;  ///< finer name, e.g. "baby_cry" for a person; may be empty
  bool music = false;    ///< class 0 only: music with unknown instruments
  std::filesystem::path file;
  std::vector<float> best_windows;  ///< starts of the clearest one-second windows, s
};

/// A decoded photograph. `labels` holds the codes of label_codes.h at the size of `rgb`.
struct Picture {
  cv::Mat rgb;                ///< CV_8UC3, RGB
  cv::Mat labels;             ///< CV_8UC1
  std::vector<int> may_show;  ///< visible classes that may be there although no label says so
  /// File pixels per pixel of `rgb`, horizontally and vertically (1 unless reduced).
  double file_scale_x = 1, file_scale_y = 1;
};

/// A decoded cut-out, trimmed to its visible part.
struct Sprite {
  cv::Mat rgb;    ///< CV_8UC3, RGB
  cv::Mat alpha;  ///< CV_8UC1
  /// Whether the object is cut off by the edge of its photograph: left, top, right, bottom.
  bool cut_left = false, cut_top = false, cut_right = false, cut_bottom = false;
};

/// Decoded samples, 16 kHz.
struct SoundSamples {
  std::vector<std::int16_t> samples;
  /// Starts of one-second windows (samples) that are not mostly silent, on a grid of 0.125 s.
  std::vector<int> active_starts;
};

/// One split of a material, indexed. Files are decoded on first use and stay in memory. All const
/// members may be called from many threads.
class Material {
 public:
  /// Reads a folder with a manifest.csv, or every sub-folder of `dir` that has one. Optional beside
  /// the sub-folders (or beside the folder): sounds_audit.csv, whose verdicts "drop" are obeyed,
  /// and a pool folder's `<folder>-pseudo.csv` with pseudo label maps for the photographs.
  /// Throws MaterialError with all of the problems at once, CsvError for a malformed manifest.
  static Material load(const std::filesystem::path& dir, const Taxonomy& taxonomy,
                       const MaterialOptions& options = {});

  Material(Material&&) noexcept;
  Material& operator=(Material&&) noexcept;
  ~Material();

  const Taxonomy& taxonomy() const;
  const MaterialOptions& options() const;
  /// What was left out in lenient mode.
  const std::vector<std::string>& warnings() const;

  const std::vector<Photo>& photos() const;
  const std::vector<PoolPhoto>& pool() const;
  const std::vector<Cutout>& cutouts() const;
  const std::vector<Cutout>& distractors() const;
  const std::vector<Backdrop>& backdrops() const;
  const std::vector<SoundClip>& sounds() const;

  /// Indices by class number, 0 .. class_count(); class 0 of the sounds is noise and music.
  const std::vector<int>& photos_of(int cls) const;
  const std::vector<int>& cutouts_of(int cls) const;
  const std::vector<int>& sounds_of(int cls) const;
  bool audible(int cls) const { return !sounds_of(cls).empty(); }

  /// Decoded contents by index. Throw MaterialError if the file does not hold what it should.
  const Picture& photo(int index) const;
  /// The same for a pool photograph, with the rules of trusted_voc and zero_ok applied.
  const Picture& pool_picture(int index) const;
  const Sprite& cutout(int index) const;
  const Sprite& distractor(int index) const;
  /// Labels are all background, or unknown where a pool photograph's are.
  const Picture& backdrop(int index) const;
  const SoundSamples& sound(int index) const;

 private:
  struct State;
  explicit Material(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;

  friend class MaterialReader;
};

}  // namespace lightavseg
