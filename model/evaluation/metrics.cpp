// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace lightavseg {
namespace {

constexpr double kBetaSquared = 0.3;
constexpr double kMaskIouEpsilon = 1e-7;
constexpr double kPrecisionEpsilon = 1e-20;
constexpr double kClassIouEpsilon = 2.2e-16;

double f_score(double precision, double recall) {
  const double denominator = kBetaSquared * precision + recall;
  return denominator > 0 ? (1 + kBetaSquared) * precision * recall / denominator : 0;
}

double ratio(double numerator, double denominator) {
  return denominator > 0 ? numerator / denominator : 0;
}

void require_pixels(std::size_t pixels) {
  if (pixels == 0) {
    throw MetricsError("a frame of 0 pixels cannot be scored; give at least one pixel");
  }
}

// Torch's linspace fills its second half from the end; equal float thresholds matter because the
// comparison p >= t is exact.
std::array<float, BinaryMetrics::kThresholds> make_thresholds() {
  std::array<float, BinaryMetrics::kThresholds> values{};
  constexpr int kLast = BinaryMetrics::kThresholds - 1;
  const float step = 1.0f / kLast;
  for (int i = 0; i <= kLast; ++i) {
    const int from_end = kLast - i;
    values[static_cast<std::size_t>(i)] = i < BinaryMetrics::kThresholds / 2
                                              ? step * static_cast<float>(i)
                                              : 1.0f - step * static_cast<float>(from_end);
  }
  return values;
}

// How many thresholds are at or below the probability; a division finds it to within one.
std::size_t thresholds_reached(float probability,
                               const std::array<float, BinaryMetrics::kThresholds>& thresholds) {
  std::size_t reached = static_cast<std::size_t>(probability * (BinaryMetrics::kThresholds - 1));
  while (reached > 0 && thresholds[reached - 1] > probability) --reached;
  while (reached < thresholds.size() && thresholds[reached] <= probability) ++reached;
  return reached;
}

}  // namespace

// ---- BinaryMetrics -----------------------------------------------------------------------------

const std::array<float, BinaryMetrics::kThresholds>& BinaryMetrics::thresholds() {
  static const std::array<float, kThresholds> values = make_thresholds();
  return values;
}

void BinaryMetrics::Sums::add(const Sums& other) {
  iou += other.iou;
  for (std::size_t i = 0; i < f.size(); ++i) f[i] += other.f[i];
  frames += other.frames;
  frames_with_mask += other.frames_with_mask;
}

void BinaryMetrics::add_frame(const float* probability, const std::uint8_t* mask,
                              std::size_t pixels) {
  require_pixels(pixels);
  const auto& limits = thresholds();
  // Pixels by the number of thresholds they reach; sums from the top give the counts at each.
  std::array<std::uint64_t, kThresholds + 1> all_pixels{};
  std::array<std::uint64_t, kThresholds + 1> mask_pixels{};
  std::uint64_t labelled = 0;
  std::uint64_t predicted = 0;
  std::uint64_t intersection = 0;
  for (std::size_t i = 0; i < pixels; ++i) {
    const float p = probability[i];
    if (!(p >= 0.0f && p <= 1.0f)) {
      throw MetricsError(
          fmt::format("the probability of pixel {} is {}, not a number in [0, 1]; "
                      "apply the sigmoid before scoring",
                      i, p));
    }
    const bool foreground = mask[i] != 0;
    const bool lit = p > 0.5f;
    labelled += foreground;
    predicted += lit;
    intersection += foreground && lit;
    const std::size_t reached = thresholds_reached(p, limits);
    ++all_pixels[reached];
    mask_pixels[reached] += foreground;
  }

  ++batch_.frames;
  if (labelled == 0) {
    batch_.iou +=
        static_cast<double>(pixels - predicted) / (static_cast<double>(pixels) + kMaskIouEpsilon);
    return;
  }
  batch_.iou += static_cast<double>(intersection) /
                (static_cast<double>(predicted + labelled - intersection) + kMaskIouEpsilon);
  ++batch_.frames_with_mask;
  std::uint64_t positives = 0;
  std::uint64_t true_positives = 0;
  for (std::size_t i = kThresholds; i-- > 0;) {
    positives += all_pixels[i + 1];
    true_positives += mask_pixels[i + 1];
    const auto hits = static_cast<double>(true_positives);
    batch_.f[i] += f_score(hits / (static_cast<double>(positives) + kPrecisionEpsilon),
                           hits / (static_cast<double>(labelled) + kPrecisionEpsilon));
  }
}

void BinaryMetrics::end_batch() {
  if (batch_.frames == 0) return;
  batch_iou_means_ += batch_.iou / static_cast<double>(batch_.frames);
  batch_f_maxima_ += ratio(*std::max_element(batch_.f.begin(), batch_.f.end()),
                           static_cast<double>(batch_.frames_with_mask));
  ++batches_;
  total_.add(batch_);
  batch_ = Sums();
}

void BinaryMetrics::merge(const BinaryMetrics& other) {
  BinaryMetrics ended = other;
  ended.end_batch();
  end_batch();
  total_.add(ended.total_);
  batch_iou_means_ += ended.batch_iou_means_;
  batch_f_maxima_ += ended.batch_f_maxima_;
  batches_ += ended.batches_;
}

BinaryScores BinaryMetrics::scores(Protocol protocol) const {
  BinaryMetrics ended = *this;
  ended.end_batch();
  BinaryScores scores;
  scores.frames = ended.total_.frames;
  scores.frames_with_mask = ended.total_.frames_with_mask;
  if (protocol == Protocol::kAvsBench) {
    scores.mask_iou = ratio(ended.batch_iou_means_, static_cast<double>(ended.batches_));
    scores.f_measure = ratio(ended.batch_f_maxima_, static_cast<double>(ended.batches_));
    return scores;
  }
  const auto& f = ended.total_.f;
  const auto best = std::max_element(f.begin(), f.end());
  scores.mask_iou = ratio(ended.total_.iou, static_cast<double>(scores.frames));
  scores.f_measure = ratio(*best, static_cast<double>(scores.frames_with_mask));
  scores.best_threshold = thresholds()[static_cast<std::size_t>(best - f.begin())];
  return scores;
}

// ---- SemanticMetrics ---------------------------------------------------------------------------

SemanticMetrics::SemanticMetrics(int classes) {
  if (classes < 2 || classes > 256) {
    throw MetricsError(
        fmt::format("classes is {}; give 2 to 256, background included (AVSS has 71)", classes));
  }
  per_class_.resize(static_cast<std::size_t>(classes));
}

void SemanticMetrics::add_frame(const std::uint8_t* predicted, const std::uint8_t* labels,
                                std::size_t pixels, std::optional<std::uint8_t> ignore) {
  require_pixels(pixels);
  struct Counts {
    std::uint64_t intersection = 0;
    std::uint64_t predicted = 0;
    std::uint64_t labelled = 0;
  };
  std::array<Counts, 256> counts{};
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::uint8_t label = labels[i];
    if (ignore && label == *ignore) continue;
    const std::uint8_t guess = predicted[i];
    ++counts[guess].predicted;
    ++counts[label].labelled;
    counts[label].intersection += guess == label;
  }
  for (std::size_t c = per_class_.size(); c < counts.size(); ++c) {
    if (counts[c].predicted + counts[c].labelled > 0) {
      throw MetricsError(fmt::format(
          "a {} has class {}, but there are {} classes (0..{}); pass the value as `ignore` if its "
          "pixels must not count",
          counts[c].labelled > 0 ? "label" : "prediction", c, per_class_.size(),
          per_class_.size() - 1));
    }
  }

  ++frames_;
  for (std::size_t c = 0; c < per_class_.size(); ++c) {
    const Counts& frame = counts[c];
    if (frame.predicted + frame.labelled == 0) continue;
    PerClass& sums = per_class_[c];
    const auto hits = static_cast<double>(frame.intersection);
    sums.iou += hits / (kClassIouEpsilon +
                        static_cast<double>(frame.predicted + frame.labelled - frame.intersection));
    sums.f += f_score(ratio(hits, static_cast<double>(frame.predicted)),
                      ratio(hits, static_cast<double>(frame.labelled)));
    ++sums.frames;
    sums.intersection += frame.intersection;
    sums.predicted += frame.predicted;
    sums.labelled += frame.labelled;
  }
}

void SemanticMetrics::merge(const SemanticMetrics& other) {
  if (other.classes() != classes()) {
    throw MetricsError(fmt::format("cannot merge metrics of {} classes into metrics of {}",
                                   other.classes(), classes()));
  }
  for (std::size_t c = 0; c < per_class_.size(); ++c) {
    PerClass& mine = per_class_[c];
    const PerClass& theirs = other.per_class_[c];
    mine.iou += theirs.iou;
    mine.f += theirs.f;
    mine.frames += theirs.frames;
    mine.intersection += theirs.intersection;
    mine.predicted += theirs.predicted;
    mine.labelled += theirs.labelled;
  }
  frames_ += other.frames_;
  padding_frames_ += other.padding_frames_;
}

SemanticScores SemanticMetrics::scores(Protocol protocol) const {
  return scores(protocol, protocol == Protocol::kAvsBench ? PaddingFrames::kScoreAsBackground
                                                          : PaddingFrames::kSkip);
}

SemanticScores SemanticMetrics::scores(Protocol protocol, PaddingFrames padding) const {
  SemanticScores scores;
  scores.frames = frames_;
  scores.padding_frames = padding_frames_;
  const std::size_t dropped = protocol == Protocol::kAvsBench ? per_class_.size() - 1 : 0;
  double iou_sum = 0;
  double f_sum = 0;
  double iou_sum_without = 0;
  double f_sum_without = 0;
  std::size_t averaged = 0;
  std::size_t averaged_without = 0;
  double pooled_sum = 0;
  std::size_t pooled_classes = 0;
  double correct = 0;
  double labelled = 0;
  for (std::size_t c = 0; c < per_class_.size(); ++c) {
    const PerClass& sums = per_class_[c];
    double iou_of_frames = sums.iou;
    double f_of_frames = sums.f;
    std::size_t frames = sums.frames;
    if (c == 0 && padding == PaddingFrames::kScoreAsBackground) {
      iou_of_frames += static_cast<double>(padding_frames_);
      f_of_frames += static_cast<double>(padding_frames_);
      frames += padding_frames_;
    }
    const double iou = ratio(iou_of_frames, static_cast<double>(frames));
    const double f = ratio(f_of_frames, static_cast<double>(frames));
    scores.class_iou.push_back(iou);
    scores.class_f.push_back(f);
    scores.class_frames.push_back(frames);
    if (frames > 0 || protocol == Protocol::kAvsBench) {
      iou_sum += iou;
      f_sum += f;
      ++averaged;
      if (c != dropped) {
        iou_sum_without += iou;
        f_sum_without += f;
        ++averaged_without;
      }
    }
    const std::uint64_t united = sums.predicted + sums.labelled - sums.intersection;
    if (united > 0) {
      pooled_sum += static_cast<double>(sums.intersection) / static_cast<double>(united);
      ++pooled_classes;
    }
    correct += static_cast<double>(sums.intersection);
    labelled += static_cast<double>(sums.labelled);
  }
  scores.miou = ratio(iou_sum, static_cast<double>(averaged));
  scores.f_score = ratio(f_sum, static_cast<double>(averaged));
  scores.miou_without_background = ratio(iou_sum_without, static_cast<double>(averaged_without));
  scores.f_without_background = ratio(f_sum_without, static_cast<double>(averaged_without));
  scores.pooled_miou = ratio(pooled_sum, static_cast<double>(pooled_classes));
  scores.pixel_accuracy = ratio(correct, labelled);
  return scores;
}

// ---- overlap -----------------------------------------------------------------------------------

double Overlap::iou() const {
  return united() == 0 ? 1 : static_cast<double>(intersection) / static_cast<double>(united());
}

double Overlap::predicted_share() const {
  return ratio(static_cast<double>(predicted), static_cast<double>(counted));
}

double Overlap::labelled_share() const {
  return ratio(static_cast<double>(labelled), static_cast<double>(counted));
}

Overlap& Overlap::operator+=(const Overlap& other) {
  intersection += other.intersection;
  predicted += other.predicted;
  labelled += other.labelled;
  counted += other.counted;
  return *this;
}

Overlap count_overlap(const std::uint8_t* predicted, const std::uint8_t* mask, std::size_t pixels,
                      std::optional<std::uint8_t> ignore) {
  require_pixels(pixels);
  Overlap overlap;
  for (std::size_t i = 0; i < pixels; ++i) {
    if (ignore && mask[i] == *ignore) continue;
    const bool lit = predicted[i] != 0;
    const bool foreground = mask[i] != 0;
    ++overlap.counted;
    overlap.predicted += lit;
    overlap.labelled += foreground;
    overlap.intersection += lit && foreground;
  }
  return overlap;
}

OverlapMetrics::OverlapMetrics(double lit_share) : lit_share_(lit_share) {
  if (!(lit_share >= 0 && lit_share <= 1)) {
    throw MetricsError(
        fmt::format("lit_share is {}; give a share of the picture in [0, 1]", lit_share));
  }
}

void OverlapMetrics::add(const Overlap& frame) {
  pooled_ += frame;
  ++frames_;
  share_sum_ += frame.predicted_share();
  lit_frames_ += frame.predicted_share() > lit_share_;
  if (frame.labelled > 0) {
    ++frames_with_mask_;
    iou_sum_ += frame.iou();
  }
}

void OverlapMetrics::merge(const OverlapMetrics& other) {
  if (other.lit_share_ != lit_share_) {
    throw MetricsError(fmt::format("cannot merge metrics with lit_share {} into metrics with {}",
                                   other.lit_share_, lit_share_));
  }
  pooled_ += other.pooled_;
  iou_sum_ += other.iou_sum_;
  share_sum_ += other.share_sum_;
  frames_ += other.frames_;
  frames_with_mask_ += other.frames_with_mask_;
  lit_frames_ += other.lit_frames_;
}

OverlapScores OverlapMetrics::scores() const {
  OverlapScores scores;
  scores.frames = frames_;
  scores.frames_with_mask = frames_with_mask_;
  if (frames_ == 0) return scores;
  scores.mean_iou = ratio(iou_sum_, static_cast<double>(frames_with_mask_));
  scores.pooled_iou = pooled_.iou();
  scores.mean_predicted_share = share_sum_ / static_cast<double>(frames_);
  scores.lit_frames_share = static_cast<double>(lit_frames_) / static_cast<double>(frames_);
  return scores;
}

}  // namespace lightavseg
