// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/nearest_names.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace lightavseg {

namespace {

// The distance costs the product of both lengths; longer names are no typing errors.
constexpr size_t kLongestName = 256;

size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= left.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= right.size(); ++j) {
      const size_t replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

/// Whether `whole` is `part` behind a prefix that ends with a dot.
bool adds_prefix(std::string_view whole, std::string_view part) {
  return !part.empty() && whole.size() > part.size() + 1 &&
         whole.substr(whole.size() - part.size()) == part &&
         whole[whole.size() - part.size() - 1] == '.';
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view name, const std::vector<std::string>& names,
                                       size_t most) {
  std::vector<std::pair<size_t, const std::string*>> ranked;
  if (name.size() > kLongestName) return {};
  for (const std::string& known : names) {
    if (known.size() > kLongestName) continue;
    if (adds_prefix(known, name) || adds_prefix(name, known)) {
      ranked.emplace_back(1, &known);
      continue;
    }
    const size_t distance = edit_distance(name, known);
    if (2 * distance <= std::max(name.size(), known.size())) ranked.emplace_back(distance, &known);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& left, const auto& right) { return left.first < right.first; });
  if (ranked.size() > most) ranked.resize(most);
  std::vector<std::string> nearest;
  nearest.reserve(ranked.size());
  for (const auto& entry : ranked) nearest.push_back(*entry.second);
  return nearest;
}

}  // namespace lightavseg
