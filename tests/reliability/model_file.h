// SPDX-License-Identifier: LGPL-2.1-or-later
// The model that ships, as a file in memory that can be damaged and mended at little cost.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "model/data/random.h"
#include "tests/fuzz/memory_file.h"

namespace lightavseg::testing {

/// Not thread-safe. Throws std::runtime_error where the model cannot be read.
class DamagedModel {
 public:
  DamagedModel();

  const std::filesystem::path& path() const { return file_.path(); }

  /// Damages the file in one of the ways below; the same seed gives the same file. What was done
  /// before is undone. Returns what was done, in words.
  ///
  /// Most changes are to the header and the configuration in it, where a reader decides; the
  /// others are to its length, to values of one tensor, and to the length of the file.
  std::string damage(std::uint64_t seed);

  /// Undoes it.
  void mend();

 private:
  std::string damage_header(Random& random);
  std::string damage_config(Random& random);
  std::string damage_length(Random& random);
  std::string damage_values(Random& random);
  std::string damage_size(Random& random);
  void write_header(std::string header);

  fuzz::MemoryFile file_;
  std::string right_;   // the whole file, its header padded with spaces
  std::string header_;  // without the padding
  std::size_t data_;    // where the values begin
  std::string config_;  // as it stands in the header, a string within JSON
  std::size_t at_ = 0;  // where values are damaged, and with what
  std::string touched_;
};

}  // namespace lightavseg::testing
