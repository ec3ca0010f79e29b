// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/toml_section.h"

#include <sstream>

namespace lightavseg {

namespace fs = std::filesystem;

toml::table parse_toml_file(const fs::path& file) {
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    std::ostringstream text;
    text << error;
    throw TrainConfigError(file.string() + ": " + text.str());
  }
}

void TomlSection::read_within(const std::string& key, double low, double high, double& value) {
  read(key, value);
  if (!(value >= low && value <= high))
    wrong(key, fmt::format("{} is outside {}..{}", value, low, high));
}

void TomlSection::read_path(const std::string& key, const fs::path& folder, fs::path& value) {
  std::string text;
  read(key, text);
  if (!text.empty()) value = fs::path(text).is_absolute() ? fs::path(text) : folder / text;
}

void TomlSection::read_strings(const std::string& key, std::vector<std::string>& value) {
  const auto* node = find(key);
  if (!node) return;
  const auto* array = node->as_array();
  if (!array) wrong(key, "must be a list of strings");
  value.clear();
  for (const auto& item : *array) {
    if (!item.is_string()) wrong(key, "must be a list of strings");
    value.push_back(item.value<std::string>().value());
  }
}

void TomlSection::read_whole_numbers(const std::string& key, std::vector<std::uint64_t>& value) {
  const auto* node = find(key);
  if (!node) return;
  const auto* array = node->as_array();
  if (!array) wrong(key, "must be a list of whole numbers");
  value.clear();
  for (const auto& item : *array) {
    if (!item.is_integer()) wrong(key, "must be a list of whole numbers");
    const auto number = item.value<std::int64_t>().value();
    if (number < 0) wrong(key, fmt::format("{} is below 0", number));
    value.push_back(std::uint64_t(number));
  }
}

TomlSection TomlSection::table(const std::string& key) {
  static const toml::table kEmpty;
  const auto* node = find(key);
  if (!node) return TomlSection(kEmpty, join(key));
  if (!node->is_table()) wrong(key, "must be a table");
  return TomlSection(*node->as_table(), join(key));
}

std::vector<TomlSection> TomlSection::tables(const std::string& key) {
  std::vector<TomlSection> result;
  const auto* node = find(key);
  if (!node) return result;
  const auto* array = node->as_array();
  if (!array) wrong(key, "must be a list of tables, [[" + join(key) + "]]");
  for (size_t i = 0; i < array->size(); ++i) {
    const auto* item = (*array)[i].as_table();
    if (!item) wrong(key, "must be a list of tables, [[" + join(key) + "]]");
    result.emplace_back(*item, fmt::format("{}[{}]", join(key), i));
  }
  return result;
}

void TomlSection::numbers(std::map<std::string, double>& value) {
  for (const auto& [key, node] : table_) {
    double number = 0;
    read(std::string(key.str()), number);
    value[std::string(key.str())] = number;
  }
}

void TomlSection::refuse_others() const {
  for (const auto& [key, node] : table_)
    if (!seen_.count(std::string(key.str())))
      throw TrainConfigError(fmt::format("{}: unknown key; known here: {}",
                                         join(std::string(key.str())), fmt::join(seen_, ", ")));
}

void TomlSection::wrong(const std::string& key, const std::string& what) const {
  throw TrainConfigError(join(key) + ": " + what);
}

}  // namespace lightavseg
