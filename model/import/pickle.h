// SPDX-License-Identifier: LGPL-2.1-or-later
// The pickles inside checkpoints of PyTorch, read as data.
//
// A pickle is a program for a stack machine that may call any Python function. This reader knows
// the instructions of protocols 2 to 5 that torch.save() writes, and of Python's names only those
// that stand for tensors (torch/_utils.py of pytorch/pytorch), ordered dictionaries and a few
// harmless objects that are skipped. Nothing is ever executed; any other name is refused.
//
// Limits: the constants below. The reader does not recurse, and
// repeated references stay references, so that memory stays in proportion to the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "model/files/tensor_dtype.h"

namespace lightavseg {

constexpr size_t kMostPickleBytes = size_t(64) << 20;
constexpr size_t kMostPickleValues = 1'000'000;  // made, at once on the stack, remembered
constexpr size_t kMostPickleItems = 4'000'000;   // of all lists, dictionaries and shapes together
constexpr size_t kLongestStorageKey = 64;        // PyTorch writes numbers
constexpr size_t kMostPickleMarks = 1000;        // open lists, tuples and dictionaries
constexpr uint64_t kMostTensorBytes = uint64_t(1) << 31;
constexpr uint64_t kMostRepeatedBytes = uint64_t(1) << 26;  // of a tensor larger than its storage
constexpr uint64_t kMostStorageElements = uint64_t(1) << 40;

/// A run of elements that tensors share, by the name under which the file holds it.
struct PickledStorage {
  std::string key;
  DType dtype = DType::kF32;
  uint64_t count = 0;   // elements that the file must hold
  uint64_t first = 0;   // where this view of them begins, in elements
  uint64_t length = 0;  // elements of this view; first + length <= count
};

/// A tensor as a view of a storage. No element lies outside of it: that has been checked.
struct PickledTensor {
  size_t storage = 0;            // index into Pickle::storages
  uint64_t offset = 0;           // elements from the start of the whole storage
  std::vector<int64_t> shape;    // none negative; at most kMostTensorBytes, and no more than the
                                 // storage has or kMostRepeatedBytes
  std::vector<int64_t> strides;  // in elements, none negative
};

enum class PickleKind {
  kNone,
  kNumber,  // an integer or a boolean in `number`
  kText,
  kTuple,
  kList,
  kDict,     // `items`: key, value, key, value ...
  kGlobal,   // the name of a function or class in `text`
  kStorage,  // index in `number`
  kTensor,   // index in `number`
  kSkipped,  // a float, a long integer or an object that no checkpoint needs
};

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  int64_t number = 0;
  std::string text;
  std::vector<uint32_t> items;  // indices into Pickle::values; may form cycles
};

struct Pickle {
  std::vector<PickleValue> values;
  std::vector<PickledStorage> storages;
  std::vector<PickledTensor> tensors;
  uint32_t root = 0;
  size_t bytes = 0;  // length of the pickle, up to and with its STOP

  /// The value under a text key of a dictionary (the last one, as in Python), or null.
  const PickleValue* find(const PickleValue& dict, std::string_view key) const;
};

/// Reads the pickle at the start of `data`; what follows its STOP is not looked at. `path` and
/// `part` (where in the file, such as `data.pkl`) are for error texts.
/// Throws FileError naming the byte, and what was found there.
Pickle read_pickle(const std::filesystem::path& path, const std::string& part,
                   std::string_view data);

}  // namespace lightavseg
