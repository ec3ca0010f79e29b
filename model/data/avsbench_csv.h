// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lightavseg {

/// A metadata CSV of AVSBench: a header line, then one line per video. Where CsvTable (csv.h) stops
/// at the first bad line of our own manifests, this one goes on and collects, so that a downloaded
/// set can be judged as a whole.
struct AvsCsv {
  struct Row {
    int line = 0;  ///< 1-based, as an editor shows it
    std::vector<std::string> fields;
  };

  std::vector<std::string> header;
  std::vector<Row> rows;              ///< without empty lines
  std::vector<std::string> problems;  ///< one line per row that was left out

  /// Position of a column, -1 if there is none of that name.
  int column(const std::string& name) const;
};

/// Reads a CSV file: commas, fields in double quotes if they hold commas, line ends of either kind,
/// a UTF-8 byte order mark allowed. Rows with more fields than the header or an open quote are left
/// out and reported; short rows are kept, their reader knows which fields it needs.
/// @throws std::runtime_error naming the file if it cannot be read or has no header line
AvsCsv read_avs_csv(const std::filesystem::path& path);

}  // namespace lightavseg
