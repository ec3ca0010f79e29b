// SPDX-License-Identifier: LGPL-2.1-or-later
/// The pictures of scenes: crops of photographs and composites. Part of SceneComposer.
#pragma once

#include "model/data/canvas.h"
#include "model/data/scene_composer.h"

namespace lightavseg {

struct MadePicture {
  Canvas canvas;
  std::string photo_id;
  cv::Matx23d scene_to_photo{1, 0, 0, 0, 1, 0};
  bool plain_background = false;
  bool from_pool = false;  ///< objects.front(), if any, is visible even where nothing is labelled
};

class PictureMaker {
 public:
  /// Both must outlive this object. Throws SceneError if the material has no pictures.
  PictureMaker(const Material& material, const SceneOptions& options);

  /// A picture before any change of colour or quality. `several`: with two audible classes, as far
  /// as the material allows.
  MadePicture make(Random& random, bool several) const;

  MadePicture photograph(Random& random) const;
  MadePicture pool_photograph(Random& random) const;
  MadePicture composite(Random& random, bool several) const;

  /// One to three objects on a background; `several`: two or three.
  MadePicture on_background(Random& random, bool several) const;

 private:
  MadePicture on_photograph(Random& random, bool several) const;
  MadePicture side_by_side(Random& random) const;

  Canvas background(Random& random) const;
  MadePicture cropped_photo(Random& random, int index, const cv::Size& size) const;
  /// Pastes an object of a class that goes with what is there; false if none was found.
  bool add_object(Random& random, int count, bool audible, bool held, Canvas* canvas) const;
  void add_distractor(Random& random, Canvas* canvas) const;
  Placement place(Random& random, const Sprite& sprite, int count, const Canvas& canvas) const;
  Placement place_on_person(Random& random, const Canvas& canvas) const;
  int draw_class(Random& random, const std::vector<std::vector<int>>& lists, bool audible,
                 const std::vector<int>& beside) const;
  bool goes_with(int cls, const std::vector<int>& others) const;

  const Material& material_;
  const SceneOptions& options_;
  // Indices of photographs by class.
  std::vector<std::vector<int>> natural_, plain_;
  std::vector<std::vector<int>> objects_;  // photographs and cut-outs, only for the counts
};

}  // namespace lightavseg
