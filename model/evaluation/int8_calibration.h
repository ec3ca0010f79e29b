// SPDX-License-Identifier: LGPL-2.1-or-later
// How large the values get that the engine's int8 path rounds, on scenes.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "model/data/evaluation_scenes.h"
#include "model/engine/engine.h"

namespace lightavseg {

// By step of the plan (model/engine/int8_ranges.h): the mean over the scenes of the largest
// magnitude. What is larger in some scene is cut off there, which costs less than coarse steps in
// all of them. engine: of floats, for the size of the scenes. clips: scenes of each of three kinds,
// at least 1. Throws SceneError as EvaluationScenes::scene() does.
std::map<std::string, float> measure_int8_ranges(const std::shared_ptr<const Engine>& engine,
                                                 const EvaluationScenes& scenes, int clips);

}  // namespace lightavseg
