// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/import/pickle_objects.h"

#include <fmt/format.h>

#include <utility>

#include "model/files/quoted_text.h"
#include "model/files/safetensors_header.h"
#include "model/files/tensor_view.h"
#include "model/import/pickle_globals.h"

namespace lightavseg {
namespace {

using Kind = PickleKind;

// Whether no element of a tensor that has some lies behind the first `length` of its storage.
bool lies_within(const PickledTensor& tensor, uint64_t length) {
  uint64_t last = tensor.offset;
  if (last >= length) return false;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    const uint64_t steps = uint64_t(tensor.shape[i]) - 1;
    const uint64_t stride = uint64_t(tensor.strides[i]);
    if (steps == 0 || stride == 0) continue;
    // Without a product that could overflow.
    if (stride > (length - 1 - last) / steps) return false;
    last += steps * stride;
  }
  return true;
}

}  // namespace

uint32_t PickleObjects::make(PickleValue value) {
  if (pickle_.values.size() >= kMostPickleValues)
    throw PickleProblem(
        fmt::format("more than {} values; a checkpoint has a few thousand", kMostPickleValues));
  pickle_.values.push_back(std::move(value));
  return uint32_t(pickle_.values.size() - 1);
}

// A few bytes can ask for one long list again and again.
void PickleObjects::count_items(size_t more) {
  items_ += more;
  if (items_ > kMostPickleItems)
    throw PickleProblem(
        fmt::format("lists and dictionaries of more than {} items", kMostPickleItems));
}

uint32_t PickleObjects::make_items(PickleKind kind, Items items) {
  count_items(items.size());
  return make({kind, 0, {}, std::move(items)});
}

uint32_t PickleObjects::make_global(const std::string& name) {
  if (!pickle_global(name))
    throw PickleProblem(
        fmt::format("it asks for the Python object {}, which is no tensor. Nothing of it was "
                    "run. If you trust the file, load it in Python and save only its weights: "
                    "torch.save(model.state_dict(), ...)",
                    quoted_text(name)));
  return make({Kind::kGlobal, 0, name, {}});
}

void PickleObjects::append(uint32_t list, const Items& items) {
  extend(list, Kind::kList, "items are added to something that is no list", items);
}

void PickleObjects::set_items(uint32_t dict, const Items& items) {
  if (items.size() % 2 != 0)
    throw PickleProblem("a key of a dictionary has no value; the file is damaged");
  extend(dict, Kind::kDict, "keys are set in something that is no dictionary", items);
}

void PickleObjects::extend(uint32_t object, Kind kind, const char* problem, const Items& items) {
  auto& target = value(object);
  if (target.kind == Kind::kSkipped) return;
  if (target.kind != kind) throw PickleProblem(problem);
  count_items(items.size());
  target.items.insert(target.items.end(), items.begin(), items.end());
}

void PickleObjects::set_attributes(uint32_t object) {
  const auto kind = value(object).kind;
  if (kind != Kind::kDict && kind != Kind::kSkipped && kind != Kind::kTensor)
    throw PickleProblem("attributes are set on something that has none");
}

uint64_t PickleObjects::count_of(uint32_t index, const char* what, uint64_t most) {
  const auto& v = value(index);
  if (v.kind != Kind::kNumber || v.number < 0 || uint64_t(v.number) > most)
    throw PickleProblem(
        fmt::format("the {} of a tensor must be an integer within 0..{}", what, most));
  return uint64_t(v.number);
}

std::vector<int64_t> PickleObjects::counts_of(uint32_t index, const char* what) {
  const auto& v = value(index);
  if (v.kind != Kind::kTuple && v.kind != Kind::kList)
    throw PickleProblem(fmt::format("the {} of a tensor must be a tuple of integers", what));
  if (v.items.size() > kMostTensorAxes)
    throw PickleProblem(fmt::format("a tensor has {} axes; at most {} are possible", v.items.size(),
                                    kMostTensorAxes));
  count_items(v.items.size());
  std::vector<int64_t> counts;
  for (const auto item : v.items)
    counts.push_back(int64_t(count_of(item, what, kMostStorageElements)));
  return counts;
}

uint32_t PickleObjects::make_storage(uint32_t index) {
  const auto& id = value(index);
  if (id.kind == Kind::kTuple && !id.items.empty() && value(id.items[0]).text == "module")
    throw PickleProblem(
        "the file holds a whole Python model, not weights. In Python, save its weights: "
        "torch.save(model.state_dict(), ...)");
  if (id.kind != Kind::kTuple || id.items.size() < 5 || id.items.size() > 6 ||
      value(id.items[0]).text != "storage" || value(id.items[2]).kind != Kind::kText ||
      value(id.items[2]).text.size() > kLongestStorageKey)
    throw PickleProblem("the values of a tensor are named in a way that PyTorch does not write");
  const auto dtype = storage_dtype(value(id.items[1]).text);
  if (!dtype || value(id.items[1]).kind != Kind::kGlobal)
    throw PickleProblem(
        "the type of a tensor's values must be one of torch.FloatStorage and its "
        "kin");
  PickledStorage storage{value(id.items[2]).text, *dtype, 0, 0, 0};
  storage.count = storage.length = count_of(id.items[4], "storage size", kMostStorageElements);
  if (id.items.size() == 6 && value(id.items[5]).kind != Kind::kNone) {
    const auto& view = value(id.items[5]);  // (key of the view, first, length)
    if (view.kind != Kind::kTuple || view.items.size() != 3)
      throw PickleProblem("a view of a storage must be a tuple of key, offset and length");
    storage.first = count_of(view.items[1], "view", storage.count);
    storage.length = count_of(view.items[2], "view", storage.count - storage.first);
  }
  pickle_.storages.push_back(std::move(storage));
  return make({Kind::kStorage, int64_t(pickle_.storages.size() - 1), {}, {}});
}

// (storage, offset, shape, strides, ...)
uint32_t PickleObjects::make_tensor(const Items& arguments) {
  if (arguments.size() < 4 || value(arguments[0]).kind != Kind::kStorage)
    throw PickleProblem("a tensor must be made of a storage, an offset, a shape and strides");
  PickledTensor tensor;
  tensor.storage = size_t(value(arguments[0]).number);
  const auto& storage = pickle_.storages[tensor.storage];
  tensor.offset = count_of(arguments[1], "offset", storage.length);
  tensor.shape = counts_of(arguments[2], "shape");
  tensor.strides = counts_of(arguments[3], "strides");
  if (tensor.shape.size() != tensor.strides.size())
    throw PickleProblem(fmt::format("a tensor of shape {} has {} strides", shape_text(tensor.shape),
                                    tensor.strides.size()));
  const auto bytes = tensor_bytes(storage.dtype, tensor.shape);
  if (!bytes || *bytes > kMostTensorBytes)
    throw PickleProblem(fmt::format("a tensor of shape {} is larger than {} bytes",
                                    shape_text(tensor.shape), kMostTensorBytes));
  // Strides of 0 make much of little; the storage itself is compared with the file later.
  if (*bytes / dtype_size(storage.dtype) > storage.length && *bytes > kMostRepeatedBytes)
    throw PickleProblem(fmt::format(
        "a tensor of shape {} repeats the {} elements of its storage in more than {} bytes",
        shape_text(tensor.shape), storage.length, kMostRepeatedBytes));
  if (*bytes > 0 && !lies_within(tensor, storage.length))
    throw PickleProblem(fmt::format(
        "a tensor of shape {} and strides {} from element {} reaches beyond the {} "
        "elements of its storage",
        shape_text(tensor.shape), shape_text(tensor.strides), tensor.offset, storage.length));
  tensor.offset += storage.first;
  pickle_.tensors.push_back(std::move(tensor));
  return make({Kind::kTensor, int64_t(pickle_.tensors.size() - 1), {}, {}});
}

uint32_t PickleObjects::make_ordered_dict(const Items& arguments) {
  Items pairs;
  if (!arguments.empty()) {
    const auto& list = value(arguments[0]);  // Python 2 writes a list of pairs
    for (const auto item : list.items) {
      const auto& pair = value(item).items;
      if (pair.size() != 2) throw PickleProblem("an OrderedDict must be made of pairs");
      pairs.insert(pairs.end(), pair.begin(), pair.end());
    }
  }
  return make_items(Kind::kDict, std::move(pairs));
}

// Making a value may move the others, so it comes last here and in what is called.
uint32_t PickleObjects::call(uint32_t function, uint32_t arguments) {
  if (value(arguments).kind != Kind::kTuple)
    throw PickleProblem("the arguments of a call must be a tuple");
  const auto& given = value(arguments).items;
  const auto& called = value(function);
  if (called.kind == Kind::kSkipped) return make({Kind::kSkipped, 0, {}, {}});
  if (called.kind != Kind::kGlobal) throw PickleProblem("something is called that is no function");
  switch (*pickle_global(called.text)) {
    case PickleGlobal::kOrderedDict:
      return make_ordered_dict(given);
    case PickleGlobal::kRebuildTensor:
      return make_tensor(given);
    case PickleGlobal::kRebuildParameter:
      if (given.empty() || value(given[0]).kind != Kind::kTensor)
        throw PickleProblem("a parameter must be made of a tensor");
      return given[0];
    case PickleGlobal::kStorage:
      throw PickleProblem(
          "a storage without a key; only those that torch.save() writes can be read");
    case PickleGlobal::kSkipped:
      break;
  }
  return make({Kind::kSkipped, 0, {}, {}});
}

Pickle PickleObjects::finish(uint32_t root, size_t bytes) {
  pickle_.root = root;
  pickle_.bytes = bytes;
  return std::move(pickle_);
}

}  // namespace lightavseg
