// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/engine/int8_ranges.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "model/files/file_error.h"

namespace lightavseg {

Int8Ranges::Int8Ranges(const SafetensorsFile& file) : path_(file.path()) {
  const auto entry = file.metadata().find(kInt8RangesKey);
  if (entry == file.metadata().end()) return;
  const auto json = nlohmann::json::parse(entry->second, nullptr, false);
  if (!json.is_object())
    throw FileError(path_, kInt8RangesKey, "must be a JSON object of numbers by step");
  for (const auto& [step, range] : json.items()) {
    const double value = range.is_number() ? range.get<double>() : 0;
    if (!(value >= 1e-30 && value <= 1e30))
      throw FileError(path_, std::string(kInt8RangesKey) + "." + step,
                      "must be a positive number, found " + range.dump());
    of_[step] = float(value);
  }
}

float Int8Ranges::of(const std::string& step) const {
  const auto entry = of_.find(step);
  if (entry == of_.end())
    throw FileError(path_, std::string(kInt8RangesKey) + "." + step,
                    "is missing; `lightavseg calibrate` measures it");
  return entry->second;
}

std::string to_json(const std::map<std::string, float>& ranges) {
  return nlohmann::json(ranges).dump();
}

}  // namespace lightavseg
