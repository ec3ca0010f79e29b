// SPDX-License-Identifier: LGPL-2.1-or-later
// The Segmenter on LibTorch, in a shared module of its own: LibTorch takes seconds to load, and a
// program that plays videos need not have it.
#pragma once

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/inference/segmenter.h"

namespace lightavseg {

// There is no such module, or it cannot be loaded. Says where it was looked for and what to do.
class ReferenceModuleError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Where the module is looked for, in order: beside the running program or plugin, in the installed
// folder of modules, and, for code that runs from its build folder, where it was built.
std::vector<std::filesystem::path> reference_module_paths();

// Loads the module, once for the process, and opens the model with it. Throws ReferenceModuleError,
// and what open_segmenter() throws. Safe from any thread.
std::unique_ptr<Segmenter> open_reference_segmenter(const std::string& path,
                                                    const SegmenterOptions& options = {});

namespace internal {
// The same with the first of these files that exists.
std::unique_ptr<Segmenter> open_reference_segmenter(
    const std::vector<std::filesystem::path>& modules, const std::string& path,
    const SegmenterOptions& options);
}  // namespace internal

}  // namespace lightavseg
