// SPDX-License-Identifier: LGPL-2.1-or-later
// The metadata tables of AVSBench, downloaded as they are.
#include "model/data/avsbench_csv.h"

#include <stdexcept>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/memory_file.h"

using namespace lightavseg;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::MemoryFile file;
  file.replace(fuzz::text_of(data, size));
  try {
    const auto csv = read_avs_csv(file.path());
    fuzz::require(!csv.header.empty());
    for (const auto& row : csv.rows) fuzz::require(row.fields.size() <= csv.header.size());
    for (const auto& name : csv.header) fuzz::require(csv.column(name) >= 0);
  } catch (const std::runtime_error&) {
  }
  return 0;
}
