// SPDX-License-Identifier: LGPL-2.1-or-later
// Weights that other programs saved, by name, whatever the format of the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/files/safetensors.h"
#include "model/import/torch_file.h"

namespace lightavseg {

/// Not thread-safe.
class ForeignCheckpoint {
 public:
  struct Entry {
    std::string name;
    DType dtype = DType::kF32;
    std::vector<int64_t> shape;
    size_t index = 0;  // of the tensor in its file
  };

  /// Opens a safetensors file or one of torch.save(), told apart by their first bytes. Of the
  /// latter, the weights are those of the first of `state_dict_ema`, `state_dict` and `model` that
  /// is a dictionary with tensors, else of the file itself: trainers keep other things beside, and
  /// averaged weights are the ones that were measured.
  /// Throws FileError where the file is damaged, refused or holds no tensors.
  static ForeignCheckpoint open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  /// The dictionary that the weights are of, such as "state_dict"; empty: the file itself.
  const std::string& dictionary() const { return dictionary_; }
  /// All tensors, sorted by name.
  const std::vector<Entry>& entries() const { return entries_; }
  /// The elements of one of entries() as float, in row-major order. Throws FileError naming the
  /// entry where they are integers, NaN or infinite.
  std::vector<float> values(const Entry& entry);

 private:
  explicit ForeignCheckpoint(std::filesystem::path path) : path_(std::move(path)) {}
  void list_torch();

  std::filesystem::path path_;
  std::string dictionary_;
  std::vector<Entry> entries_;
  std::optional<SafetensorsFile> safetensors_;
  std::unique_ptr<TorchFile> torch_;
};

}  // namespace lightavseg
