// SPDX-License-Identifier: LGPL-2.1-or-later
// The best, the median and the worst of what a model marked, as pictures for a page.
#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "model/data/avsbench.h"
#include "model/data/evaluation_scenes.h"
#include "model/evaluation/html.h"
#include "model/evaluation/material_evaluation.h"
#include "model/evaluation/scene_predictor.h"
#include "model/network/lightavseg.h"

namespace lightavseg {

// A picture with a mask: what is marked is tinted, the rest is darkened, pixels that do not count
// (128) are grey. rgb: CV_8UC3; mask: CV_8UC1 of its size, 255 marked. Returns the bytes of a PNG.
std::vector<std::uint8_t> masked_png(const cv::Mat& rgb, const cv::Mat& mask);

// The bytes of a PNG of an RGB picture.
std::vector<std::uint8_t> rgb_png(const cv::Mat& rgb);

// Positions of the highest, the middle and the lowest value, without repetition: fewer than three
// for short lists.
struct Chosen {
  std::string name;  // "best", "median", "worst"
  std::size_t position = 0;
};
std::vector<Chosen> best_median_worst(const std::vector<double>& values);

// Picture, truth, mask, and what is marked without listening (models with classes).
// class_names: by number.
html::PictureRow scene_row(const ScenePredictor& predictor, const Scene& scene,
                           const std::vector<std::string>& class_names, const std::string& caption);

// The same few scenes of every kind each time, to be compared while a network learns. Puts the
// network into eval mode. Throws SceneError for material without such scenes.
std::vector<html::PictureRow> sample_rows(LightAVSeg& network, const EvaluationScenes& scenes,
                                          const std::vector<std::string>& class_names);

// A heading for every kind of scene, and under it picture, truth, mask, and what is marked without
// listening (models with classes). scores: from evaluate_material() on the same scenes.
// class_names: by number.
void add_scenes(const ScenePredictor& predictor, const EvaluationScenes& scenes,
                const std::vector<SceneScore>& scores, const std::vector<std::string>& class_names,
                html::Page* page);

// The middle annotated frame of the best, the median and the worst clip. clip_scores: as in
// AvsEvaluation.
void add_avs_clips(const ScenePredictor& predictor, const AvsBench& set,
                   const std::vector<double>& clip_scores, html::Page* page);

}  // namespace lightavseg
