// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/files/tensor_view.h"

#include <limits>

#include "model/files/quoted_text.h"

namespace lightavseg {

std::optional<uint64_t> tensor_bytes(DType dtype, const std::vector<int64_t>& shape) {
  uint64_t product = dtype_size(dtype);
  for (const int64_t axis : shape) {
    if (axis < 0) return std::nullopt;
    const uint64_t factor = static_cast<uint64_t>(axis);
    if (factor != 0 && product > std::numeric_limits<uint64_t>::max() / factor) {
      return std::nullopt;
    }
    product *= factor;
  }
  return product;
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

std::string tensor_field(std::string_view name, std::string_view part) {
  std::string field = "tensor " + quoted_text(name);
  if (!part.empty()) field.append(" ").append(part);
  return field;
}

}  // namespace lightavseg
