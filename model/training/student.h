// SPDX-License-Identifier: LGPL-2.1-or-later
// The network together with the heads that exist only while it is trained.
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <vector>

#include "model/network/lightavseg.h"
#include "model/training/train_config.h"

namespace lightavseg {

// Number of channels of every output of every teacher: "teacher/output" -> channels.
using TeacherChannels = std::map<std::string, int64_t>;

// Under which name TeacherChannels holds the audio states of the teacher model (model.teacher):
// kTeacherModel + "/audio" for A_0, "/state.0" to "/state.2" for the A^_i of the aligned levels,
// finest first.
constexpr const char* kTeacherModel = "(model)";

// Children: "network", and "heads" with whatever the stages of the configuration use:
//   classes3, classes4  per-pixel classes at strides 16 and 32
//   image               which classes are visible, from the deepest stage
//   sounds              which classes sound, from the audio state
//   teacher/output/place with '/' and '.' as '_': projections to a teacher's channels
//   teacher_audio, teacher_state_0..2  projections to the audio states of the teacher model
struct StudentImpl : torch::nn::Module {
  // visible: classes of label maps, background included; audible: all classes, background included.
  StudentImpl(const TrainConfig& config, const ModelConfig& model, const TeacherChannels& channels,
              int visible, int audible);

  // The projection of a place to a teacher, empty if there is none.
  torch::nn::Conv2d projection(const DistillConfig& distill) const;

  LightAVSeg network{nullptr};
  torch::nn::Conv2d classes3{nullptr}, classes4{nullptr};
  torch::nn::Linear image{nullptr}, sounds{nullptr};
  torch::nn::Conv2d teacher_audio{nullptr};       // of audio stages with a teacher model
  std::vector<torch::nn::Conv2d> teacher_states;  // of joint stages with one, finest first

 private:
  std::map<std::string, torch::nn::Conv2d> projections_;
};
TORCH_MODULE(Student);

// Channels of a place of the student ("visual.4", "decoded.1", "audio").
int64_t student_channels(const ModelConfig& model, const std::string& place);

}  // namespace lightavseg
