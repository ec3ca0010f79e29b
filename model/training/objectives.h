// SPDX-License-Identifier: LGPL-2.1-or-later
// The loss of one batch in one stage of training.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "model/training/batches.h"
#include "model/training/student.h"
#include "model/training/teacher.h"
#include "model/training/train_config.h"

namespace lightavseg {

// The teachers of a run and what is known of their outputs. Shared by all replicas.
struct Teachers {
  std::map<std::string, std::unique_ptr<Teacher>> loaded;
  std::map<std::string, std::unique_ptr<TeacherCache>> caches;  // of image teachers
  LightAVSeg model{nullptr};  // the teacher model, in eval mode; empty: none
};

struct Objective {
  torch::Tensor total;                         // scalar to differentiate
  std::map<std::string, torch::Tensor> parts;  // detached scalars, by name, for the curves
};

// Runs the student on the batch and weighs its losses as the stage says. Call it under the
// autocast that the run wants.
Objective objective(Student& student, const StageConfig& stage, const Batch& batch,
                    const Teachers& teachers);

}  // namespace lightavseg
