// SPDX-License-Identifier: LGPL-2.1-or-later
// Weights that a run begins with.
#pragma once

#include "model/network/lightavseg.h"
#include "model/training/train_config.h"

namespace lightavseg {

// Loads model.init, then takes the visual network of model.visual_init and the audio network of
// model.audio_init over, whatever the rest of those models is: networks that are compared can so
// begin with the same pretrained backbones. Throws FileError, or TrainConfigError naming the field
// when the other model has another backbone.
void load_initial_weights(const TrainConfig& config, LightAVSeg& network);

}  // namespace lightavseg
