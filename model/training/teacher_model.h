// SPDX-License-Identifier: LGPL-2.1-or-later
// A model of ours as teacher of a smaller one: its soft masks and its audio states, for the scenes
// that the student sees (what the paper leaves to future work).
#pragma once

#include <string>
#include <vector>

#include "model/training/batches.h"
#include "model/training/student.h"
#include "model/training/train_config.h"

namespace lightavseg {

// Opens config.teacher_model for a student of the configuration `model`; in eval mode, on the CPU.
// Throws FileError, or TrainConfigError (model.teacher) when the teacher hears another front end,
// has no mask, or has no audio states although a joint stage wants them.
LightAVSeg load_teacher_model(const TrainConfig& config, const ModelConfig& model);

// The audio states of such a model for TeacherChannels, under kTeacherModel.
TeacherChannels teacher_model_channels(const ModelConfig& teacher);

struct WeighedLoss {
  std::string name;
  torch::Tensor loss;  // scalar
  double weight = 0;
};

// How far the student is from the teacher on a batch, as the stage weighs it (loss.teacher_mask,
// loss.teacher_audio); nothing in visual stages.
//   teacher_mask   joint: binary cross-entropy against the teacher's mask probabilities, at the
//                  student's finest stage
//   teacher_audio  1 - cosine to the teacher's audio states through learnt projections; audio
//   stages:
//                  A_0, joint stages: the mean over the levels that both align
// audio: A_0 of the student [B, C, 1, 1]; out: its output with logits at the finest stage, not
// looked at in audio stages. The teacher gets no gradient. Several threads may share it.
std::vector<WeighedLoss> teacher_model_losses(const StudentImpl& student, const StageConfig& stage,
                                              const Batch& batch, LightAVSeg teacher,
                                              const torch::Tensor& audio, const NetworkOutput& out);

}  // namespace lightavseg
