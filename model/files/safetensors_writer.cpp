// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/safetensors_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "model/files/atomic_file.h"
#include "model/files/file_error.h"
#include "model/files/quoted_text.h"
#include "model/files/safetensors_header.h"
#include "model/files/tensor_view.h"

namespace lightavseg {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "safetensors data is little-endian and written as it lies in memory");

namespace {

bool is_control(char character) {
  const auto byte = static_cast<unsigned char>(character);
  return byte < 0x20 || byte == 0x7F;
}

/// `text` as a JSON string, or nothing where it is not UTF-8.
std::optional<std::string> json_string(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    return std::nullopt;
  }
}

void check_name(const std::filesystem::path& path, const std::string& name) {
  const char* problem = nullptr;
  if (name.empty()) {
    problem = "the name is empty; every tensor needs one";
  } else if (name == kMetadataName) {
    problem = "the name is reserved for metadata; choose another";
  } else if (std::any_of(name.begin(), name.end(), is_control)) {
    problem = "the name holds a control character; use printable characters only";
  } else if (!json_string(name)) {
    problem = "the name is not valid UTF-8";
  }
  if (problem != nullptr) throw FileError(path, tensor_field(name), problem);
}

void check_source(const std::filesystem::path& path, const TensorSource& tensor) {
  check_name(path, tensor.name);
  if (tensor.shape.size() > kMostTensorAxes) {
    throw FileError(path, tensor_field(tensor.name, "shape"),
                    fmt::format("there are {} axes; at most {} are allowed", tensor.shape.size(),
                                kMostTensorAxes));
  }
  const std::optional<uint64_t> expected = tensor_bytes(tensor.dtype, tensor.shape);
  if (!expected) {
    throw FileError(
        path, tensor_field(tensor.name, "shape"),
        fmt::format("{} has a negative axis or a size beyond 64 bits", shape_text(tensor.shape)));
  }
  if (*expected != tensor.bytes) {
    throw FileError(path, tensor_field(tensor.name),
                    fmt::format("there are {} bytes, but {} of shape {} needs {}", tensor.bytes,
                                dtype_name(tensor.dtype), shape_text(tensor.shape), *expected));
  }
  if (tensor.data == nullptr && tensor.bytes > 0) {
    throw FileError(path, tensor_field(tensor.name),
                    fmt::format("its data is null, but {} bytes are needed", tensor.bytes));
  }
}

std::vector<const TensorSource*> stored_order(const std::filesystem::path& path,
                                              const std::vector<TensorSource>& tensors) {
  std::vector<const TensorSource*> order;
  order.reserve(tensors.size());
  for (const TensorSource& tensor : tensors) {
    check_source(path, tensor);
    order.push_back(&tensor);
  }
  const auto by_name = [](const TensorSource* left, const TensorSource* right) {
    return left->name < right->name;
  };
  std::sort(order.begin(), order.end(), by_name);
  const auto twice = std::adjacent_find(order.begin(), order.end(),
                                        [](const TensorSource* left, const TensorSource* right) {
                                          return left->name == right->name;
                                        });
  if (twice != order.end()) {
    throw FileError(path, tensor_field((*twice)->name),
                    "the name was given twice; every name must be unique");
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const TensorSource* left, const TensorSource* right) {
                     return dtype_size(left->dtype) > dtype_size(right->dtype);
                   });
  return order;
}

std::string metadata_json(const std::filesystem::path& path,
                          const std::map<std::string, std::string>& metadata) {
  std::string json;
  for (const auto& [key, value] : metadata) {
    const std::optional<std::string> key_json = json_string(key);
    const std::optional<std::string> value_json = json_string(value);
    if (!key_json || !value_json) {
      throw FileError(path, fmt::format("{} {}", kMetadataName, quoted_text(key)),
                      fmt::format("the {} is not valid UTF-8", key_json ? "value" : "key"));
    }
    if (!json.empty()) json += ',';
    json += *key_json + ':' + *value_json;
  }
  return fmt::format("\"{}\":{{{}}}", kMetadataName, json);
}

std::string header_json(const std::filesystem::path& path,
                        const std::vector<const TensorSource*>& order,
                        const std::map<std::string, std::string>& metadata) {
  std::string json;
  if (!metadata.empty()) json = metadata_json(path, metadata);
  uint64_t begin = 0;
  for (const TensorSource* tensor : order) {
    if (tensor->bytes > std::numeric_limits<uint64_t>::max() - begin) {
      throw FileError(path, tensor_field(tensor->name), "the data as a whole passes 64 bits");
    }
    const uint64_t end = begin + tensor->bytes;
    if (!json.empty()) json += ',';
    // check_name() has made sure that the name is UTF-8.
    json += json_string(tensor->name).value();
    json += fmt::format(":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                        dtype_name(tensor->dtype), fmt::join(tensor->shape, ","), begin, end);
    begin = end;
  }
  json.insert(0, 1, '{');
  json += '}';
  // The data starts at a multiple of 8 then, which keeps every tensor aligned to its type.
  json.resize((json.size() + 7) / 8 * 8, ' ');
  if (json.size() > kLongestSafetensorsHeader) {
    throw FileError(path, "header length",
                    fmt::format("it would be {}; at most {} are allowed; write fewer tensors or "
                                "less metadata",
                                json.size(), kLongestSafetensorsHeader));
  }
  return json;
}

}  // namespace

TensorSource float_source(std::string name, std::vector<int64_t> shape,
                          const std::vector<float>& values) {
  return {std::move(name), DType::kF32, std::move(shape), values.data(),
          values.size() * sizeof(float)};
}

void write_safetensors(const std::filesystem::path& path, const std::vector<TensorSource>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::vector<const TensorSource*> order = stored_order(path, tensors);
  const std::string header = header_json(path, order, metadata);
  std::array<unsigned char, kSafetensorsLengthBytes> length = {};
  for (size_t i = 0; i < length.size(); ++i) {
    length[i] = static_cast<unsigned char>(static_cast<uint64_t>(header.size()) >> (8 * i));
  }

  AtomicFile file(path);
  file.write(length.data(), length.size());
  file.write(header.data(), header.size());
  for (const TensorSource* tensor : order) file.write(tensor->data, tensor->bytes);
  file.commit();
}

}  // namespace lightavseg
