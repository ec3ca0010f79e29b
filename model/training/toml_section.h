// SPDX-License-Identifier: LGPL-2.1-or-later
// One table of a TOML file, read key by key: values are checked, and keys that nobody asked for are
// told.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/training/train_config.h"

namespace lightavseg {

// Throws TrainConfigError naming the file and the line.
toml::table parse_toml_file(const std::filesystem::path& file);

// Members throw TrainConfigError naming the key with its path, "stage[1].loss.bce". A key that is
// absent leaves the value as it was. Not thread-safe. The table must outlive the section.
class TomlSection {
 public:
  // path: what stands before the keys in errors; empty for the whole file.
  TomlSection(const toml::table& table, std::string path) : table_(table), path_(std::move(path)) {}

  bool has(const std::string& key) const { return table_.contains(key); }

  // bool, std::string, double, or a whole number that is not negative.
  template <class T>
  void read(const std::string& key, T& value);

  void read_within(const std::string& key, double low, double high, double& value);

  template <class T>
  void read_at_least(const std::string& key, T low, T& value) {
    read(key, value);
    if (value < low) wrong(key, fmt::format("{} is below {}", value, low));
  }

  // One of a few words.
  template <class E>
  void read_name(const std::string& key, const std::vector<std::pair<std::string, E>>& names,
                 E& value);

  // A relative path starts in `folder`.
  void read_path(const std::string& key, const std::filesystem::path& folder,
                 std::filesystem::path& value);

  void read_strings(const std::string& key, std::vector<std::string>& value);
  // None below 0.
  void read_whole_numbers(const std::string& key, std::vector<std::uint64_t>& value);

  // The sub-table, an empty one if it is not there.
  TomlSection table(const std::string& key);
  // The sub-tables [[key]].
  std::vector<TomlSection> tables(const std::string& key);

  // Every key of the table with its number.
  void numbers(std::map<std::string, double>& value);

  // After everything was read: the keys that were not asked for are unknown.
  void refuse_others() const;

  [[noreturn]] void wrong(const std::string& key, const std::string& what) const;

 private:
  const toml::node* find(const std::string& key) {
    seen_.insert(key);
    return table_.get(key);
  }
  std::string join(const std::string& key) const { return path_.empty() ? key : path_ + "." + key; }

  const toml::table& table_;
  std::string path_;
  std::set<std::string> seen_;
};

template <class T>
void TomlSection::read(const std::string& key, T& value) {
  const auto* node = find(key);
  if (!node) return;
  if constexpr (std::is_same_v<T, bool>) {
    if (!node->is_boolean()) wrong(key, "must be true or false");
    value = node->value<bool>().value();
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (!node->is_string()) wrong(key, "must be a string");
    value = node->value<std::string>().value();
  } else if constexpr (std::is_integral_v<T>) {
    if (!node->is_integer()) wrong(key, "must be a whole number");
    const auto v = node->value<std::int64_t>().value();
    if (v < 0 || (sizeof(T) == 4 && v > std::numeric_limits<std::int32_t>::max()))
      wrong(key, fmt::format("{} is out of range", v));
    value = static_cast<T>(v);
  } else {
    static_assert(std::is_same_v<T, double>);
    if (!node->is_number()) wrong(key, "must be a number");
    const auto v = node->value<double>();  // none for an integer that would be rounded
    if (!v) wrong(key, "is a whole number of more digits than are kept; write it with a point");
    value = *v;
  }
}

template <class E>
void TomlSection::read_name(const std::string& key,
                            const std::vector<std::pair<std::string, E>>& names, E& value) {
  std::string name;
  read(key, name);
  if (name.empty() && !has(key)) return;
  std::vector<std::string> valid;
  for (const auto& [n, v] : names) {
    if (n == name) {
      value = v;
      return;
    }
    valid.push_back(n);
  }
  wrong(key, fmt::format("'{}' is not one of {}", name, fmt::join(valid, ", ")));
}

}  // namespace lightavseg
