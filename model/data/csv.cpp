// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

namespace lightavseg {
namespace {

struct Record {
  std::vector<std::string> fields;
  int line = 0;
};

std::string comma_list(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {
    // Spreadsheet programs put a byte order mark in front.
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") at_ = 3;
  }

  bool next(Record* record) {
    if (at_ >= text_.size()) return false;
    record->fields.clear();
    record->line = line_;
    do {
      record->fields.push_back(field());
    } while (take(','));
    end_of_line();
    return true;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\n'; }

  bool take(char wanted) {
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  std::string field() { return take('"') ? quoted() : plain(); }

  std::string plain() {
    const std::size_t start = at_;
    while (peek() != ',' && peek() != '\n' && peek() != '\r') {
      if (peek() == '"') {
        fail(
            "a quote inside an unquoted field; put the whole field in quotes and double the "
            "quotes within");
      }
      ++at_;
    }
    return std::string(text_.substr(start, at_ - start));
  }

  std::string quoted() {
    const int opened = line_;
    std::string out;
    for (;;) {
      if (at_ >= text_.size()) {
        fail(fmt::format("the quoted field that opens on line {} never closes", opened));
      }
      const char c = text_[at_++];
      if (c == '"' && !take('"')) break;
      if (c == '\n') ++line_;
      out += c;
    }
    if (at_ < text_.size() && peek() != ',' && peek() != '\n' && peek() != '\r') {
      fail("text after a closing quote; expected a comma or the end of the line");
    }
    return out;
  }

  void end_of_line() {
    take('\r');
    if (at_ < text_.size() && !take('\n')) fail("a carriage return inside a line");
    ++line_;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw CsvError(fmt::format("{}:{}: {}", name_, line_, what));
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

CsvTable CsvTable::read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    throw CsvError(fmt::format("cannot read '{}': expected a CSV file with a line of column names",
                               path.string()));
  }
  return parse(text.str(), path.string());
}

CsvTable CsvTable::parse(std::string_view text, const std::string& name) {
  CsvTable table;
  table.name_ = name;
  Parser parser(text, name);
  Record record;
  if (!parser.next(&record) || (record.fields.size() == 1 && record.fields[0].empty())) {
    throw CsvError(fmt::format("{}:1: empty; the first line must name the columns", name));
  }
  table.columns_ = record.fields;
  std::set<std::string> seen;
  for (const std::string& column : table.columns_) {
    if (!seen.insert(column).second) {
      throw CsvError(fmt::format("{}:1: two columns are named '{}'", name, column));
    }
  }
  while (parser.next(&record)) {
    if (record.fields.size() == 1 && record.fields[0].empty()) continue;  // a blank line
    if (record.fields.size() != table.columns_.size()) {
      throw CsvError(fmt::format("{}:{}: {} fields where the first line names {} columns", name,
                                 record.line, record.fields.size(), table.columns_.size()));
    }
    table.rows_.push_back(record.fields);
    table.lines_.push_back(record.line);
  }
  return table;
}

int CsvTable::find(const std::string& column) const {
  const auto it = std::find(columns_.begin(), columns_.end(), column);
  return it == columns_.end() ? -1 : static_cast<int>(it - columns_.begin());
}

bool CsvTable::has_column(const std::string& column) const {
  return find(column) >= 0;
}

void CsvTable::require_columns(const std::vector<std::string>& wanted) const {
  std::vector<std::string> missing;
  for (const std::string& column : wanted) {
    if (!has_column(column)) missing.push_back(column);
  }
  if (missing.empty()) return;
  throw CsvError(fmt::format("{}:1: the columns {} are missing; the file has {}", name_,
                             comma_list(missing), comma_list(columns_)));
}

const std::string& CsvTable::at(std::size_t row, const std::string& column) const {
  const int index = find(column);
  if (index < 0) {
    throw CsvError(fmt::format("{}:1: there is no column '{}'; the file has {}", name_, column,
                               comma_list(columns_)));
  }
  return rows_[row][static_cast<std::size_t>(index)];
}

const std::string& CsvTable::get(std::size_t row, const std::string& column) const {
  static const std::string kEmpty;
  const int index = find(column);
  return index < 0 ? kEmpty : rows_[row][static_cast<std::size_t>(index)];
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"') quoted += c;
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace lightavseg
