// SPDX-License-Identifier: LGPL-2.1-or-later
// What every engine says of a model file, and asks of a selection of its classes.
#pragma once

#include <map>
#include <string>

#include "model/inference/segmenter.h"
#include "model/network/config.h"

namespace lightavseg {

// Metadata key: the precisions beside fp32, separated by commas, whose masks were measured to be as
// good as those of fp32 with this model (within 0.5 points of mIoU).
constexpr const char* kPrecisionsKey = "lightavseg.precisions";

// The description of a model at `path` with that metadata and configuration, for pictures of
// options.size. Throws FileError when it names more classes than the labels of a mask can tell
// apart.
ModelDescription describe_model(const std::string& path,
                                const std::map<std::string, std::string>& metadata,
                                const ModelConfig& config, const SegmenterOptions& options);

// Throws std::runtime_error unless the selection is empty or has an entry for every class.
void check_selection(const ModelDescription& model, const ClassSelection& selection);

}  // namespace lightavseg
