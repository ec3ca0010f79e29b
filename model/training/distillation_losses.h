// SPDX-License-Identifier: LGPL-2.1-or-later
// Losses that teach a network from another one: feature maps, class probabilities and multi-label
// scores. Precision, validity and errors as in losses.h. Teachers never receive a gradient.
#pragma once

#include <torch/torch.h>

#include "model/training/loss_support.h"

namespace lightavseg {

// ---- feature maps ------------------------------------------------------------------------------

// Mean and deviation of every channel of a teacher over many batches, in float64. Not for several
// threads at once.
class ChannelStatistics {
 public:
  // features: [B, C, h, w]; throws LossError when C changes.
  void add(const torch::Tensor& features);

  // [C], float32. Throw LossError before the first add().
  torch::Tensor mean() const;
  torch::Tensor deviation() const;

 private:
  torch::Tensor sum_;
  torch::Tensor sum_of_squares_;
  int64_t count_ = 0;
};

// (features - mean) / deviation per channel, so that no channel of a teacher outweighs the others.
// mean, deviation: [C]. A channel that never varies becomes 0.
torch::Tensor standardise(const torch::Tensor& features, const torch::Tensor& mean,
                          const torch::Tensor& deviation);

enum class FeatureDistance {
  kMse,
  kCosine,    // 1 - cosine per position, over the channels
  kSmoothL1,  // quadratic below `smooth_l1_beta`, linear above
};

struct FeatureDistillationOptions {
  FeatureDistance distance = FeatureDistance::kCosine;
  double smooth_l1_beta = 1;
};

// A map brought to another grid: averaged over cells when both sides shrink, bilinear otherwise.
torch::Tensor match_grid(const torch::Tensor& map, int64_t height, int64_t width);

// student: [B, C, h, w], already projected to the teacher's channels; it is brought to the grid of
// teacher: [B, C, H, W]. Mean over counted positions. valid: [B] or [B, 1, H, W] or undefined.
torch::Tensor feature_distillation_loss(const torch::Tensor& student, const torch::Tensor& teacher,
                                        const FeatureDistillationOptions& options = {},
                                        const torch::Tensor& valid = {});

// ---- classes -----------------------------------------------------------------------------------

// KL(teacher || student) over the classes, both softened by the temperature T, times T^2 so that
// the gradient keeps its size (Hinton et al., arXiv 1503.02531). student_logits: [B, K] or
// [B, K, h, w]; teacher_probabilities: [B, K] or [B, K, H, W], not negative, summing to 1 over K; a
// map of the student is brought to the teacher's grid. Mean over counted frames or positions.
// Throws LossError for a temperature that is not above 0.
torch::Tensor probability_distillation_loss(const torch::Tensor& student_logits,
                                            const torch::Tensor& teacher_probabilities,
                                            double temperature = 1,
                                            const torch::Tensor& valid = {});

// Binary cross-entropy of independent labels against soft scores. student_logits, teacher_scores:
// [B, K], scores in 0..1. class_weights: [K] or undefined; the mean is weighted by them.
// valid: [B] or undefined.
torch::Tensor score_distillation_loss(const torch::Tensor& student_logits,
                                      const torch::Tensor& teacher_scores,
                                      const torch::Tensor& class_weights = {},
                                      const torch::Tensor& valid = {});

}  // namespace lightavseg
