// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/teacher_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/network/layers.h"
#include "model/network/model_file.h"
#include "model/training/distillation_losses.h"

namespace lightavseg {
namespace {

bool has_audio_states(const ModelConfig& c) {
  return c.interaction == Interaction::kLightAvSeg && (c.har || c.agve || c.cmfd);
}

torch::Tensor state_distance(const torch::nn::Conv2d& projection, const torch::Tensor& student,
                             const torch::Tensor& teacher) {
  // The call of a module is not const, but changes nothing.
  const auto guess = torch::nn::Conv2d(projection)(student);
  return feature_distillation_loss(guess, teacher.expand({guess.size(0), -1, -1, -1}));
}

}  // namespace

LightAVSeg load_teacher_model(const TrainConfig& config, const ModelConfig& model) {
  auto teacher = load_model(config.teacher_model);
  const auto& c = teacher->config();
  const auto refuse = [&](const std::string& what) {
    throw TrainConfigError(
        fmt::format("model.teacher: {} {}", config.teacher_model.string(), what));
  };
  if (c.front_end != model.front_end)
    refuse(fmt::format("hears the front end {}, the student {}: they cannot share a batch",
                       dsp::to_string(c.front_end), dsp::to_string(model.front_end)));
  if (c.head == Head::kSemantic) refuse("has the head semantic, which gives no mask to learn");
  for (const auto& stage : config.stages)
    if (stage.kind == StageKind::kJoint && stage.loss.teacher_audio > 0 && !has_audio_states(c))
      refuse(fmt::format("has no audio states to learn; set stage.{}.loss.teacher_audio to 0",
                         stage.name));
  return teacher;
}

TeacherChannels teacher_model_channels(const ModelConfig& teacher) {
  TeacherChannels channels;
  const std::string name = kTeacherModel;
  channels[name + "/audio"] = teacher.audio_channels();
  if (!has_audio_states(teacher)) return channels;
  for (size_t k = 0; k < std::min<size_t>(teacher.stages.size(), 3); ++k)
    channels[fmt::format("{}/state.{}", name, k)] =
        teacher.stage_channels()[size_t(teacher.stages[k] - 1)];
  return channels;
}

std::vector<WeighedLoss> teacher_model_losses(const StudentImpl& student, const StageConfig& stage,
                                              const Batch& batch, LightAVSeg teacher,
                                              const torch::Tensor& audio,
                                              const NetworkOutput& out) {
  const auto& w = stage.loss;
  std::vector<WeighedLoss> losses;
  if (stage.kind == StageKind::kAudio && w.teacher_audio > 0) {
    torch::Tensor heard;
    {
      torch::NoGradGuard no_grad;
      heard = teacher->audio_state(batch.log_mel);
    }
    losses.push_back(
        {"teacher_audio", state_distance(student.teacher_audio, audio, heard), w.teacher_audio});
  }
  if (stage.kind != StageKind::kJoint || (w.teacher_mask <= 0 && w.teacher_audio <= 0))
    return losses;
  NetworkOutput said;
  {
    torch::NoGradGuard no_grad;
    said = teacher->forward(batch.frames, batch.log_mel, nullptr, LogitSize::kFinestStage);
  }
  if (w.teacher_mask > 0) {
    const auto guess = out.logits.slice(1, 0, 1);
    const auto mask = resize_bilinear(said.logits.slice(1, 0, 1).to(torch::kFloat32), guess.size(2),
                                      guess.size(3))
                          .sigmoid();
    losses.push_back({"teacher_mask", score_distillation_loss(guess.flatten(1), mask.flatten(1)),
                      w.teacher_mask});
  }
  if (w.teacher_audio > 0 && !student.teacher_states.empty()) {
    // Pairs come coarsest first.
    torch::Tensor sum;
    const auto& states = student.teacher_states;
    for (size_t k = 0; k < states.size(); ++k) {
      const auto one = state_distance(states[k], out.pairs[out.pairs.size() - 1 - k].audio,
                                      said.pairs[said.pairs.size() - 1 - k].audio);
      sum = sum.defined() ? sum + one : one;
    }
    losses.push_back({"teacher_audio", sum / double(states.size()), w.teacher_audio});
  }
  return losses;
}

}  // namespace lightavseg
