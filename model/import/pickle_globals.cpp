// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/import/pickle_globals.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace lightavseg {
namespace {

constexpr std::array<std::pair<std::string_view, DType>, 10> kStorages = {{
    {"DoubleStorage", DType::kF64},
    {"FloatStorage", DType::kF32},
    {"HalfStorage", DType::kF16},
    {"BFloat16Storage", DType::kBF16},
    {"LongStorage", DType::kI64},
    {"IntStorage", DType::kI32},
    {"ShortStorage", DType::kI16},
    {"CharStorage", DType::kI8},
    {"ByteStorage", DType::kU8},
    {"BoolStorage", DType::kBool},
}};

// Trainers leave these beside the weights: samplers (qiuqiangkong/audioset_tagging_cnn) hold numpy
// arrays, the checkpoints of timm their arguments.
constexpr std::string_view kSkipped[] = {
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.ndarray",
    "numpy.dtype",
    "_codecs.encode",
    "argparse.Namespace",
    "torch.Size",
    "torch.device",
};

}  // namespace

std::optional<DType> storage_dtype(std::string_view name) {
  for (const std::string_view module : {"torch.cuda.", "torch."}) {
    if (name.substr(0, module.size()) != module) continue;
    for (const auto& [storage, dtype] : kStorages)
      if (name.substr(module.size()) == storage) return dtype;
  }
  return std::nullopt;
}

std::optional<PickleGlobal> pickle_global(std::string_view name) {
  if (name == "collections.OrderedDict") return PickleGlobal::kOrderedDict;
  if (name == "torch._utils._rebuild_tensor" || name == "torch._utils._rebuild_tensor_v2")
    return PickleGlobal::kRebuildTensor;
  if (name == "torch._utils._rebuild_parameter") return PickleGlobal::kRebuildParameter;
  if (storage_dtype(name)) return PickleGlobal::kStorage;
  if (std::find(std::begin(kSkipped), std::end(kSkipped), name) != std::end(kSkipped))
    return PickleGlobal::kSkipped;
  return std::nullopt;
}

}  // namespace lightavseg
