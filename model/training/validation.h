// SPDX-License-Identifier: LGPL-2.1-or-later
// Figures of the pretraining stages on validation material.
#pragma once

#include <cstdint>

#include "model/training/batches.h"
#include "model/training/student.h"

namespace lightavseg {

// Class mIoU of the head of a mask+classes model, with a zero audio state, over `count` pictures
// of `size`: the mean over the classes that occur, from pooled counts at stride 4. 0..1.
double class_miou(LightAVSeg& network, const BatchMaker& batches, int count, int threads);

// Share of the sounding classes that are among the n loudest answers of the sound head, n being
// the number of classes that sound; over `count` single and mixed sounds. 0..1.
double sound_recall(LightAVSeg& network, torch::nn::Linear& head, const BatchMaker& batches,
                    int count);

}  // namespace lightavseg
