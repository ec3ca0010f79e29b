// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace lightavseg {
namespace {

std::string error_text(const std::string& headline, const std::vector<std::string>& problems,
                       const std::string& advice) {
  std::string text =
      fmt::format("{}: {} problem{}", headline, problems.size(), problems.size() == 1 ? "" : "s");
  const size_t shown = std::min<size_t>(problems.size(), AvsBenchError::kShownProblems);
  for (size_t i = 0; i < shown; ++i) text += "\n  " + problems[i];
  if (shown < problems.size()) {
    text += fmt::format("\n  ... and {} more", problems.size() - shown);
  }
  if (!advice.empty()) text += "\n" + advice;
  return text;
}

}  // namespace

AvsBenchError::AvsBenchError(const std::string& headline, std::vector<std::string> problems,
                             const std::string& advice)
    : std::runtime_error(error_text(headline, problems, advice)), problems_(std::move(problems)) {
}

const char* to_string(AvsSet set) {
  switch (set) {
    case AvsSet::kS4:
      return "S4";
    case AvsSet::kMs3:
      return "MS3";
    case AvsSet::kAvss:
      break;
  }
  return "AVSS";
}

const char* to_string(AvsSubset subset) {
  switch (subset) {
    case AvsSubset::kS4:
      return "s4";
    case AvsSubset::kMs3:
      return "ms3";
    case AvsSubset::kV1s:
      return "v1s";
    case AvsSubset::kV1m:
      return "v1m";
    case AvsSubset::kV2:
      break;
  }
  return "v2";
}

int real_frame_count(AvsSubset subset) {
  return subset == AvsSubset::kV2 ? 10 : 5;
}

int annotated_frame_count(AvsSubset subset, const std::string& split) {
  const bool single_source = subset == AvsSubset::kS4 || subset == AvsSubset::kV1s;
  return single_source && split == "train" ? 1 : real_frame_count(subset);
}

int slot_count(AvsSubset subset) {
  return subset == AvsSubset::kS4 || subset == AvsSubset::kMs3 ? 5 : 10;
}

bool is_avs_split(const std::string& split) {
  return split == "train" || split == "val" || split == "test";
}

}  // namespace lightavseg
