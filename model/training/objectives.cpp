// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/objectives.h"

#include <fmt/format.h>

#include "model/network/image_values.h"
#include "model/training/distillation_losses.h"
#include "model/training/losses.h"
#include "model/training/runtime.h"
#include "model/training/teacher_model.h"

namespace lightavseg {
namespace {

namespace F = torch::nn::functional;

class Sum {
 public:
  void add(const std::string& name, const torch::Tensor& loss, double weight) {
    result_.total = result_.total.defined() ? result_.total + weight * loss : weight * loss;
    result_.parts[name] = loss.detach();
  }
  Objective take() {
    result_.parts["loss"] = result_.total.detach();
    return std::move(result_);
  }

 private:
  Objective result_;
};

torch::Tensor multi_label_loss(const torch::Tensor& logits, const torch::Tensor& targets) {
  const FullPrecision full;
  return F::binary_cross_entropy_with_logits(logits.to(torch::kFloat32), targets);
}

// What a place of the student holds: maps [B, C, h, w], the audio state as [B, C, 1, 1].
torch::Tensor place_of(const FeatureMaps& maps, const torch::Tensor& audio,
                       const ModelConfig& model, const std::string& place) {
  if (place == "audio") return audio;
  const int stage = place.back() - '0';
  for (size_t k = 0; k < model.stages.size(); ++k)
    if (model.stages[k] == stage)
      return place.rfind("visual", 0) == 0 ? maps.visual[k] : maps.decoded[k];
  throw TrainConfigError(fmt::format("distill.student: the model has no stage {}", stage));
}

torch::Tensor distance(const std::string& kind, const torch::Tensor& student,
                       const torch::Tensor& teacher, const torch::Tensor& valid) {
  if (kind == "kl") return probability_distillation_loss(student, teacher, 1, valid);
  if (kind == "scores") return score_distillation_loss(student.flatten(1), teacher, {}, valid);
  FeatureDistillationOptions options;
  options.distance = kind == "mse"      ? FeatureDistance::kMse
                     : kind == "cosine" ? FeatureDistance::kCosine
                                        : FeatureDistance::kSmoothL1;
  return feature_distillation_loss(student, teacher, options, valid);
}

// The frames of a batch as a teacher wants them: RGB in 0..1.
torch::Tensor pictures_of(const torch::Tensor& frames) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat32).device(frames.device());
  const auto mean = torch::tensor({kImageMean[0], kImageMean[1], kImageMean[2]}, options);
  const auto deviation = torch::tensor({kImageStd[0], kImageStd[1], kImageStd[2]}, options);
  return (frames.to(torch::kFloat32) * deviation.reshape({1, 3, 1, 1}) + mean.reshape({1, 3, 1, 1}))
      .clamp(0, 1);
}

// What a teacher says about the scenes of this batch, brought to the grid of `value`.
torch::Tensor target_of(const TensorMap& outputs, const DistillConfig& d,
                        const torch::Tensor& value) {
  const auto it = outputs.find(d.output);
  if (it == outputs.end())
    throw TrainConfigError(
        fmt::format("distill.output: teacher '{}' gives no '{}'", d.teacher, d.output));
  auto target = it->second.to(value.device());
  if (target.dim() == 2 && d.loss != "scores" && d.loss != "kl")
    target = target.unsqueeze(2).unsqueeze(3);
  if (target.dim() != 4 || value.dim() != 4 || target.sizes().slice(2) == value.sizes().slice(2))
    return target;
  return F::interpolate(target, F::InterpolateFuncOptions()
                                    .size(std::vector<int64_t>{value.size(2), value.size(3)})
                                    .mode(torch::kBilinear)
                                    .align_corners(d.corners));
}

void add_distillation(Sum& sum, Student& student, const StageConfig& stage, const Batch& batch,
                      const Teachers& teachers, const FeatureMaps& maps,
                      const torch::Tensor& audio) {
  std::map<std::string, TensorMap> said;  // outputs of teachers for this batch
  for (const auto& d : stage.distill) {
    auto value = place_of(maps, audio, student->network->config(), d.student);
    auto projection = student->projection(d);
    if (!projection.is_empty()) value = projection(value);
    torch::Tensor target, valid;
    const auto cache = teachers.caches.find(d.teacher);
    if (cache != teachers.caches.end()) {
      // The teacher looked at whole photographs; scenes see a part of one, or none.
      const int grid = int(value.size(2));
      std::vector<torch::Tensor> targets;
      auto known = torch::zeros({value.size(0)}, torch::kBool);
      for (size_t b = 0; b < batch.photo_ids.size(); ++b) {
        if (cache->second->has(batch.photo_ids[b])) {
          known[int64_t(b)] = true;
          targets.push_back(cache->second->sample(batch.photo_ids[b], d.output,
                                                  batch.scene_to_photo[b],
                                                  int(batch.frames.size(2)), grid, d.corners));
        } else {
          targets.push_back(torch::zeros({value.size(1), grid, grid}));
        }
      }
      target = torch::stack(targets).to(value.device());
      valid = known.to(value.device());
    } else {
      const auto& teacher = *teachers.loaded.at(d.teacher);
      if (!said.count(d.teacher)) {
        const FullPrecision full;
        said[d.teacher] = teacher(teacher.config().input == TeacherConfig::Input::kImage
                                      ? pictures_of(batch.frames)
                                      : batch.waveform);
      }
      target = target_of(said[d.teacher], d, value);
    }
    sum.add(fmt::format("distill_{}_{}", d.output, d.student),
            distance(d.loss, value, target, valid), d.weight);
  }
}

void add_mask_losses(Sum& sum, const LossWeights& w, const NetworkOutput& out,
                     const torch::Tensor& mask_logits, const Batch& batch,
                     const FeatureMaps& maps) {
  const MaskTarget target{batch.mask, batch.valid};
  DiceOptions dice;
  dice.only_non_empty = true;
  if (w.bce > 0) sum.add("bce", bce_loss(mask_logits, target), w.bce);
  if (w.dice > 0) sum.add("dice", dice_loss(mask_logits, target, dice), w.dice);
  if (w.align > 0) sum.add("align", alignment_loss(out.pairs, target), w.align);
  if (w.kl_align > 0) sum.add("kl_align", kl_alignment_loss(out.pairs, mask_logits), w.kl_align);
  if (w.mix > 0) sum.add("mix", mix_loss(maps.decoded[0], target, dice), w.mix);
}

}  // namespace

Objective objective(Student& student, const StageConfig& stage, const Batch& batch,
                    const Teachers& teachers) {
  auto& network = student->network;
  const auto& model = network->config();
  const auto& w = stage.loss;
  Sum sum;
  FeatureMaps maps;
  torch::Tensor audio;
  NetworkOutput out;
  if (stage.kind == StageKind::kAudio) {
    audio = network->audio_state(batch.log_mel);
  } else {
    audio = stage.kind == StageKind::kVisual
                ? torch::zeros({batch.frames.size(0), model.audio_channels(), 1, 1},
                               batch.frames.options())
                : network->audio_state(batch.log_mel);
    out = network->forward_with_audio(batch.frames, audio, &maps, LogitSize::kFinestStage);
    if (stage.kind == StageKind::kJoint) {
      const auto mask_logits =
          resize_bilinear(out.logits.slice(1, 0, 1), batch.frames.size(2), batch.frames.size(3));
      add_mask_losses(sum, w, out, mask_logits, batch, maps);
    }
    if (w.classes > 0 && model.head == Head::kMaskAndClasses)
      sum.add("classes", class_loss(out.logits.slice(1, 1), batch.labels, w.class_balance),
              w.classes);
    if (w.side_classes > 0) {
      sum.add("classes3",
              class_loss(student->classes3(maps.visual.at(2)), batch.labels, w.class_balance),
              w.side_classes);
      sum.add("classes4",
              class_loss(student->classes4(maps.visual.at(3)), batch.labels, w.class_balance),
              w.side_classes);
    }
    if (w.image_classes > 0)
      sum.add("image_classes",
              multi_label_loss(student->image(maps.visual.back().amax({2, 3})), batch.visible),
              w.image_classes);
  }
  if (w.sound_classes > 0 && batch.sounding.defined())
    sum.add("sound_classes", multi_label_loss(student->sounds(audio.flatten(1)), batch.sounding),
            w.sound_classes);
  if (w.gate_classes > 0 && model.class_gate && batch.sounding.defined())
    // Of the classes that can be seen; class 0 is the background, which never sounds.
    sum.add("gate_classes",
            multi_label_loss(network->sounds(audio.flatten(1)).slice(1, 1),
                             batch.sounding.slice(1, 1, network->sounds->options.out_features())),
            w.gate_classes);
  add_distillation(sum, student, stage, batch, teachers, maps, audio);
  if (!teachers.model.is_empty())
    for (const auto& l : teacher_model_losses(*student, stage, batch, teachers.model, audio, out))
      sum.add(l.name, l.loss, l.weight);
  return sum.take();
}

}  // namespace lightavseg
