// SPDX-License-Identifier: LGPL-2.1-or-later
// The TOML file of a training run.
#include "model/training/train_config.h"

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_file.h"

using namespace lightavseg;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  file.replace(fuzz::text_of(data, size));
  try {
    const auto config = read_train_config(file.path());
    fuzz::require(!config.stages.empty());
    for (const auto& stage : config.stages) fuzz::require(stage.batch % config.replicas == 0);
  } catch (const TrainConfigError&) {
  }
  return 0;
}
