// SPDX-License-Identifier: LGPL-2.1-or-later
// The curves of a run in one CSV file: a column "step", then one column per named scalar, an empty
// field where a scalar has no value at a step. Rows are only ever appended, each with one write, so
// a run that is killed leaves whole rows and at most one broken last line, which readers skip.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace lightavseg {

// Thrown with the path in the text when a file cannot be read or written or is no curve file.
class CurveError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using Scalars = std::map<std::string, double>;

struct CurveRow {
  std::int64_t step = 0;
  std::vector<std::optional<double>> values;  // one per column; may be inf or nan
};

struct Curves {
  std::vector<std::string> columns;  // without "step"
  std::vector<CurveRow> rows;        // steps never fall

  // The values of one column with their steps, gaps left out. Throws CurveError for an unknown
  // name.
  std::vector<std::pair<std::int64_t, double>> series(const std::string& column) const;
};

// Reads a file; a broken last line (no line end) is skipped. Throws CurveError for anything else
// that is wrong, with the line number.
Curves read_curves(const std::filesystem::path& path);

// Appends rows. One writer per file; not for several threads at once.
class CurveWriter {
 public:
  // Starts a new file. Throws CurveError if it exists: another run's curves must not be lost.
  // Names must be unique, not empty, not "step", and without comma, quote or line end.
  static CurveWriter create(const std::filesystem::path& path,
                            const std::vector<std::string>& columns);

  // Continues a file after a restart from `step`: rows behind that step and a broken last line are
  // removed, columns that are new are added. Starts a new file if there is none.
  static CurveWriter resume(const std::filesystem::path& path,
                            const std::vector<std::string>& columns, std::int64_t step);

  CurveWriter(CurveWriter&& other) noexcept;
  CurveWriter& operator=(CurveWriter&& other) noexcept;
  CurveWriter(const CurveWriter&) = delete;
  CurveWriter& operator=(const CurveWriter&) = delete;
  ~CurveWriter();

  // Writes one row at once. Throws CurveError for a name that is no column, a step below the last
  // one, or a full disk.
  void append(std::int64_t step, const Scalars& scalars);

  const std::vector<std::string>& columns() const { return columns_; }

 private:
  CurveWriter(std::filesystem::path path, std::vector<std::string> columns, std::int64_t last_step);

  std::filesystem::path path_;
  std::vector<std::string> columns_;
  std::int64_t last_step_;
  int file_ = -1;
};

}  // namespace lightavseg
