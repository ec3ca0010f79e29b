// SPDX-License-Identifier: LGPL-2.1-or-later
/// A strict reader for comma-separated manifests (RFC 4180: quoted fields, doubled quotes, line
/// breaks inside quotes, LF or CRLF). The first line names the columns.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lightavseg {

/// The text names the file and line, what is wrong there and how it should look.
class CsvError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class CsvTable {
 public:
  /// Throws CsvError if the file cannot be read or is malformed.
  static CsvTable read(const std::filesystem::path& path);

  /// `name` stands for the file in error texts.
  static CsvTable parse(std::string_view text, const std::string& name);

  std::size_t rows() const { return rows_.size(); }
  const std::vector<std::string>& columns() const { return columns_; }
  const std::string& name() const { return name_; }
  bool has_column(const std::string& column) const;

  /// Throws CsvError that lists all of the wanted columns that are missing.
  void require_columns(const std::vector<std::string>& wanted) const;

  /// Throws CsvError if there is no such column.
  const std::string& at(std::size_t row, const std::string& column) const;

  /// The same, but an empty text when there is no such column.
  const std::string& get(std::size_t row, const std::string& column) const;

  /// The line (1-based) on which a row starts.
  int line(std::size_t row) const { return lines_[row]; }

 private:
  int find(const std::string& column) const;

  std::string name_;
  std::vector<std::string> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<int> lines_;
};

/// A field as it is written into a CSV line: in quotes where it needs them.
std::string csv_field(const std::string& text);

}  // namespace lightavseg
