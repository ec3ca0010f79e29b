// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/avsbench_evaluation.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/evaluation/for_each_index.h"

namespace lightavseg {
namespace {

// One batch: metrics of their own, so that batches can be added up in order.
struct Batch {
  BinaryMetrics binary;
  SemanticMetrics semantic;
  std::size_t frames = 0;
};

// Where classes cannot be compared, whether anything is marked.
double any_iou(const std::vector<std::uint8_t>& predicted, const cv::Mat& mask) {
  return count_overlap(predicted.data(), mask.data, predicted.size(), std::nullopt).iou();
}

class BatchRunner {
 public:
  BatchRunner(const ScenePredictor& predictor, const AvsBench& set)
      : predictor_(predictor), set_(set), semantic_(set.set() == AvsSet::kAvss) {
    if (semantic_) classes_ = match_classes(predictor.config(), set.class_names());
  }

  // The mean score of a clip.
  double run(const AvsClip& clip, Batch* batch) const {
    double sum = 0;
    std::size_t frames = 0;
    for (int i = 0; i < clip.slots(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (at >= clip.frame_paths.size()) {
        if (semantic_) batch->semantic.add_padding_frame();
        continue;
      }
      if (!clip.annotated[at]) continue;
      const AvsFrame frame = set_.load(clip, i);
      const auto p = predictor_.predict(frame.image, predictor_.audio_state(frame.audio));
      const cv::Mat mask = frame.mask.isContinuous() ? frame.mask : frame.mask.clone();
      sum += semantic_ ? add_classes(p, mask, batch) : add_mask(p, mask, batch);
      ++frames;
    }
    batch->frames += frames;
    return frames > 0 ? sum / static_cast<double>(frames) : 0;
  }

 private:
  double add_mask(const Prediction& p, const cv::Mat& mask, Batch* batch) const {
    const auto probability = p.probability.to(torch::kFloat32).clamp(0, 1).contiguous();
    const auto pixels = static_cast<std::size_t>(probability.numel());
    batch->binary.add_frame(probability.data_ptr<float>(), mask.data, pixels);
    BinaryMetrics own;
    own.add_frame(probability.data_ptr<float>(), mask.data, pixels);
    return own.scores().mask_iou;
  }

  double add_classes(const Prediction& p, const cv::Mat& mask, Batch* batch) const {
    const auto classes = p.sounding_class.contiguous();
    std::vector<std::uint8_t> predicted(static_cast<std::size_t>(classes.numel()));
    const int64_t* from = classes.data_ptr<int64_t>();
    for (std::size_t i = 0; i < predicted.size(); ++i) {
      const int cls = classes_[static_cast<std::size_t>(from[i])];
      predicted[i] = static_cast<std::uint8_t>(std::max(cls, 0));
    }
    batch->semantic.add_frame(predicted.data(), mask.data, predicted.size());
    return any_iou(predicted, mask);
  }

  const ScenePredictor& predictor_;
  const AvsBench& set_;
  const bool semantic_;
  std::vector<int> classes_;
};

}  // namespace

std::vector<int> match_classes(const ModelConfig& config,
                               const std::vector<std::string>& set_names) {
  if (config.head == Head::kMask) {
    throw AvsEvaluationError(
        "the model marks what sounds but knows no classes, which AVSS needs; take a model with "
        "head 'semantic' or 'mask+classes', or measure it on S4 or MS3");
  }
  std::vector<int> out;
  int common = 0;
  for (std::size_t i = 0; i < config.class_names.size(); ++i) {
    const auto found = std::find(set_names.begin(), set_names.end(), config.class_names[i]);
    const int cls = i == 0 ? 0 : found == set_names.end() ? -1 : int(found - set_names.begin());
    common += cls > 0;
    out.push_back(cls);
  }
  if (common == 0) {
    throw AvsEvaluationError(
        fmt::format("none of the model's {} classes ({}, ...) has the name of a class of the set",
                    config.class_names.size() - 1,
                    config.class_names.size() > 1 ? config.class_names[1] : "none"));
  }
  return out;
}

AvsEvaluation evaluate_avsbench(const ScenePredictor& predictor, const AvsBench& set,
                                const AvsEvaluationOptions& options) {
  if (options.batch_clips < 1) throw AvsEvaluationError("a batch must have at least one clip");
  const BatchRunner runner(predictor, set);
  const int clips = static_cast<int>(set.clips().size());
  const int count = (clips + options.batch_clips - 1) / options.batch_clips;
  std::vector<Batch> batches(static_cast<std::size_t>(count));
  AvsEvaluation out;
  out.clip_scores.resize(set.clips().size());
  for_each_index(count, options.threads, [&](int b) {
    Batch& batch = batches[static_cast<std::size_t>(b)];
    const int end = std::min(clips, (b + 1) * options.batch_clips);
    for (int i = b * options.batch_clips; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      out.clip_scores[at] = runner.run(set.clips()[at], &batch);
    }
    batch.binary.end_batch();
  });
  for (const Batch& batch : batches) {
    out.binary.merge(batch.binary);
    out.semantic.merge(batch.semantic);
    out.frames += batch.frames;
  }
  return out;
}

std::vector<std::pair<std::string, double>> named_figures(const AvsEvaluation& evaluation,
                                                          AvsSet set, Protocol protocol) {
  if (set == AvsSet::kAvss) {
    const SemanticScores s = evaluation.semantic.scores(protocol);
    return {{"miou", s.miou},
            {"f_score", s.f_score},
            {"miou_without_background", s.miou_without_background},
            {"f_score_without_background", s.f_without_background},
            {"pooled_miou", s.pooled_miou},
            {"pixel_accuracy", s.pixel_accuracy}};
  }
  const BinaryScores s = evaluation.binary.scores(protocol);
  std::vector<std::pair<std::string, double>> out = {{"miou", s.mask_iou},
                                                     {"f_score", s.f_measure}};
  if (protocol == Protocol::kClean) out.push_back({"best_threshold", s.best_threshold});
  return out;
}

}  // namespace lightavseg
