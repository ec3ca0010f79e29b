// SPDX-License-Identifier: LGPL-2.1-or-later
// Chooses between the planned engine and the reference.
#include <fmt/format.h>

#include <stdexcept>

#include "model/inference/engine_segmenter.h"
#include "model/inference/reference_module.h"
#include "model/inference/segmenter.h"

namespace lightavseg {

std::unique_ptr<Segmenter> open_segmenter(const std::string& path,
                                          const SegmenterOptions& options) {
  const auto& precision = options.precision;
  if (precision != "fp32" && precision != "bf16" && precision != "int8" && precision != "auto")
    throw std::runtime_error(
        fmt::format("precision '{}': is none of fp32, bf16, int8, auto", precision));
  const bool is_fixed = precision == "bf16" || precision == "int8";
  if (options.threads < 0)
    throw std::runtime_error(fmt::format(
        "threads {}: give how many, or 0 for as many as the machine has cores", options.threads));
  if (options.size != 0 && (options.size < 32 || options.size > 2048))
    throw std::runtime_error(
        fmt::format("input size {}: give 32 to 2048 pixels, or 0 for what the model was made for",
                    options.size));
  if (is_fixed && options.engine == "reference")
    throw std::runtime_error(fmt::format(
        "precision '{}': the reference engine has fp32 only; take engine planned", precision));
  if (options.engine == "planned") return open_engine_segmenter(path, options);
  if (options.engine == "reference") return open_reference_segmenter(path, options);
  if (options.engine != "auto")
    throw std::runtime_error(
        fmt::format("engine '{}': is none of auto, planned, reference", options.engine));
  try {
    return open_engine_segmenter(path, options);
  } catch (const UnsupportedModel& refusal) {
    if (is_fixed) throw;
    try {
      return open_reference_segmenter(path, options);
    } catch (const ReferenceModuleError& missing) {
      throw ReferenceModuleError(fmt::format("{}; {}", refusal.what(), missing.what()));
    }
  }
}

}  // namespace lightavseg
