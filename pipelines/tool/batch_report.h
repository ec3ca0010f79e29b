// SPDX-License-Identifier: LGPL-2.1-or-later
// What became of a batch, for programs and for eyes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "pipelines/tool/batch_jobs.h"

namespace lightavseg::tool {

struct BatchCounts {
  int done = 0, skipped = 0, failed = 0, not_done = 0;
};

BatchCounts count(const std::vector<BatchOutcome>& outcomes);

// docs/batch.md describes the fields.
std::string batch_json(const std::vector<BatchOutcome>& outcomes);

// A page with the pictures of every result. page: where it will lie, which links are relative to.
std::string batch_html(const std::vector<BatchOutcome>& outcomes,
                       const std::filesystem::path& page);

}  // namespace lightavseg::tool
