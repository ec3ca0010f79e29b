// SPDX-License-Identifier: LGPL-2.1-or-later
// The strict reader of manifests.
#include "model/data/csv.h"

#include "tests/fuzz/fuzz_target.h"

using namespace lightavseg;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto table = CsvTable::parse(fuzz::text_of(data, size), "manifest.csv");
    std::size_t length = 0;
    for (std::size_t row = 0; row < table.rows(); ++row) {
      fuzz::require(table.line(row) > 1);
      for (const auto& column : table.columns()) length += table.at(row, column).size();
    }
    fuzz::require(length <= size);
  } catch (const CsvError&) {
  }
  return 0;
}
