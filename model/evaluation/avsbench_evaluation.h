// SPDX-License-Identifier: LGPL-2.1-or-later
// How well a model does on a set in one of the layouts of AVSBench.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "model/data/avsbench.h"
#include "model/evaluation/metrics.h"
#include "model/evaluation/scene_predictor.h"

namespace lightavseg {

// A model that cannot be measured on the set; the text says why.
class AvsEvaluationError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct AvsEvaluationOptions {
  int threads = 1;      // batches evaluated side by side; figures do not depend on it
  int batch_clips = 2;  // clips of a batch, which Protocol::kAvsBench averages over
};

struct AvsEvaluation {
  BinaryMetrics binary;      // S4 and MS3
  SemanticMetrics semantic;  // AVSS
  // Of every clip, the mean over its annotated frames: S4 and MS3 the mask IoU as in BinaryScores,
  // AVSS the IoU of "sounds" whatever the class, 1 where neither mask has a pixel.
  std::vector<double> clip_scores;
  std::size_t frames = 0;  // annotated ones; others are not looked at
};

// For every class of the model, the class of the set that has its name, -1 if there is none.
// Background (0) goes with background. Throws AvsEvaluationError for a model without classes, or if
// no other name is the same.
std::vector<int> match_classes(const ModelConfig& config,
                               const std::vector<std::string>& set_names);

// Runs the network (in eval mode, float32, CPU) on all annotated frames. S4 and MS3 take any model:
// what is measured is its mask. AVSS takes models with classes: a pixel is of the class that
// sounds, background where nothing does and where the set has no class of that name. Throws
// AvsEvaluationError, or what AvsBench::load throws.
AvsEvaluation evaluate_avsbench(const ScenePredictor& predictor, const AvsBench& set,
                                const AvsEvaluationOptions& options);

// Name and value of the figures of a set under a protocol: miou and f_score; S4 and MS3 also
// best_threshold (kClean); AVSS also miou_without_background, f_score_without_background,
// pooled_miou and pixel_accuracy.
std::vector<std::pair<std::string, double>> named_figures(const AvsEvaluation& evaluation,
                                                          AvsSet set, Protocol protocol);

}  // namespace lightavseg
