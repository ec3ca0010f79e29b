// SPDX-License-Identifier: LGPL-2.1-or-later
// The JSON that says which network a model file holds.
#include <string>

#include "model/network/config.h"
#include "tests/fuzz/fuzz_target.h"

using namespace lightavseg;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto config = ModelConfig::from_json(std::string(fuzz::text_of(data, size)));
    // What was taken can be written and is taken again.
    fuzz::require(ModelConfig::from_json(config.to_json()) == config);
    fuzz::require(config.logit_channels() >= 1);
  } catch (const ConfigError&) {
  }
  return 0;
}
