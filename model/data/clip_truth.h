// SPDX-License-Identifier: LGPL-2.1-or-later
/// What is to be seen and heard in a composed clip, for files that lie beside it.
#pragma once

#include <map>
#include <string>

#include "model/data/clip_composer.h"
#include "model/data/taxonomy.h"

namespace lightavseg {

/// Times between two entries of "boxes" in clip_truth_json().
constexpr double kTruthStep_s = 0.2;

/// The tight box around every object, by class; objects that cannot be seen are left out.
std::map<int, cv::Rect> object_boxes(const Clip& clip, double time_s);

/// A JSON object:
///  - width, height (pixels), seconds
///  - background: file, empty if there is none
///  - objects: [{class, file}], left to right
///  - sections: [{sound ("first", "second", "both", "silence", "absent"), start_s, end_s,
///    classes (heard), files (sounds), boxes}]; boxes: for each class that is heard and seen
///    [x, y, width, height], the box that holds its object during the whole section
///  - boxes: [{time_s, boxes}] every 0.2 s, of all objects
/// Files are named as in the material: folder and path.
std::string clip_truth_json(const Clip& clip, const Taxonomy& taxonomy);

}  // namespace lightavseg
