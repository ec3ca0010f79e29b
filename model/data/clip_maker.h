// SPDX-License-Identifier: LGPL-2.1-or-later
/// Draws the parts of a clip: ground, objects, places, sections. Part of ClipComposer.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/data/clip_composer.h"
#include "model/data/clip_layer.h"
#include "model/data/random.h"

namespace lightavseg {

/// One maker for one clip; its members are called in the order in which they stand here.
class ClipMaker {
 public:
  ClipMaker(const Material& material, const ClipOptions& options, Random random)
      : material_(material), options_(options), random_(random) {}

  /// What is behind the objects, larger than the picture by the way of the camera. `id` receives
  /// the background's file; `photographed` the object, if this is a photograph that has one.
  Canvas ground(std::string* id, ClipObject* photographed);

  /// The way of the camera over the ground.
  Wander camera();

  /// As many as the options say, of different classes, left to right.
  std::vector<std::pair<ClipObject, Sprite>> draw_objects();

  /// Where the object at `position` of `count` stands and how it moves.
  Layer place(const Sprite& sprite, int position, int count);

  /// Draws what sounds and adds it to the track. `seen`: all classes that may be in the picture.
  ClipSection section(const ClipPart& part, double start_s, const std::vector<ClipObject>& objects,
                      const std::vector<int>& seen, std::vector<float>* track);

  /// Throws ClipError if a sound that was asked for was not heard.
  void check_wanted_sounds() const;

 private:
  cv::Size ground_size() const;
  bool drawn_photograph(Canvas* canvas, ClipObject* photographed);
  std::pair<ClipObject, Sprite> named_file(const std::string& name) const;
  std::pair<ClipObject, Sprite> draw_of_class(int cls);
  int draw_class(const std::vector<int>& beside);
  bool goes_with(int cls, const std::vector<int>& others, bool clear) const;
  int absent_class(const std::vector<int>& seen);
  std::vector<int> recordings(int cls, const std::string& subclass);

  const Material& material_;
  const ClipOptions& options_;
  Random random_;
  std::set<std::string> used_sounds_;
};

}  // namespace lightavseg
