// SPDX-License-Identifier: LGPL-2.1-or-later
// The configuration of a model file, without its weights and without LibTorch.
#pragma once

#include "model/files/safetensors.h"
#include "model/network/config.h"

namespace lightavseg {

// Metadata key of the configuration.
constexpr const char* kConfigKey = "lightavseg.config";

// The configuration of an opened file. Throws FileError naming the field.
ModelConfig read_model_config(const SafetensorsFile& file);

}  // namespace lightavseg
