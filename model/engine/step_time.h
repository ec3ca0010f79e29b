// SPDX-License-Identifier: LGPL-2.1-or-later
// How long the steps of a planned network took, grouped by the parts of the network.
#pragma once

#include <cstdint>
#include <string>

namespace lightavseg {

// The time of one step, summed over its runs.
struct StepTime {
  // "audio", "visual", "reciprocal_encoder", "fusion_decoder", "top_down" or "head"; a segmenter
  // adds "pre" (bytes to the network's input) and "post" (logits to mask and labels).
  std::string module;
  std::string step;  // such as "smb2.layer1.expand"
  std::int64_t runs = 0;
  std::int64_t nanoseconds = 0;      // of all runs together
  std::int64_t multiplications = 0;  // multiply-accumulates of one run, 0 where it has none
};

}  // namespace lightavseg
