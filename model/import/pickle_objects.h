// SPDX-License-Identifier: LGPL-2.1-or-later
// The objects that the instructions of a pickle ask for: values within limits, and storages and
// tensors whose places have been checked (torch/_utils.py of pytorch/pytorch).
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/import/pickle.h"

namespace lightavseg {

/// What is wrong with a pickle, without the place, which only the reader knows.
class PickleProblem : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A Pickle in the making. Objects are known by their index; making one invalidates references to
/// others. Every function throws PickleProblem where a limit of pickle.h is passed. Not
/// thread-safe.
class PickleObjects {
 public:
  using Items = std::vector<uint32_t>;

  PickleValue& value(uint32_t index) { return pickle_.values[index]; }

  uint32_t make(PickleValue value);
  /// A tuple or list of these, or a dictionary of keys and values in turn.
  uint32_t make_items(PickleKind kind, Items items);
  /// The function or class of this name. Throws PickleProblem that names what is refused.
  uint32_t make_global(const std::string& name);
  /// What a persistent id stands for: (text "storage", class, key, place, elements[, view]).
  uint32_t make_storage(uint32_t id);
  /// What a call returns: a dictionary, tensor or skipped object. Nothing is executed.
  uint32_t call(uint32_t function, uint32_t arguments);
  /// Add to a list, and set keys of a dictionary. What is skipped takes everything.
  void append(uint32_t list, const Items& items);
  void set_items(uint32_t dict, const Items& items);
  /// Attributes of an object, such as the _metadata of a state_dict(), which are dropped.
  void set_attributes(uint32_t object);

  Pickle finish(uint32_t root, size_t bytes);

 private:
  // Adds to a list or dictionary, as `kind` says; nothing happens to what is skipped.
  void extend(uint32_t object, PickleKind kind, const char* problem, const Items& items);
  void count_items(size_t more);
  uint64_t count_of(uint32_t index, const char* what, uint64_t most);
  std::vector<int64_t> counts_of(uint32_t index, const char* what);
  uint32_t make_tensor(const Items& arguments);
  uint32_t make_ordered_dict(const Items& arguments);

  Pickle pickle_;
  size_t items_ = 0;
};

}  // namespace lightavseg
