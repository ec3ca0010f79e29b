// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/import/foreign_checkpoint.h"

#include <fmt/format.h>

#include <map>
#include <string_view>
#include <utility>

#include "model/files/file_error.h"
#include "model/files/safetensors_header.h"
#include "model/files/tensor_values.h"

namespace lightavseg {

ForeignCheckpoint ForeignCheckpoint::open(const std::filesystem::path& path) {
  ForeignCheckpoint checkpoint(path);
  auto file = MappedFile::open(path);
  const std::string_view bytes(reinterpret_cast<const char*>(file.data()), file.size());
  if (TorchFile::recognises(bytes)) {
    checkpoint.torch_ = std::make_unique<TorchFile>(path, std::move(file));
    checkpoint.list_torch();
  } else if (bytes.size() > kSafetensorsLengthBytes && bytes[kSafetensorsLengthBytes] == '{') {
    checkpoint.safetensors_ = SafetensorsFile::open(path);
    const auto& tensors = checkpoint.safetensors_->tensors();
    for (size_t i = 0; i < tensors.size(); ++i)
      checkpoint.entries_.push_back({tensors[i].name, tensors[i].dtype, tensors[i].shape, i});
  } else {
    throw FileError(path, "",
                    "is neither a file of torch.save() nor safetensors; files of PyTorch before "
                    "0.1.10 and of other frameworks must be saved again by a current PyTorch");
  }
  if (checkpoint.entries_.empty())
    throw FileError(path, "",
                    "holds no tensors under state_dict_ema, state_dict, model or at the top");
  return checkpoint;
}

void ForeignCheckpoint::list_torch() {
  const auto& pickle = torch_->pickle();
  const auto list = [&](const PickleValue& dict) {
    std::map<std::string, const PickledTensor*> tensors;  // a later key replaces, as in Python
    for (size_t i = 0; dict.kind == PickleKind::kDict && i + 1 < dict.items.size(); i += 2) {
      const auto& key = pickle.values[dict.items[i]];
      const auto& value = pickle.values[dict.items[i + 1]];
      if (key.kind == PickleKind::kText && value.kind == PickleKind::kTensor)
        tensors[key.text] = &pickle.tensors[size_t(value.number)];
    }
    for (const auto& [name, tensor] : tensors)
      entries_.push_back({name, pickle.storages[tensor->storage].dtype, tensor->shape,
                          size_t(tensor - pickle.tensors.data())});
  };
  const auto& root = pickle.values[pickle.root];
  for (const char* key : {"state_dict_ema", "state_dict", "model"}) {
    const auto* dict = pickle.find(root, key);
    if (!dict) continue;
    list(*dict);
    dictionary_ = key;
    if (!entries_.empty()) return;
  }
  dictionary_.clear();
  list(root);
}

std::vector<float> ForeignCheckpoint::values(const Entry& entry) {
  std::vector<std::byte> elements;
  TensorView view{entry.name, entry.dtype, entry.shape, nullptr, 0};
  if (torch_) {
    elements = torch_->elements(torch_->pickle().tensors.at(entry.index));
    view.data = elements.data();
    view.bytes = elements.size();
  } else {
    view = safetensors_->tensors().at(entry.index);
  }
  if (!is_floating(view.dtype))
    throw FileError(
        path_, tensor_field(entry.name),
        fmt::format("is stored as {}, weights are F64, F32, F16 or BF16", dtype_name(view.dtype)));
  auto values = to_float(view);
  if (const auto at = first_non_finite(view))
    throw FileError(
        path_, tensor_field(entry.name),
        fmt::format("element {} is NaN or infinite; the training of this file failed", *at));
  return values;
}

}  // namespace lightavseg
