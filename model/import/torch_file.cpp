// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/import/torch_file.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "model/files/file_error.h"
#include "model/files/quoted_text.h"
#include "model/files/tensor_view.h"

namespace lightavseg {
namespace {

constexpr std::string_view kZipStart = "PK\x03\x04";
// The magic number of the older format, 0x1950a86a20f9469cfc6c, as LONG1 behind PROTO and STOP.
constexpr std::string_view kLegacyMagic = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
constexpr size_t kLegacyStart = 2 + kLegacyMagic.size();
constexpr int64_t kLegacyVersion = 1001;

bool is_legacy(std::string_view bytes) {
  return bytes.size() > kLegacyStart && bytes[0] == '\x80' &&
         bytes.substr(2, kLegacyMagic.size()) == kLegacyMagic;
}

}  // namespace

bool TorchFile::recognises(std::string_view bytes) {
  return bytes.substr(0, kZipStart.size()) == kZipStart || is_legacy(bytes);
}

TorchFile::TorchFile(std::filesystem::path path, MappedFile file)
    : path_(std::move(path)),
      file_(std::move(file)),
      bytes_(reinterpret_cast<const char*>(file_.data()), file_.size()) {
  if (is_legacy(bytes_))
    open_legacy();
  else
    open_archive();
  check_storages();
}

void TorchFile::open_archive() {
  archive_ = std::make_unique<ZipArchive>(path_, bytes_);
  constexpr std::string_view kPickle = "/data.pkl";
  std::vector<std::string> found;
  for (const auto& name : archive_->names())
    if (name.size() > kPickle.size() && name.find('/') == name.size() - kPickle.size() &&
        name.substr(name.size() - kPickle.size()) == kPickle)
      found.push_back(name);
  if (found.size() != 1)
    throw FileError(path_, "data.pkl",
                    fmt::format("the zip archive holds {} entries NAME/data.pkl; a file of "
                                "torch.save() holds one",
                                found.size()));
  folder_ = found[0].substr(0, found[0].size() - kPickle.size() + 1);
  if (archive_->has(folder_ + "constants.pkl"))
    throw FileError(path_, "constants.pkl",
                    "this is a program of TorchScript; save its weights in Python: "
                    "torch.save(model.state_dict(), ...)");
  if (archive_->has(folder_ + "byteorder") && archive_->read(folder_ + "byteorder") != "little")
    throw FileError(path_, "byteorder",
                    "must be little; save the file again on a little-endian machine");
  if (archive_->size(found[0]) > kMostPickleBytes)
    throw FileError(path_, "data.pkl",
                    fmt::format("is longer than {} bytes; that is no checkpoint of a network",
                                kMostPickleBytes));
  pickle_ = read_pickle(path_, "data.pkl", archive_->read(found[0]));
}

void TorchFile::open_legacy() {
  size_t at = kLegacyStart;
  const auto next = [&](const char* part) {
    auto pickle = read_pickle(path_, part, bytes_.substr(at));
    at += pickle.bytes;
    return pickle;
  };
  const auto version = next("version");
  if (version.values[version.root].number != kLegacyVersion)
    throw FileError(path_, "version",
                    fmt::format("found {}, but {} is the only one of this format",
                                version.values[version.root].number, kLegacyVersion));
  const auto machine = next("machine");
  const auto* little = machine.find(machine.values[machine.root], "little_endian");
  if (!little || little->number != 1)
    throw FileError(path_, "little_endian",
                    "must be true; save the file again on a little-endian machine");
  pickle_ = next("object");
  const auto keys = next("keys");

  std::map<std::string, const PickledStorage*> wanted;
  for (const auto& storage : pickle_.storages) {
    const auto [known, fresh] = wanted.emplace(storage.key, &storage);
    if (!fresh && (known->second->dtype != storage.dtype || known->second->count != storage.count))
      throw FileError(path_, "storage " + quoted_text(storage.key),
                      "is named with two types or sizes; the file is damaged");
  }
  for (const auto index : keys.values[keys.root].items) {
    const auto& key = keys.values[index].text;
    const auto field = "storage " + quoted_text(key);
    const auto found = wanted.find(key);
    if (found == wanted.end())
      throw FileError(path_, field, "is not used by any tensor, so its type is unknown");
    uint64_t count = 0;
    if (bytes_.size() - at < sizeof(count))
      throw FileError(path_, field, "the file ends before it; get the file again");
    std::memcpy(&count, &bytes_[at], sizeof(count));
    at += sizeof(count);
    const auto size = dtype_size(found->second->dtype);
    if (count != found->second->count || count > (bytes_.size() - at) / size)
      throw FileError(path_, field,
                      fmt::format("{} elements follow, but {} are announced and {} bytes are left; "
                                  "the file is damaged or truncated, get it again",
                                  count, found->second->count, bytes_.size() - at));
    if (!runs_.emplace(key, bytes_.substr(at, size_t(count) * size)).second)
      throw FileError(path_, field, "appears twice; the file is damaged");
    at += size_t(count) * size;
  }
}

void TorchFile::check_storages() const {
  for (const auto& storage : pickle_.storages) {
    const auto field = "storage " + quoted_text(storage.key);
    size_t bytes = 0;
    if (archive_) {
      bytes = archive_->size(folder_ + "data/" + storage.key);
    } else {
      const auto run = runs_.find(storage.key);
      if (run == runs_.end())
        throw FileError(path_, field, "is missing from the file; get the file again");
      bytes = run->second.size();
    }
    if (storage.count > bytes / dtype_size(storage.dtype))
      throw FileError(path_, field,
                      fmt::format("has {} bytes, but {} elements {} are announced; the file is "
                                  "damaged, get it again",
                                  bytes, storage.count, dtype_name(storage.dtype)));
  }
}

std::string_view TorchFile::storage(const std::string& key) {
  if (!archive_) return runs_.at(key);
  auto found = unpacked_.find(key);
  if (found == unpacked_.end())
    found = unpacked_.emplace(key, archive_->read(folder_ + "data/" + key)).first;
  return found->second;
}

std::vector<std::byte> TorchFile::elements(const PickledTensor& tensor) {
  const auto& named = pickle_.storages.at(tensor.storage);
  const size_t size = dtype_size(named.dtype);
  std::vector<std::byte> result(tensor_bytes(named.dtype, tensor.shape).value());
  if (result.empty()) return result;
  const auto source = storage(named.key);
  std::vector<int64_t> index(tensor.shape.size(), 0);
  uint64_t from = tensor.offset;
  for (size_t to = 0;; to += size) {
    std::memcpy(&result[to], &source[size_t(from) * size], size);
    // The next index in row-major order, as an odometer counts.
    size_t axis = index.size();
    while (axis > 0 && index[axis - 1] + 1 == tensor.shape[axis - 1]) {
      --axis;
      from -= uint64_t(index[axis]) * uint64_t(tensor.strides[axis]);
      index[axis] = 0;
    }
    if (axis == 0) return result;
    ++index[axis - 1];
    from += uint64_t(tensor.strides[axis - 1]);
  }
}

}  // namespace lightavseg
