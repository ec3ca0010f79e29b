// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/safetensors_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "model/files/file_error.h"
#include "model/files/tensor_view.h"

namespace lightavseg {

namespace {

void check_length(const std::filesystem::path& path, const SafetensorsEntry& tensor,
                  uint64_t data_bytes) {
  if (tensor.begin > tensor.end) {
    throw FileError(
        path, tensor_field(tensor.name, "data_offsets"),
        fmt::format("begin {} lies behind end {}; it must not", tensor.begin, tensor.end));
  }
  const std::optional<uint64_t> bytes = tensor_bytes(tensor.dtype, tensor.shape);
  if (!bytes) {
    throw FileError(path, tensor_field(tensor.name, "shape"),
                    fmt::format("the size of {} overflows 64 bits", shape_text(tensor.shape)));
  }
  if (tensor.end - tensor.begin != *bytes) {
    throw FileError(path, tensor_field(tensor.name, "data_offsets"),
                    fmt::format("[{}, {}] are {} bytes, but {} of shape {} needs {}", tensor.begin,
                                tensor.end, tensor.end - tensor.begin, dtype_name(tensor.dtype),
                                shape_text(tensor.shape), *bytes));
  }
  if (tensor.end > data_bytes) {
    throw FileError(path, tensor_field(tensor.name, "data_offsets"),
                    fmt::format("it ends at byte {}, but the file has only {} bytes of data; the "
                                "file is truncated, get it again",
                                tensor.end, data_bytes));
  }
}

}  // namespace

void check_safetensors_layout(const std::filesystem::path& path,
                              const std::vector<SafetensorsEntry>& tensors, uint64_t data_bytes) {
  std::vector<const SafetensorsEntry*> in_order;
  in_order.reserve(tensors.size());
  for (const SafetensorsEntry& tensor : tensors) {
    check_length(path, tensor, data_bytes);
    in_order.push_back(&tensor);
  }
  std::sort(in_order.begin(), in_order.end(),
            [](const SafetensorsEntry* left, const SafetensorsEntry* right) {
              return std::tie(left->begin, left->end, left->name) <
                     std::tie(right->begin, right->end, right->name);
            });

  uint64_t covered = 0;
  const SafetensorsEntry* before = nullptr;
  for (const SafetensorsEntry* tensor : in_order) {
    if (tensor->begin < covered) {
      throw FileError(path, tensor_field(tensor->name, "data_offsets"),
                      fmt::format("[{}, {}] overlaps [{}, {}] of {}; tensors must not share bytes",
                                  tensor->begin, tensor->end, before->begin, before->end,
                                  tensor_field(before->name)));
    }
    if (tensor->begin > covered) {
      throw FileError(path, tensor_field(tensor->name, "data_offsets"),
                      fmt::format("begin is {}, but the data before it ends at {}; there must be "
                                  "no hole",
                                  tensor->begin, covered));
    }
    covered = tensor->end;
    before = tensor;
  }
  if (covered != data_bytes) {
    throw FileError(path, "data",
                    fmt::format("the file has {} bytes of data, but its tensors end at {}; there "
                                "must be no bytes left over",
                                data_bytes, covered));
  }
}

}  // namespace lightavseg
