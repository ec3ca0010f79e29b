// SPDX-License-Identifier: LGPL-2.1-or-later
// label2idx.json of AVSBench-semantic.
#include <string>

#include "model/data/avsbench_classes.h"
#include "model/data/avsbench_types.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_file.h"

using namespace lightavseg;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  file.replace(fuzz::text_of(data, size));
  try {
    const auto names = read_avss_class_names(file.path());
    fuzz::require(names.size() == std::size_t(kAvssClassCount));
    for (const auto& name : names) fuzz::require(!name.empty());
  } catch (const AvsBenchError&) {
  }
  return 0;
}
