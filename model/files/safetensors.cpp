// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "model/files/file_error.h"
#include "model/files/nearest_names.h"
#include "model/files/quoted_text.h"
#include "model/files/safetensors_header.h"
#include "model/files/safetensors_layout.h"

namespace lightavseg {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "safetensors data is little-endian and handed out as it lies in the file");

namespace {

uint64_t read_header_length(const std::filesystem::path& path, const MappedFile& file) {
  if (file.size() < kSafetensorsLengthBytes) {
    throw FileError(path, "header length",
                    fmt::format("the file has {} bytes, fewer than the {} of the header length; it "
                                "is truncated or not a safetensors file",
                                file.size(), kSafetensorsLengthBytes));
  }
  uint64_t length = 0;
  for (size_t i = 0; i < kSafetensorsLengthBytes; ++i) {
    length |= std::to_integer<uint64_t>(file.data()[i]) << (8 * i);
  }
  if (length < 2 || length > kLongestSafetensorsHeader) {
    throw FileError(path, "header length",
                    fmt::format("it is {}; it must be from 2 to {}; this is not a safetensors file",
                                length, kLongestSafetensorsHeader));
  }
  if (length > file.size() - kSafetensorsLengthBytes) {
    throw FileError(path, "header length",
                    fmt::format("it is {}, but only {} bytes follow; the file is truncated or not "
                                "a safetensors file",
                                length, file.size() - kSafetensorsLengthBytes));
  }
  return length;
}

}  // namespace

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  return SafetensorsFile(path, MappedFile::open(path));
}

SafetensorsFile::SafetensorsFile(std::filesystem::path path, MappedFile file)
    : path_(std::move(path)), file_(std::move(file)) {
  const size_t header_bytes = static_cast<size_t>(read_header_length(path_, file_));
  const std::byte* header_start = file_.data() + kSafetensorsLengthBytes;
  SafetensorsHeader header = parse_safetensors_header(
      path_, std::string_view(reinterpret_cast<const char*>(header_start), header_bytes));
  const std::byte* data = header_start + header_bytes;
  check_safetensors_layout(path_, header.tensors,
                           file_.size() - kSafetensorsLengthBytes - header_bytes);

  metadata_ = std::move(header.metadata);
  tensors_.reserve(header.tensors.size());
  for (SafetensorsEntry& entry : header.tensors) {
    tensors_.push_back({std::move(entry.name), entry.dtype, std::move(entry.shape),
                        data + entry.begin, static_cast<size_t>(entry.end - entry.begin)});
  }
  std::sort(tensors_.begin(), tensors_.end(),
            [](const TensorView& left, const TensorView& right) { return left.name < right.name; });
}

const TensorView* SafetensorsFile::find(std::string_view name) const noexcept {
  const auto found = std::lower_bound(
      tensors_.begin(), tensors_.end(), name,
      [](const TensorView& tensor, std::string_view wanted) { return tensor.name < wanted; });
  return found != tensors_.end() && found->name == name ? &*found : nullptr;
}

const TensorView& SafetensorsFile::at(std::string_view name) const {
  if (const TensorView* tensor = find(name)) return *tensor;

  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const TensorView& tensor : tensors_) names.push_back(tensor.name);
  std::string problem = "the file has no tensor of this name; ";
  const std::vector<std::string> nearest = nearest_names(name, names, 3);
  if (nearest.empty()) {
    problem += fmt::format("none of its {} names is similar; it was made for another model",
                           tensors_.size());
  } else {
    problem += "similar ones are ";
    for (size_t i = 0; i < nearest.size(); ++i) {
      if (i > 0) problem += ", ";
      problem += quoted_text(nearest[i]);
    }
  }
  throw FileError(path_, tensor_field(name), problem);
}

}  // namespace lightavseg
