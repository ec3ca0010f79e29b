// SPDX-License-Identifier: LGPL-2.1-or-later
// The Python names that a checkpoint may use.
#pragma once

#include <optional>
#include <string_view>

#include "model/files/tensor_dtype.h"

namespace lightavseg {

enum class PickleGlobal {
  kOrderedDict,
  kRebuildTensor,     // torch._utils._rebuild_tensor and _rebuild_tensor_v2
  kRebuildParameter,  // torch._utils._rebuild_parameter
  kStorage,           // torch.FloatStorage and its kin
  kSkipped,           // numpy arrays, argparse.Namespace ...: read over, never made
};

/// What "module.name" is, or nothing where it is refused.
std::optional<PickleGlobal> pickle_global(std::string_view name);

/// The element type of "torch.FloatStorage" and its kin, or nothing.
std::optional<DType> storage_dtype(std::string_view name);

}  // namespace lightavseg
