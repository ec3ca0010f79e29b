// SPDX-License-Identifier: LGPL-2.1-or-later
/// Composes moving clips from class-paired material: one or two objects move gently, and what
/// sounds changes from section to section. For demonstrations and tests, never augmented.
#pragma once

#include <cstdint>
#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "model/data/canvas.h"
#include "model/data/material.h"

namespace lightavseg {

/// Material or options that allow no clip. The text names the option, or the class or file that is
/// missing, and what there is.
class ClipError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What sounds during a section of a clip.
enum class ClipSound {
  kFirst,    ///< the first object
  kSecond,   ///< the second object
  kBoth,     ///< both
  kSilence,  ///< digital silence
  kAbsent,   ///< a class that is not in the picture
};

/// "first", "second", "both", "silence" or "absent".
const char* to_string(ClipSound sound);

/// The inverse of to_string. Throws ClipError that lists the names.
ClipSound clip_sound(const std::string& name);

struct ClipPart {
  ClipSound sound = ClipSound::kFirst;
  double seconds = 3.5;
};

struct ClipOptions {
  cv::Size size{640, 360};  ///< of the pictures, pixels, each side 32 ... 4096
  std::vector<ClipPart> parts = {{ClipSound::kFirst, 3.5},
                                 {ClipSound::kSecond, 3.5},
                                 {ClipSound::kSilence, 3.5},
                                 {ClipSound::kAbsent, 3.5}};
  int objects = 2;  ///< 1 or 2
  /// With one object: probability that it is an untouched photograph, not an object on a
  /// background.
  double photograph = 0;
  /// Which objects, from left to right: class names, or ends of file names ("dog/rex.webp"). Fewer
  /// than `objects`: the rest is drawn.
  std::vector<std::string> wanted_objects;
  std::string wanted_background;  ///< end of a file name; empty: drawn
  /// Ends of the file names of sounds to take, in this order, for their classes. Classes that none
  /// of them has are drawn from all of theirs.
  std::vector<std::string> wanted_sounds;
  std::string wanted_absent;  ///< name of the class that sounds in kAbsent; empty: drawn
};

/// A section of a finished clip.
struct ClipSection {
  ClipSound sound = ClipSound::kSilence;
  double start_s = 0, end_s = 0;
  std::vector<int> classes;            ///< heard, ascending
  std::vector<std::string> sound_ids;  ///< files used, as SoundClip::id
};

struct ClipObject {
  int cls = 0;
  std::string id;        ///< as Photo::id or Cutout::id
  std::string subclass;  ///< finer name, may be empty
};

/// A composed clip. Immutable; may be read from several threads.
class Clip {
 public:
  const std::vector<ClipObject>& objects() const;
  const std::vector<ClipSection>& sections() const;
  /// As Backdrop::id; empty for a photograph and for an even colour.
  const std::string& background_id() const;
  cv::Size size() const;
  double seconds() const;

  /// The picture at a time in seconds, its labels with the codes of label_codes.h.
  Canvas picture(double time_s) const;

  /// The classes heard at a time; empty beyond the end.
  std::vector<int> sounding(double time_s) const;

  /// All of the sound: 16 kHz (kSceneSampleRate), full scale 1, round(seconds() * 16000) samples.
  const std::vector<float>& audio() const;

 private:
  struct State;
  explicit Clip(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;

  friend class ClipComposer;
};

/// compose() is a pure function of (material, options, seed, index) and may be called from several
/// threads.
class ClipComposer {
 public:
  /// `material` must outlive the composer.
  explicit ClipComposer(const Material& material) : material_(material) {}

  /// Throws ClipError, or MaterialError if a file turns out to be damaged.
  Clip compose(const ClipOptions& options, std::uint64_t seed, std::uint64_t index = 0) const;

  const Material& material() const { return material_; }

 private:
  const Material& material_;
};

}  // namespace lightavseg
