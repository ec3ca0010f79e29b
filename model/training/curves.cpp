// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/curves.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <string_view>
#include <system_error>

namespace lightavseg {
namespace {

constexpr std::string_view kStepColumn = "step";
constexpr std::int64_t kNoStep = std::numeric_limits<std::int64_t>::min();

void check_columns(const std::filesystem::path& path, const std::vector<std::string>& columns) {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string& name = columns[i];
    if (name.empty() || name == kStepColumn || name.find_first_of(",\"\r\n") != std::string::npos) {
      throw CurveError(fmt::format(
          "{}: \"{}\" cannot name a curve; use a name other than \"step\" without comma, quote or "
          "line end",
          path.string(), name));
    }
    if (std::find(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(i), name) !=
        columns.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw CurveError(fmt::format("{}: the curve \"{}\" is named twice", path.string(), name));
    }
  }
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const std::size_t comma = line.find(',');
    fields.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

template <typename Number>
bool parse(std::string_view text, Number* value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *value);
  return result.ec == std::errc() && result.ptr == end;
}

std::string header_line(const std::vector<std::string>& columns) {
  std::string line(kStepColumn);
  for (const std::string& name : columns) line += "," + name;
  return line + "\n";
}

// fmt's shortest form reads back to the same double and does not follow the locale.
std::string row_line(const CurveRow& row) {
  std::string line = fmt::format("{}", row.step);
  for (const auto& value : row.values) line += value ? fmt::format(",{}", *value) : ",";
  return line + "\n";
}

void write_all(int file, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      throw CurveError(
          fmt::format("{}: a row could not be written: {}", path.string(), std::strerror(errno)));
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// The new contents go through a second file, so a kill in between leaves the old ones.
void replace_file(const std::filesystem::path& path, const std::string& contents) {
  const std::filesystem::path temporary = path.string() + ".new";
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << contents;
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(temporary, path, error);
  if (!out || error) {
    throw CurveError(fmt::format("{}: cannot be written{}; check the folder and the free space",
                                 path.string(), error ? ": " + error.message() : ""));
  }
}

}  // namespace

std::vector<std::pair<std::int64_t, double>> Curves::series(const std::string& column) const {
  const auto found = std::find(columns.begin(), columns.end(), column);
  if (found == columns.end()) {
    throw CurveError(
        fmt::format("there is no curve \"{}\"; the file has {}", column, fmt::join(columns, ", ")));
  }
  const auto index = static_cast<std::size_t>(found - columns.begin());
  std::vector<std::pair<std::int64_t, double>> points;
  for (const CurveRow& row : rows) {
    if (row.values[index]) points.emplace_back(row.step, *row.values[index]);
  }
  return points;
}

Curves read_curves(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw CurveError(
        fmt::format("{}: cannot be opened; give the curve file of a run", path.string()));
  }
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  Curves curves;
  bool header_seen = false;
  std::size_t line_number = 0;
  std::size_t start = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos;
       start = end + 1, end = text.find('\n', start)) {
    const std::string_view line(text.data() + start, end - start);
    const auto fields = split(line);
    ++line_number;
    if (!header_seen) {
      if (fields[0] != kStepColumn) {
        throw CurveError(fmt::format("{}: the first line must start with \"step\", not \"{}\"",
                                     path.string(), fields[0]));
      }
      curves.columns.assign(fields.begin() + 1, fields.end());
      header_seen = true;
      continue;
    }
    CurveRow row;
    if (fields.size() != curves.columns.size() + 1) {
      throw CurveError(fmt::format("{}:{}: {} fields where the header has {}", path.string(),
                                   line_number, fields.size(), curves.columns.size() + 1));
    }
    if (!parse(fields[0], &row.step)) {
      throw CurveError(
          fmt::format("{}:{}: \"{}\" is no step number", path.string(), line_number, fields[0]));
    }
    if (!curves.rows.empty() && row.step < curves.rows.back().step) {
      throw CurveError(fmt::format("{}:{}: step {} follows step {}; steps must not fall",
                                   path.string(), line_number, row.step, curves.rows.back().step));
    }
    for (std::size_t i = 1; i < fields.size(); ++i) {
      double value = 0;
      if (fields[i].empty()) {
        row.values.emplace_back(std::nullopt);
      } else if (parse(fields[i], &value)) {
        row.values.emplace_back(value);
      } else {
        throw CurveError(fmt::format("{}:{}: \"{}\" in column \"{}\" is no number", path.string(),
                                     line_number, fields[i], curves.columns[i - 1]));
      }
    }
    curves.rows.push_back(std::move(row));
  }
  if (!header_seen) {
    throw CurveError(fmt::format("{}: has no header line; it is no curve file", path.string()));
  }
  return curves;
}

CurveWriter CurveWriter::create(const std::filesystem::path& path,
                                const std::vector<std::string>& columns) {
  check_columns(path, columns);
  if (std::filesystem::exists(path)) {
    throw CurveError(
        fmt::format("{}: exists already; resume that run or choose another folder", path.string()));
  }
  replace_file(path, header_line(columns));
  return CurveWriter(path, columns, kNoStep);
}

CurveWriter CurveWriter::resume(const std::filesystem::path& path,
                                const std::vector<std::string>& columns, std::int64_t step) {
  if (!std::filesystem::exists(path)) return create(path, columns);
  check_columns(path, columns);
  Curves old = read_curves(path);
  std::vector<std::string> all = old.columns;
  for (const std::string& name : columns) {
    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
  }
  std::string contents = header_line(all);
  std::int64_t last_step = kNoStep;
  for (CurveRow& row : old.rows) {
    if (row.step > step) break;
    row.values.resize(all.size());
    contents += row_line(row);
    last_step = row.step;
  }
  replace_file(path, contents);
  return CurveWriter(path, all, last_step);
}

CurveWriter::CurveWriter(std::filesystem::path path, std::vector<std::string> columns,
                         std::int64_t last_step)
    : path_(std::move(path)), columns_(std::move(columns)), last_step_(last_step) {
  file_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file_ < 0) {
    throw CurveError(
        fmt::format("{}: cannot be opened for writing: {}", path_.string(), std::strerror(errno)));
  }
}

CurveWriter::CurveWriter(CurveWriter&& other) noexcept
    : path_(std::move(other.path_)),
      columns_(std::move(other.columns_)),
      last_step_(other.last_step_),
      file_(std::exchange(other.file_, -1)) {
}

CurveWriter& CurveWriter::operator=(CurveWriter&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(columns_, other.columns_);
  std::swap(last_step_, other.last_step_);
  std::swap(file_, other.file_);
  return *this;
}

CurveWriter::~CurveWriter() {
  if (file_ >= 0) ::close(file_);
}

void CurveWriter::append(std::int64_t step, const Scalars& scalars) {
  if (step < last_step_) {
    throw CurveError(fmt::format("{}: step {} follows step {}; steps must not fall", path_.string(),
                                 step, last_step_));
  }
  CurveRow row;
  row.step = step;
  row.values.resize(columns_.size());
  for (const auto& [name, value] : scalars) {
    const auto found = std::find(columns_.begin(), columns_.end(), name);
    if (found == columns_.end()) {
      throw CurveError(fmt::format("{}: there is no curve \"{}\"; the file has {}", path_.string(),
                                   name, fmt::join(columns_, ", ")));
    }
    row.values[static_cast<std::size_t>(found - columns_.begin())] = value;
  }
  write_all(file_, row_line(row), path_);
  last_step_ = step;
}

}  // namespace lightavseg
