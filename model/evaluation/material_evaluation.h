// SPDX-License-Identifier: LGPL-2.1-or-later
// How well a model marks what sounds, on the test scenes of a material.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/data/evaluation_scenes.h"
#include "model/evaluation/scene_predictor.h"

namespace lightavseg {

struct MaterialEvaluationOptions {
  int clips = 200;             // scenes of every kind (pairs for the swap test)
  std::uint64_t seed = 1;      // which scenes
  int threads = 1;             // scenes evaluated side by side; figures do not depend on it
  double false_share = 0.005;  // a mask larger than this share of the picture is a false alarm
  // Class names by number, as the scenes count (Taxonomy::class_names), for the oracle. Empty: the
  // model counts alike, as one does that was trained with the same class list.
  std::vector<std::string> class_names;
};

// Shares and IoUs are 0..1. The threshold of a mask is probability 0.5.
struct MaterialFigures {
  double miou = 0;        // photographs with one known object, its sound playing
  double miou_multi = 0;  // several objects, one or two sounding
  double miou_multi_one = 0, miou_multi_two = 0;  // of these: one sounds, two sound
  // The same scenes marked without listening: every object that the class head sees, or, in a
  // model without classes, the mask under the mean audio state of all scenes.
  double miou_multi_vision = 0;
  double miou_vision = 0;  // the same on the single photographs
  double miou_multi_vision_one = 0, miou_multi_vision_two = 0;  // of miou_multi_vision
  // The same scenes marked by somebody who is told what sounds: pixels whose most probable class
  // is a sounding one. Only in a model with mask and classes (has_oracle).
  bool has_oracle = false;
  double miou_oracle = 0, miou_multi_oracle = 0;
  // The same scenes marked by somebody who sees perfectly and hears nothing: all of the objects.
  // What is between this and 1 is all that listening can give.
  double miou_multi_objects = 0;
  // How well the class head sees these scenes, whatever sounds: IoU of what it calls an object with
  // the objects, and the share of their pixels that it gives their class (has_oracle).
  double objects_found = 0, objects_named = 0;
  double swap = 0;         // pairs in which both masks fit their own object better than the other
  double swap_single = 0;  // masks that fit their own object better than the other
  double silence_false = 0, offscreen_false = 0;  // scenes with a false alarm
  double silence_area = 0, offscreen_area = 0;    // mean share of the picture marked
  int single = 0, multi = 0, pairs = 0, silence = 0, offscreen = 0;  // scenes
};

// How one scene went. index: of the scene, for kSwap of the pair. score: more is better; the IoU,
// for kSwap by how much the masks fit their own object better than the other (-1..1), for kSilence
// and kOffscreen minus the share of the picture marked.
struct SceneScore {
  EvaluationKind kind = EvaluationKind::kSingle;
  int index = 0;
  double score = 0;
};

// Runs a network (in eval mode, float32, CPU) or an engine on the scenes. scores: if not null,
// receives every scene's. Throws SceneError if the material has no scenes of a kind.
MaterialFigures evaluate_material(const ScenePredictor& predictor, const EvaluationScenes& scenes,
                                  const MaterialEvaluationOptions& options,
                                  std::vector<SceneScore>* scores = nullptr);

// Name and value of every figure that the model has.
std::vector<std::pair<std::string, double>> named_figures(const MaterialFigures& figures);

}  // namespace lightavseg
