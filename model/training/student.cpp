// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/student.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/network/layers.h"

namespace lightavseg {
namespace {

std::string projection_name(const DistillConfig& d) {
  std::string name = d.teacher + "_" + d.output + "_" + d.student;
  for (char& c : name)
    if (c == '.' || c == '/') c = '_';
  return name;
}

}  // namespace

int64_t student_channels(const ModelConfig& model, const std::string& place) {
  if (place == "audio") return model.audio_channels();
  return model.stage_channels()[size_t(place.back() - '1')];
}

StudentImpl::StudentImpl(const TrainConfig& config, const ModelConfig& model,
                         const TeacherChannels& channels, int visible, int audible) {
  network = register_module("network", LightAVSeg(model));
  auto heads = container(*this, "heads");
  bool side = false, image_classes = false, sound_classes = false;
  for (const auto& stage : config.stages) {
    side |= stage.loss.side_classes > 0;
    image_classes |= stage.loss.image_classes > 0;
    sound_classes |= stage.loss.sound_classes > 0;
    for (const auto& d : stage.distill) {
      const auto name = projection_name(d);
      if (!d.project || projections_.count(name)) continue;
      const auto it = channels.find(d.teacher + "/" + d.output);
      if (it == channels.end())
        throw TrainConfigError(fmt::format("stage {}: teacher '{}' has no output '{}'", stage.name,
                                           d.teacher, d.output));
      projections_.emplace(
          name,
          heads->register_module(name, pointwise(student_channels(model, d.student), it->second)));
    }
  }
  const auto widths = model.stage_channels();
  bool hears = false, listens = false;
  for (const auto& stage : config.stages)
    if (stage.loss.teacher_audio > 0) {
      hears |= stage.kind == StageKind::kAudio;
      listens |= stage.kind == StageKind::kJoint;
    }
  const auto teacher_state = [&](const std::string& name) {
    const auto it = channels.find(kTeacherModel + name);
    return it == channels.end() ? 0 : it->second;
  };
  if (const auto width = teacher_state("/audio"); width > 0 && hears)
    teacher_audio =
        heads->register_module("teacher_audio", pointwise(model.audio_channels(), width));
  const bool states = model.interaction == Interaction::kLightAvSeg &&
                      (model.har || model.agve || model.cmfd) && listens;
  for (size_t k = 0; k < std::min<size_t>(model.stages.size(), 3) && states; ++k)
    if (const auto width = teacher_state(fmt::format("/state.{}", k)); width > 0)
      teacher_states.push_back(
          heads->register_module(fmt::format("teacher_state_{}", k),
                                 pointwise(widths[size_t(model.stages[k] - 1)], width)));
  if (side) {
    classes3 = heads->register_module("classes3", pointwise(widths[2], visible));
    classes4 = heads->register_module("classes4", pointwise(widths[3], visible));
  }
  if (image_classes)
    image = heads->register_module(
        "image", torch::nn::Linear(widths[size_t(model.stages.back() - 1)], visible));
  if (sound_classes)
    sounds = heads->register_module("sounds", torch::nn::Linear(model.audio_channels(), audible));
}

torch::nn::Conv2d StudentImpl::projection(const DistillConfig& d) const {
  const auto it = projections_.find(projection_name(d));
  return it == projections_.end() ? torch::nn::Conv2d(nullptr) : it->second;
}

}  // namespace lightavseg
