// SPDX-License-Identifier: LGPL-2.1-or-later
// Files of torch.save() (torch/serialization.py of pytorch/pytorch), without LibTorch.
//
// Two formats: since PyTorch 1.6 a zip archive of NAME/data.pkl and the stored entries NAME/data/N;
// before that, pickles behind one another (a magic number, a version, facts about the machine, the
// object, the keys of its storages) and the storages behind them. Neither is believed unchecked.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/files/mapped_file.h"
#include "model/import/pickle.h"

namespace lightavseg {

/// The archive of the newer format, read by libzip from memory.
class ZipArchive {
 public:
  /// `bytes` must outlive the object. Throws FileError where they are no zip archive.
  ZipArchive(std::filesystem::path path, std::string_view bytes);

  /// All names, in the order of the archive.
  std::vector<std::string> names() const;
  bool has(const std::string& name) const;
  /// Length in bytes. Throws FileError where the entry is missing or packed.
  size_t size(const std::string& name) const;
  /// The contents, whose checksum has been compared. Throws FileError.
  std::string read(const std::string& name) const;

 private:
  std::filesystem::path path_;
  size_t length_;
  std::shared_ptr<struct zip> archive_;
};

/// An open file. Not thread-safe.
class TorchFile {
 public:
  /// Whether the bytes begin like one of the two formats.
  static bool recognises(std::string_view bytes);

  /// Reads the structure and checks that each tensor lies inside what the file holds. Values stay
  /// in the file. Throws FileError; see model/import/pickle.h for what is refused.
  TorchFile(std::filesystem::path path, MappedFile file);

  const Pickle& pickle() const { return pickle_; }

  /// The elements of a tensor of pickle(), in row-major order without gaps.
  /// Throws FileError where the checksum of the archive is wrong.
  std::vector<std::byte> elements(const PickledTensor& tensor);

 private:
  void open_archive();
  void open_legacy();
  void check_storages() const;
  std::string_view storage(const std::string& key);

  std::filesystem::path path_;
  MappedFile file_;
  std::string_view bytes_;
  std::unique_ptr<ZipArchive> archive_;
  std::string folder_;                            // of the archive, with its "/"
  std::map<std::string, std::string> unpacked_;   // storages read of the archive
  std::map<std::string, std::string_view> runs_;  // storages of the older format
  Pickle pickle_;
};

}  // namespace lightavseg
