// SPDX-License-Identifier: LGPL-2.1-or-later
/// What sounds in a scene, and how it sounds. Part of SceneComposer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/data/canvas.h"
#include "model/data/scene_composer.h"

namespace lightavseg {

/// What is to be heard, before any sample is read.
struct SoundPlan {
  SoundKind kind = SoundKind::kSilence;
  std::vector<int> sounding;  ///< classes, ascending; empty for noise, music and silence
  int quieter = -1;           ///< a class of `sounding` that stays in the background, or -1
  bool music = false;         ///< kOther without a class: music instead of noise
};

class SoundMaker {
 public:
  /// Both must outlive this object.
  SoundMaker(const Material& material, const SceneOptions& options);

  SoundKind draw_kind(Random& random) const;

  /// A plan of the wanted kind for a picture, or of the nearest kind that it allows: two visible ->
  /// one visible -> absent -> silence. Never calls a class absent that may be in the picture.
  SoundPlan plan(Random& random, SoundKind wanted, const Canvas& canvas) const;

  /// The samples. Sub-classes of the canvas's objects (an owl among the birds) are preferred.
  std::vector<float> render(Random& random, const SoundPlan& plan, const Canvas& canvas) const;

  /// One sound of a class (0: noise), shaped but at its own level. `subclass` may be empty.
  std::vector<float> one_sound(Random& random, int cls, const std::string& subclass) const;

  /// Random classes for audio pretraining, by the square root of their number of sounds.
  int draw_class(Random& random, const std::vector<int>& candidates) const;
  const std::vector<int>& audible_classes() const { return audible_; }

  /// Adds a noise at a random SNR below, sets the level and prevents clipping.
  void finish(Random& random, bool background, std::vector<float>* samples) const;

 private:
  std::vector<int> visible_and_alone(const Canvas& canvas) const;
  std::vector<int> absent_classes(const Canvas& canvas) const;
  int draw_absent(Random& random, const Canvas& canvas) const;
  SoundPlan plan_other(Random& random, const Canvas& canvas) const;
  std::vector<float> noise(Random& random) const;
  std::vector<float> clip_window(Random& random, int clip) const;

  const Material& material_;
  const SceneOptions& options_;
  std::vector<int> audible_;                                         // classes with sounds
  std::vector<std::map<std::string, std::vector<int>>> subclasses_;  // clips by class and subclass
  std::vector<int> noises_, music_;
};

}  // namespace lightavseg
