// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/distillation_losses.h"

#include <fmt/format.h>

namespace lightavseg {
namespace {

namespace F = torch::nn::functional;

// Below this a standard deviation is rounding noise of a constant channel.
constexpr double kSmallestDeviation = 1e-6;
constexpr double kSmallestProbability = 1e-8;

void require_same_channels(const torch::Tensor& student, const torch::Tensor& teacher) {
  if (student.size(0) != teacher.size(0) || student.size(1) != teacher.size(1)) {
    throw LossError(
        fmt::format("the student is {} where the teacher is {}; frames and channels must agree: "
                    "project the student first",
                    shape_text(student), shape_text(teacher)));
  }
}

torch::Tensor per_channel(const torch::Tensor& values, const torch::Tensor& features,
                          const char* name) {
  require_dimensions(values, 1, name);
  if (values.size(0) != features.size(1)) {
    throw LossError(
        fmt::format("{} has {} values for {} channels", name, values.size(0), features.size(1)));
  }
  return values.to(features.options()).view({1, -1, 1, 1});
}

}  // namespace

void ChannelStatistics::add(const torch::Tensor& features) {
  require_dimensions(features, 4, "features");
  if (sum_.defined() && features.size(1) != sum_.size(0)) {
    throw LossError(fmt::format("features are {} after maps of {} channels", shape_text(features),
                                sum_.size(0)));
  }
  const torch::NoGradGuard no_gradient;
  const FullPrecision full_precision;
  const torch::Tensor values = features.to(torch::kDouble);
  const torch::Tensor sum = values.sum(std::vector<int64_t>{0, 2, 3});
  const torch::Tensor squares = values.square().sum(std::vector<int64_t>{0, 2, 3});
  sum_ = sum_.defined() ? sum_ + sum : sum;
  sum_of_squares_ = sum_of_squares_.defined() ? sum_of_squares_ + squares : squares;
  count_ += features.size(0) * features.size(2) * features.size(3);
}

torch::Tensor ChannelStatistics::mean() const {
  if (count_ == 0) throw LossError("channel statistics are empty; add feature maps first");
  return (sum_ / count_).to(torch::kFloat);
}

torch::Tensor ChannelStatistics::deviation() const {
  if (count_ == 0) throw LossError("channel statistics are empty; add feature maps first");
  const torch::Tensor mean = sum_ / count_;
  return (sum_of_squares_ / count_ - mean.square()).clamp_min(0).sqrt().to(torch::kFloat);
}

torch::Tensor standardise(const torch::Tensor& features, const torch::Tensor& mean,
                          const torch::Tensor& deviation) {
  const FullPrecision full_precision;
  require_dimensions(features, 4, "features");
  const torch::Tensor values = to_full_precision(features);
  const torch::Tensor scale = per_channel(deviation, values, "deviation");
  const torch::Tensor constant = scale.lt(kSmallestDeviation);
  return ((values - per_channel(mean, values, "mean")) / scale.masked_fill(constant, 1))
      .masked_fill(constant, 0);
}

torch::Tensor match_grid(const torch::Tensor& map, int64_t height, int64_t width) {
  require_dimensions(map, 4, "the map to resize");
  if (map.size(2) == height && map.size(3) == width) return map;
  if (map.size(2) >= height && map.size(3) >= width) {
    return torch::adaptive_avg_pool2d(map, {height, width});
  }
  return F::interpolate(map, F::InterpolateFuncOptions()
                                 .size(std::vector<int64_t>{height, width})
                                 .mode(torch::kBilinear)
                                 .align_corners(false));
}

torch::Tensor feature_distillation_loss(const torch::Tensor& student, const torch::Tensor& teacher,
                                        const FeatureDistillationOptions& options,
                                        const torch::Tensor& valid) {
  const FullPrecision full_precision;
  require_dimensions(student, 4, "the student");
  require_dimensions(teacher, 4, "the teacher");
  require_same_channels(student, teacher);
  const int64_t height = teacher.size(2);
  const int64_t width = teacher.size(3);
  const torch::Tensor counted =
      expand_validity(valid, student.size(0), height, width, student.device());
  const torch::Tensor ignored = counted.logical_not();
  const torch::Tensor guess =
      match_grid(to_full_precision(student), height, width).masked_fill(ignored, 0);
  const torch::Tensor truth = teacher.detach().to(guess.options()).masked_fill(ignored, 0);
  switch (options.distance) {
    case FeatureDistance::kMse:
      return mean_where((guess - truth).square(), counted);
    case FeatureDistance::kSmoothL1:
      if (!(options.smooth_l1_beta > 0)) {
        throw LossError(
            fmt::format("smooth_l1_beta is {}; it must be above 0", options.smooth_l1_beta));
      }
      return mean_where(
          torch::smooth_l1_loss(guess, truth, torch::Reduction::None, options.smooth_l1_beta),
          counted);
    case FeatureDistance::kCosine:
      break;
  }
  // The shortest length of a student vector bounds its gradient where training starts near zero.
  constexpr double kShortestNorm = 1e-3;
  const torch::Tensor lengths =
      (guess.square().sum(1, true) + kShortestNorm * kShortestNorm).sqrt() *
      (truth.square().sum(1, true) + kShortestNorm * kShortestNorm).sqrt();
  return mean_where(1 - (guess * truth).sum(1, true) / lengths, counted);
}

torch::Tensor probability_distillation_loss(const torch::Tensor& student_logits,
                                            const torch::Tensor& teacher_probabilities,
                                            double temperature, const torch::Tensor& valid) {
  const FullPrecision full_precision;
  if (!(temperature > 0)) {
    throw LossError(fmt::format("the temperature is {}; it must be above 0", temperature));
  }
  if (!teacher_probabilities.defined() ||
      (teacher_probabilities.dim() != 2 && teacher_probabilities.dim() != 4)) {
    throw LossError(fmt::format("the teacher is {}; give probabilities [B, K] or [B, K, H, W]",
                                shape_text(teacher_probabilities)));
  }
  require_dimensions(student_logits, teacher_probabilities.dim(), "the student");
  require_same_channels(student_logits, teacher_probabilities);
  torch::Tensor logits = to_full_precision(student_logits);
  torch::Tensor teacher = teacher_probabilities.detach().to(logits.options());
  if (logits.dim() == 2) {
    logits = logits.view({logits.size(0), logits.size(1), 1, 1});
    teacher = teacher.view({teacher.size(0), teacher.size(1), 1, 1});
  }
  const int64_t height = teacher.size(2);
  const int64_t width = teacher.size(3);
  const torch::Tensor counted =
      expand_validity(valid, logits.size(0), height, width, logits.device());
  const torch::Tensor ignored = counted.logical_not();
  logits = match_grid(logits, height, width).masked_fill(ignored, 0);
  // Probabilities to the power 1/T, made to sum to 1 again: the softmax of log(p) / T.
  const torch::Tensor log_teacher =
      (teacher.masked_fill(ignored, 0).clamp_min(kSmallestProbability).log() / temperature)
          .log_softmax(1);
  const torch::Tensor log_student = (logits / temperature).log_softmax(1);
  const torch::Tensor divergence =
      (log_teacher.exp() * (log_teacher - log_student)).sum(1, /*keepdim=*/true);
  return mean_where(divergence, counted) * (temperature * temperature);
}

torch::Tensor score_distillation_loss(const torch::Tensor& student_logits,
                                      const torch::Tensor& teacher_scores,
                                      const torch::Tensor& class_weights,
                                      const torch::Tensor& valid) {
  const FullPrecision full_precision;
  require_dimensions(student_logits, 2, "the student");
  require_dimensions(teacher_scores, 2, "the teacher");
  require_same_channels(student_logits, teacher_scores);
  torch::Tensor weights =
      frame_validity(valid, student_logits.size(0), student_logits.device()).unsqueeze(1);
  const torch::Tensor ignored = weights.logical_not();
  const torch::Tensor logits = to_full_precision(student_logits).masked_fill(ignored, 0);
  const torch::Tensor scores = teacher_scores.detach().to(logits.options()).masked_fill(ignored, 0);
  const torch::Tensor values =
      torch::binary_cross_entropy_with_logits(logits, scores, {}, {}, torch::Reduction::None);
  if (!class_weights.defined()) return mean_where(values, weights);
  require_dimensions(class_weights, 1, "class_weights");
  if (class_weights.size(0) != logits.size(1)) {
    throw LossError(fmt::format("class_weights has {} values for {} classes", class_weights.size(0),
                                logits.size(1)));
  }
  weights = weights.to(logits.scalar_type()) * class_weights.detach().to(logits.options());
  const torch::Tensor total = weights.sum();
  return (values * weights).sum() / total.masked_fill(total.le(0), 1);
}

}  // namespace lightavseg
