// SPDX-License-Identifier: LGPL-2.1-or-later
// The two functions that the shared module of the reference exports.
#pragma once

#include <string>

#include "model/inference/segmenter.h"

extern "C" {

// LIGHTAVSEG_VERSION of the module. Types may differ between versions, so nothing else of another
// one may be called.
const char* lightavseg_reference_version();

// A new segmenter, which the caller owns. Throws what open_segmenter() throws.
lightavseg::Segmenter* lightavseg_open_reference(const std::string& path,
                                                 const lightavseg::SegmenterOptions& options);
}
