// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/config_file.h"

#include <fmt/format.h>

#include "model/files/file_error.h"

namespace lightavseg {

ModelConfig read_model_config(const SafetensorsFile& file) {
  const auto it = file.metadata().find(kConfigKey);
  if (it == file.metadata().end())
    throw FileError(
        file.path(), kConfigKey,
        "is missing from the metadata: this safetensors file is not a LightAVSeg model");
  try {
    return ModelConfig::from_json(it->second);
  } catch (const ConfigError& error) {
    throw FileError(file.path(), fmt::format("{}.{}", kConfigKey, error.field()), error.what());
  }
}

}  // namespace lightavseg
