// SPDX-License-Identifier: LGPL-2.1-or-later
// Where the time of the network on LibTorch goes. Includes no LibTorch.
#pragma once

#include <functional>
#include <map>
#include <string>

namespace lightavseg::tool {

// Runs `once`, which must call Segmenter::segment() of the LibTorch engine on this thread, `runs`
// times. -> nanoseconds of one run by part: those of PartCost (bench_model.h), "pre" (bytes to the
// network's input) and "post" (logits to mask and labels). The observer itself costs some
// microseconds a frame.
std::map<std::string, double> reference_stages(const std::function<void()>& once, int runs);

}  // namespace lightavseg::tool
