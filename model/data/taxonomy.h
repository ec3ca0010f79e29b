// SPDX-License-Identifier: LGPL-2.1-or-later
/// The classes of the training material: what can be seen, what can only be heard, which classes
/// are easily confused by ear, and how the folder names of a material map onto them.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace lightavseg {

/// The text names the file and field, what is wrong and what would be right.
class TaxonomyError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Class numbers: 0 background, 1 .. visible_count() the visible classes (these are the values of
/// label maps), above that the classes that have sounds but no pictures. Immutable, so it may be
/// shared between threads.
///
/// The JSON file has these members, all of them required:
///  - version: 1
///  - visible, sound_only: class names in the order of their numbers
///  - groups: lists of classes that are easily confused by ear (a class may be in several)
///  - instruments: the classes that a piece of music may contain
///  - inseparable: sound class -> visible classes that might really make such a sound; the sound
///    never counts as "not visible" while one of them is in the picture
///  - voc: class -> number in the order of PASCAL VOC, for pseudo label maps
///  - aliases: other names of classes, as folders and manifests use them
///  - rules: [{kind, class, match, to}], exceptions to the above for single files
class Taxonomy {
 public:
  /// Visible classes at most, because a label map also has to hold "perhaps this class".
  static constexpr int kMaxVisible = 100;

  /// Throws TaxonomyError.
  static Taxonomy load(const std::filesystem::path& path);

  /// `name` stands for the file in error texts.
  static Taxonomy parse(std::string_view json, const std::string& name);

  int visible_count() const { return visible_count_; }
  /// Visible and sound-only classes together, background not counted.
  int class_count() const { return static_cast<int>(names_.size()) - 1; }
  bool is_visible(int cls) const { return cls >= 1 && cls <= visible_count_; }
  const std::string& class_name(int cls) const { return names_.at(static_cast<std::size_t>(cls)); }
  /// All names, background first, then the visible classes, then the sound-only ones.
  const std::vector<std::string>& class_names() const { return names_; }

  /// The number of a class name or alias; -1 if unknown, 0 for "background".
  int find(const std::string& name) const;

  /// The classes that share a group with `cls`, without itself, ascending.
  const std::vector<int>& confusable_with(int cls) const;
  bool is_instrument(int cls) const { return instrument_.at(static_cast<std::size_t>(cls)); }
  /// Whether a visible thing of class `seen` could well make the sound of class `heard`.
  bool may_sound_like(int seen, int heard) const;

  /// Our class of a VOC number (1 .. 20); 0 if we have none.
  int from_voc(int voc) const;

  struct Resolved {
    bool left_out = false;  ///< a rule says that this file is not to be used
    int cls = -1;           ///< class number; -1 when nothing is known about the name
    bool by_rule = false;
  };

  /// The class of one file. The first rule wins whose kind and class fit and whose `match` occurs
  /// in `text`; without one the name or alias decides.
  /// @param kind "image", "cutout", "sound", "distractor" or "background"
  /// @param cls the class as the manifest names it, may be empty
  /// @param text whatever is known about the file: file name, origin, sub-class
  Resolved resolve(const std::string& kind, const std::string& cls, const std::string& text) const;

 private:
  struct Rule {
    std::string kind, cls, match;
    int to = -1;  // -1: leave the file out
  };

  int visible_count_ = 0;
  std::vector<std::string> names_;
  std::unordered_map<std::string, int> by_name_;
  std::vector<std::vector<int>> confusable_;
  std::vector<std::vector<int>> inseparable_;
  std::vector<bool> instrument_;
  std::vector<int> from_voc_;
  std::vector<Rule> rules_;

  friend class TaxonomyReader;
};

}  // namespace lightavseg
