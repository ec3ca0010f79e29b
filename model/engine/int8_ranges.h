// SPDX-License-Identifier: LGPL-2.1-or-later
// How large the values get that the int8 path of the engine rounds to 8 bits: measured with floats
// (`lightavseg calibrate`), kept in the metadata of the model's file.
#pragma once

#include <map>
#include <string>

#include "model/files/safetensors.h"

namespace lightavseg {

// Metadata key: JSON, step of the plan -> largest magnitude of what its convolution reads, > 0.
constexpr const char* kInt8RangesKey = "lightavseg.int8_ranges";

class Int8Ranges {
 public:
  Int8Ranges() = default;  // of a model that has none
  // Throws FileError naming the entry that is no positive number.
  explicit Int8Ranges(const SafetensorsFile& file);

  bool empty() const { return of_.empty(); }
  // Throws FileError naming the file and the step that has none.
  float of(const std::string& step) const;

 private:
  std::filesystem::path path_;
  std::map<std::string, float> of_;
};

// For the metadata of a file.
std::string to_json(const std::map<std::string, float>& ranges);

}  // namespace lightavseg
