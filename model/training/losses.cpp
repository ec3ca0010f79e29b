// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/losses.h"

#include <fmt/format.h>

namespace lightavseg {
namespace {

namespace F = torch::nn::functional;

void require_same_shape(const torch::Tensor& logits, const torch::Tensor& mask) {
  require_dimensions(logits, 4, "logits");
  require_dimensions(mask, 4, "mask");
  if (logits.sizes() != mask.sizes()) {
    throw LossError(fmt::format("the mask is {} where the logits are {}; resize the logits first",
                                shape_text(mask), shape_text(logits)));
  }
}

// Logits and mask in the precision of the loss, 0 where the pixel does not count: a nan there must
// reach neither the sum nor, times zero, the gradient.
struct Prepared {
  torch::Tensor logits;
  torch::Tensor mask;
  torch::Tensor valid;  // boolean [B, 1, H, W]
};

Prepared prepare(const torch::Tensor& logits, const MaskTarget& target) {
  require_same_shape(logits, target.mask);
  Prepared prepared;
  prepared.valid = expand_validity(target.valid, logits.size(0), logits.size(2), logits.size(3),
                                   logits.device());
  const torch::Tensor ignored = prepared.valid.logical_not();
  prepared.logits = to_full_precision(logits).masked_fill(ignored, 0);
  prepared.mask = target.mask.to(prepared.logits.options()).masked_fill(ignored, 0);
  return prepared;
}

torch::Tensor resize(const torch::Tensor& map, int64_t height, int64_t width) {
  if (map.size(2) == height && map.size(3) == width) return map;
  return F::interpolate(map, F::InterpolateFuncOptions()
                                 .size(std::vector<int64_t>{height, width})
                                 .mode(torch::kBilinear)
                                 .align_corners(false));
}

void require_pair(const AlignedPair& pair) {
  require_dimensions(pair.visual, 4, "the visual map of a pair");
  require_dimensions(pair.audio, 4, "the audio state of a pair");
  const bool fits = pair.audio.size(1) == pair.visual.size(1) && pair.audio.size(2) == 1 &&
                    pair.audio.size(3) == 1 &&
                    (pair.audio.size(0) == pair.visual.size(0) || pair.audio.size(0) == 1);
  if (!fits) {
    throw LossError(fmt::format(
        "the audio state of a pair is {} where the visual map is {}; it must be [B, C, 1, 1] with "
        "the same B and C",
        shape_text(pair.audio), shape_text(pair.visual)));
  }
}

// Unit vectors along the channels, 0 for vectors without a direction. The norm of those is replaced
// before the root: the derivative of the root at 0 is infinite.
torch::Tensor directions(const torch::Tensor& vectors, double shortest_norm) {
  const torch::Tensor squares = vectors.square().sum(1, /*keepdim=*/true);
  const torch::Tensor no_direction = squares.le(shortest_norm * shortest_norm);
  return (vectors / squares.masked_fill(no_direction, 1).sqrt()).masked_fill(no_direction, 0);
}

}  // namespace

torch::Tensor dice_loss(const torch::Tensor& logits, const MaskTarget& target,
                        const DiceOptions& options) {
  const FullPrecision full_precision;
  const Prepared prepared = prepare(logits, target);
  const torch::Tensor p =
      prepared.logits.sigmoid().masked_fill(prepared.valid.logical_not(), 0).flatten(1);
  const torch::Tensor g = prepared.mask.flatten(1);
  const torch::Tensor intersection = (p * g).sum(1);
  const torch::Tensor squares = p.square().sum(1) + g.square().sum(1) + 2 * options.smoothing;
  torch::Tensor counted = prepared.valid.flatten(1).any(1);
  if (options.only_non_empty) counted = counted.logical_and(g.sum(1).gt(0));
  return mean_where(1 - 2 * intersection / squares, counted);
}

torch::Tensor bce_loss(const torch::Tensor& logits, const MaskTarget& target) {
  const FullPrecision full_precision;
  const Prepared prepared = prepare(logits, target);
  const torch::Tensor values = torch::binary_cross_entropy_with_logits(
      prepared.logits, prepared.mask, {}, {}, torch::Reduction::None);
  return mean_where(values, prepared.valid);
}

SegmentationLoss segmentation_loss(const torch::Tensor& logits, const MaskTarget& target,
                                   const SegmentationLossOptions& options) {
  SegmentationLoss loss;
  loss.dice = dice_loss(logits, target, options.dice);
  loss.pixel = bce_loss(logits, target);
  loss.total = options.dice_weight * loss.dice + options.bce_weight * loss.pixel;
  return loss;
}

torch::Tensor foreground_logits(const torch::Tensor& logits) {
  const FullPrecision full_precision;
  require_dimensions(logits, 4, "logits");
  if (logits.size(1) < 2) {
    throw LossError(
        fmt::format("logits are {}; a semantic model has at least 2 classes", shape_text(logits)));
  }
  const torch::Tensor scores = to_full_precision(logits);
  return scores.slice(1, 1).logsumexp(1, /*keepdim=*/true) - scores.slice(1, 0, 1);
}

SegmentationLoss semantic_loss(const torch::Tensor& logits, const torch::Tensor& labels,
                               const SemanticLossOptions& options, const torch::Tensor& valid) {
  const FullPrecision full_precision;
  require_dimensions(logits, 4, "logits");
  require_dimensions(labels, 3, "labels");
  const int64_t classes = logits.size(1);
  if (labels.size(0) != logits.size(0) || labels.size(1) != logits.size(2) ||
      labels.size(2) != logits.size(3) || torch::is_floating_point(labels)) {
    throw LossError(fmt::format(
        "labels are {} where the logits are {}; give integers [B, H, W] of the logits' size",
        shape_text(labels), shape_text(logits)));
  }
  const torch::Tensor indices = labels.to(logits.device(), torch::kLong);
  const torch::Tensor ignored_labels = indices.eq(options.ignore_label);
  const torch::Tensor wrong =
      indices.lt(0).logical_or(indices.ge(classes)).logical_and(ignored_labels.logical_not());
  if (wrong.any().item<bool>()) {
    throw LossError(fmt::format("a label is {}, no class of 0..{} and not the ignore label {}",
                                indices.masked_select(wrong)[0].item<int64_t>(), classes - 1,
                                options.ignore_label));
  }
  const torch::Tensor counted =
      expand_validity(valid, logits.size(0), logits.size(2), logits.size(3), logits.device())
          .logical_and(ignored_labels.logical_not().unsqueeze(1));
  const torch::Tensor ignored = counted.logical_not();
  const torch::Tensor scores = to_full_precision(logits).masked_fill(ignored, 0);
  const torch::Tensor targets = indices.masked_fill(ignored.squeeze(1), 0);

  SegmentationLoss loss;
  loss.pixel = mean_where(
      torch::cross_entropy_loss(scores, targets, {}, torch::Reduction::None).unsqueeze(1), counted);
  loss.dice =
      dice_loss(foreground_logits(scores), {targets.ne(0).unsqueeze(1), counted}, options.dice);
  loss.total = options.dice_weight * loss.dice + options.cross_entropy_weight * loss.pixel;
  return loss;
}

torch::Tensor class_loss(const torch::Tensor& logits, const torch::Tensor& labels, double balance) {
  const FullPrecision full_precision;
  require_dimensions(logits, 4, "logits");
  require_dimensions(labels, 3, "labels");
  const auto centres = [&](int64_t cells, int64_t pixels) {
    return ((torch::arange(cells, torch::kDouble) + 0.5) * (double(pixels) / double(cells)))
        .to(labels.device(), torch::kLong);
  };
  const torch::Tensor read = labels.index_select(1, centres(logits.size(2), labels.size(1)))
                                 .index_select(2, centres(logits.size(3), labels.size(2)))
                                 .to(torch::kLong);
  const torch::Tensor counted = read.ne(255);
  const torch::Tensor scores = to_full_precision(logits);
  const torch::Tensor losses =
      torch::cross_entropy_loss(scores, read, {}, torch::Reduction::None, /*ignore_index=*/255);
  torch::Tensor weights = counted.to(scores.scalar_type());
  if (balance > 0) {
    const torch::Tensor indices = read.masked_fill(counted.logical_not(), 0).flatten(1);
    const torch::Tensor cells = torch::zeros({read.size(0), logits.size(1)}, weights.options())
                                    .scatter_add(1, indices, weights.flatten(1));
    weights = weights * cells.clamp_min(1).pow(-balance).gather(1, indices).view_as(read);
  }
  return (losses * weights).sum() / weights.sum().clamp_min(1e-6);
}

torch::Tensor alignment_map(const AlignedPair& pair, const AlignmentOptions& options) {
  const FullPrecision full_precision;
  require_pair(pair);
  if (!(options.temperature > 0)) {
    throw LossError(
        fmt::format("the alignment temperature is {}; it must be above 0", options.temperature));
  }
  const torch::Tensor visual = directions(to_full_precision(pair.visual), options.shortest_norm);
  const torch::Tensor audio = directions(to_full_precision(pair.audio), options.shortest_norm);
  const torch::Tensor cosine = (visual * audio).sum(1, /*keepdim=*/true);
  return (cosine / options.temperature).sigmoid();
}

torch::Tensor alignment_loss(const std::vector<AlignedPair>& pairs, const MaskTarget& target,
                             const AlignmentOptions& options) {
  const FullPrecision full_precision;
  require_dimensions(target.mask, 4, "mask");
  if (target.mask.size(1) != 1) {
    throw LossError(fmt::format("the mask is {}; alignment compares with one mask, [B, 1, H, W]",
                                shape_text(target.mask)));
  }
  const int64_t height = target.mask.size(2);
  const int64_t width = target.mask.size(3);
  torch::Tensor sum = torch::zeros({}, target.mask.device());
  for (const AlignedPair& pair : pairs) {
    const torch::Tensor map = resize(alignment_map(pair, options), height, width);
    const torch::Tensor probability = map.clamp(options.clamp, 1 - options.clamp);
    if (probability.size(0) != target.mask.size(0)) {
      throw LossError(fmt::format("a pair has {} frames where the mask is {}", probability.size(0),
                                  shape_text(target.mask)));
    }
    const torch::Tensor valid =
        expand_validity(target.valid, probability.size(0), height, width, probability.device());
    const torch::Tensor ignored = valid.logical_not();
    // A constant in place of what is ignored keeps a nan there out of the gradient.
    const torch::Tensor values = torch::binary_cross_entropy(
        probability.masked_fill(ignored, 0.5),
        target.mask.to(probability.options()).masked_fill(ignored, 0), {}, torch::Reduction::None);
    sum = sum + mean_where(values, valid);
  }
  return pairs.empty() ? sum : sum / static_cast<double>(pairs.size());
}

torch::Tensor kl_alignment_loss(const std::vector<AlignedPair>& pairs, const torch::Tensor& logits,
                                const KlAlignmentOptions& options, const torch::Tensor& valid) {
  const FullPrecision full_precision;
  require_dimensions(logits, 4, "logits");
  if (logits.size(1) != 1) {
    throw LossError(fmt::format(
        "logits are {}; this loss weighs pixels by one mask, [B, 1, H, W]: give the foreground "
        "logits of a semantic model",
        shape_text(logits)));
  }
  const torch::Tensor scores = to_full_precision(logits);
  const torch::Tensor counted = frame_validity(valid, logits.size(0), logits.device());
  torch::Tensor sum = torch::zeros({}, scores.options());
  for (const AlignedPair& pair : pairs) {
    require_pair(pair);
    if (pair.visual.size(0) != logits.size(0)) {
      throw LossError(fmt::format("a pair has {} frames where the logits are {}",
                                  pair.visual.size(0), shape_text(logits)));
    }
    const torch::Tensor visual = to_full_precision(pair.visual);
    torch::Tensor audio = to_full_precision(pair.audio).flatten(1).expand({visual.size(0), -1});
    const torch::Tensor weights =
        torch::adaptive_avg_pool2d(scores, {visual.size(2), visual.size(3)}).sigmoid();
    torch::Tensor masked = (visual * weights).mean(std::vector<int64_t>{2, 3});
    if (options.normalise) {
      constexpr double kShortestNorm = 1e-12;
      audio = directions(audio, kShortestNorm);
      masked = directions(masked, kShortestNorm);
    }
    const torch::Tensor log_audio = audio.log_softmax(1);
    const torch::Tensor per_frame = (log_audio.exp() * (log_audio - masked.log_softmax(1))).sum(1);
    sum = sum + (options.sum_over_frames ? per_frame.masked_fill(counted.logical_not(), 0).sum()
                                         : mean_where(per_frame, counted));
  }
  return pairs.empty() ? sum : sum / static_cast<double>(pairs.size());
}

torch::Tensor mix_loss(const torch::Tensor& features, const MaskTarget& target,
                       const DiceOptions& options) {
  const FullPrecision full_precision;
  require_dimensions(features, 4, "features");
  require_dimensions(target.mask, 4, "mask");
  const torch::Tensor mean = to_full_precision(features).mean(1, /*keepdim=*/true);
  return dice_loss(resize(mean, target.mask.size(2), target.mask.size(3)), target, options);
}

}  // namespace lightavseg
