// SPDX-License-Identifier: LGPL-2.1-or-later
// The figures of audio-visual segmentation on plain arrays: mask IoU and F-measure for sets with
// one mask per frame (AVSBench S4 and MS3), per-class IoU and F for labelled frames (AVSS), and
// plain overlap counts for masks with pixels that must not count.
//
// The published numbers of the field come from OpenNLPLab/AVSBench (avs_scripts/avs_s4/utils and
// avs_scripts/avss/utils), whose code has quirks that move them. Protocol::kAvsBench repeats the
// quirks, for tables that are compared with papers; Protocol::kClean leaves them out and is the
// default. Both come from the same accumulated sums, so one pass over a set gives both.
//
// Every accumulator is an ordinary value: give each thread its own and merge() them. The result of
// merge() does not depend on the order except for the rounding of double sums.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

namespace lightavseg {

// Thrown when the arrays given to a metric cannot be what it measures.
class MetricsError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class Protocol {
  kClean,     // means over frames; one threshold for the whole set; background is class 0
  kAvsBench,  // as OpenNLPLab/AVSBench computes them, quirks included
};

// ---- one mask per frame: S4 and MS3 ------------------------------------------------------------

struct BinaryScores {
  double mask_iou = 0;        // "mIoU" of S4 and MS3, 0..1
  double f_measure = 0;       // beta squared 0.3, 0..1
  double best_threshold = 0;  // kClean: probability at which f_measure is reached; kAvsBench: 0
  std::size_t frames = 0;
  std::size_t frames_with_mask = 0;  // frames whose mask has at least one pixel
};

// A frame with a mask scores |p and g| / |p or g| with p = probability > 0.5; a frame with an empty
// mask scores the share of pixels left background. F is taken at 255 thresholds and only over
// frames with a mask.
//   kClean:    mean IoU over frames; F averaged over the frames, then the maximum over thresholds.
//   kAvsBench: both per batch and then averaged over batches, so a small last batch weighs as much
//              as a full one, F depends on the batch size, and a batch without any mask scores 0.
class BinaryMetrics {
 public:
  static constexpr int kThresholds = 255;

  // probability: `pixels` values in [0, 1]. mask: 0 is background, anything else is foreground.
  // Throws MetricsError for an empty frame or a value outside [0, 1] (a logit, for instance).
  void add_frame(const float* probability, const std::uint8_t* mask, std::size_t pixels);

  // Ends the batch that Protocol::kAvsBench averages over. Does nothing for an empty batch.
  void end_batch();

  // Adds the frames of `other`; a batch still open on either side is ended first.
  void merge(const BinaryMetrics& other);

  // A batch that is still open counts as ended. All zero before the first frame.
  BinaryScores scores(Protocol protocol = Protocol::kClean) const;

  // The thresholds of the F-measure, ascending, 0 first and 1 last.
  static const std::array<float, kThresholds>& thresholds();

 private:
  struct Sums {
    double iou = 0;
    std::array<double, kThresholds> f{};
    std::size_t frames = 0;
    std::size_t frames_with_mask = 0;
    void add(const Sums& other);
  };
  Sums batch_;
  Sums total_;  // ended batches only
  double batch_iou_means_ = 0;
  double batch_f_maxima_ = 0;
  std::size_t batches_ = 0;
};

// ---- one class per pixel: AVSS -----------------------------------------------------------------

// What frames behind the end of a clip count as. AVSBench scores the five padding frames of its
// five-second clips as perfectly predicted background, which lifts class 0.
enum class PaddingFrames { kSkip, kScoreAsBackground };

struct SemanticScores {
  double miou = 0;
  double f_score = 0;
  double miou_without_background = 0;
  double f_without_background = 0;
  // From the pixels of the whole set in one count per class (the usual mIoU of semantic
  // segmentation), over classes that occur. Padding frames never count here.
  double pooled_miou = 0;
  double pixel_accuracy = 0;
  std::vector<double> class_iou;  // mean over the frames where the class counts; 0 if none
  std::vector<double> class_f;
  std::vector<std::size_t> class_frames;  // frames in which the class is predicted or labelled
  std::size_t frames = 0;
  std::size_t padding_frames = 0;
};

// A class counts in a frame if it is predicted or labelled there; its IoU and F are averaged over
// those frames.
//   kClean:    mean over classes that were seen; without background = without class 0.
//   kAvsBench: mean over all classes, unseen ones as 0; "without background" drops the LAST class,
//              as the published code does; padding frames are scored.
class SemanticMetrics {
 public:
  // classes: 2..256, background included. Throws MetricsError otherwise.
  explicit SemanticMetrics(int classes = 71);

  // predicted, labels: `pixels` class indices. Pixels whose label is `ignore` do not count.
  // Throws MetricsError for an empty frame or an index that is no class.
  void add_frame(const std::uint8_t* predicted, const std::uint8_t* labels, std::size_t pixels,
                 std::optional<std::uint8_t> ignore = std::nullopt);

  // Counts a frame behind the end of its clip.
  void add_padding_frame() { ++padding_frames_; }

  // Throws MetricsError when `other` has another number of classes.
  void merge(const SemanticMetrics& other);

  // Padding frames as the protocol has them: skipped in kClean, scored in kAvsBench.
  SemanticScores scores(Protocol protocol = Protocol::kClean) const;
  SemanticScores scores(Protocol protocol, PaddingFrames padding) const;

  int classes() const { return static_cast<int>(per_class_.size()); }

 private:
  struct PerClass {
    double iou = 0;
    double f = 0;
    std::size_t frames = 0;
    std::uint64_t intersection = 0;
    std::uint64_t predicted = 0;
    std::uint64_t labelled = 0;
  };
  std::vector<PerClass> per_class_;
  std::size_t frames_ = 0;
  std::size_t padding_frames_ = 0;
};

// ---- masks with pixels that do not count -------------------------------------------------------

// The value that marks such a pixel in masks of 0 (background) and 255 (object).
inline constexpr std::uint8_t kIgnoredPixel = 128;

struct Overlap {
  std::uint64_t intersection = 0;
  std::uint64_t predicted = 0;
  std::uint64_t labelled = 0;
  std::uint64_t counted = 0;  // pixels that are not ignored

  std::uint64_t united() const { return predicted + labelled - intersection; }
  // 1 when both masks are empty: nothing to find and nothing found.
  double iou() const;
  // Shares of the counted pixels, 0 when there are none.
  double predicted_share() const;
  double labelled_share() const;

  Overlap& operator+=(const Overlap& other);
};

// predicted, mask: `pixels` values, 0 is background and anything else foreground; pixels where the
// mask is `ignore` do not count. Throws MetricsError for an empty frame.
Overlap count_overlap(const std::uint8_t* predicted, const std::uint8_t* mask, std::size_t pixels,
                      std::optional<std::uint8_t> ignore = kIgnoredPixel);

struct OverlapScores {
  double mean_iou = 0;              // over frames whose mask has a pixel
  double pooled_iou = 0;            // over the pixels of all frames
  double mean_predicted_share = 0;  // over all frames: how much of the picture is lit
  double lit_frames_share = 0;      // frames with a predicted share above the limit
  std::size_t frames = 0;
  std::size_t frames_with_mask = 0;
};

// Sums of Overlap over a set; also answers how often something is lit where nothing sounds.
class OverlapMetrics {
 public:
  // A frame counts as lit when more than this share of its pixels is predicted; 0..1.
  explicit OverlapMetrics(double lit_share = 0.01);

  void add(const Overlap& frame);
  // Throws MetricsError when `other` uses another limit.
  void merge(const OverlapMetrics& other);
  OverlapScores scores() const;

 private:
  double lit_share_;
  Overlap pooled_;
  double iou_sum_ = 0;
  double share_sum_ = 0;
  std::size_t frames_ = 0;
  std::size_t frames_with_mask_ = 0;
  std::size_t lit_frames_ = 0;
};

}  // namespace lightavseg
