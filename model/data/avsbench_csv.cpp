// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace lightavseg {
namespace {

// Returns false if a quote stays open.
bool split_line(const std::string& line, std::vector<std::string>& fields) {
  fields.assign(1, "");
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted) {
      if (c != '"') {
        fields.back() += c;
      } else if (i + 1 < line.size() && line[i + 1] == '"') {
        fields.back() += line[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"' && fields.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return !quoted;
}

}  // namespace

int AvsCsv::column(const std::string& name) const {
  const auto found = std::find(header.begin(), header.end(), name);
  return found == header.end() ? -1 : static_cast<int>(found - header.begin());
}

AvsCsv read_avs_csv(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path)) {
    throw std::runtime_error(fmt::format("{} is missing", path.string()));
  }
  AvsCsv csv;
  std::string line;
  std::vector<std::string> fields;
  for (int number = 1; std::getline(file, line); ++number) {
    if (number == 1 && line.compare(0, 3, "\xef\xbb\xbf") == 0) line.erase(0, 3);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    const bool closed = split_line(line, fields);
    if (!closed) {
      csv.problems.push_back(
          fmt::format("{} line {}: a quote is opened and not closed", path.string(), number));
    } else if (csv.header.empty()) {
      csv.header = fields;
    } else if (fields.size() > csv.header.size()) {
      csv.problems.push_back(fmt::format("{} line {}: {} fields, but the header names {}",
                                         path.string(), number, fields.size(), csv.header.size()));
    } else {
      csv.rows.push_back({number, fields});
    }
  }
  if (csv.header.empty()) {
    throw std::runtime_error(fmt::format("{} has no header line", path.string()));
  }
  return csv;
}

}  // namespace lightavseg
