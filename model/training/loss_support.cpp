// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/loss_support.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lightavseg {

torch::Tensor to_full_precision(const torch::Tensor& tensor) {
  const auto type = tensor.scalar_type();
  return type == torch::kFloat || type == torch::kDouble ? tensor : tensor.to(torch::kFloat);
}

std::string shape_text(const torch::Tensor& tensor) {
  if (!tensor.defined()) return "an undefined tensor";
  return fmt::format("[{}]", fmt::join(tensor.sizes().vec(), ", "));
}

void require_dimensions(const torch::Tensor& tensor, int64_t dimensions, const char* name) {
  if (!tensor.defined() || tensor.dim() != dimensions) {
    throw LossError(
        fmt::format("{} is {}; it must have {} dimensions", name, shape_text(tensor), dimensions));
  }
}

torch::Tensor expand_validity(const torch::Tensor& valid, int64_t batch, int64_t height,
                              int64_t width, const torch::Device& device) {
  if (!valid.defined()) {
    return torch::ones({batch, 1, height, width}, torch::dtype(torch::kBool).device(device));
  }
  torch::Tensor shaped = valid.dim() == 1 ? valid.view({-1, 1, 1, 1}) : valid;
  const bool fits = shaped.dim() == 4 && shaped.size(0) == batch && shaped.size(1) == 1 &&
                    ((shaped.size(2) == 1 && shaped.size(3) == 1) ||
                     (shaped.size(2) == height && shaped.size(3) == width));
  if (!fits) {
    throw LossError(fmt::format("valid is {}; give [{}] or [{}, 1, {}, {}] for this batch",
                                shape_text(valid), batch, batch, height, width));
  }
  return shaped.to(device).ne(0).expand({batch, 1, height, width});
}

torch::Tensor frame_validity(const torch::Tensor& valid, int64_t batch,
                             const torch::Device& device) {
  if (!valid.defined()) return torch::ones({batch}, torch::dtype(torch::kBool).device(device));
  if (valid.dim() == 0 || valid.size(0) != batch) {
    throw LossError(fmt::format("valid is {}; its first dimension must be {} for this batch",
                                shape_text(valid), batch));
  }
  return valid.to(device).ne(0).reshape({batch, -1}).any(1);
}

torch::Tensor mean_where(const torch::Tensor& values, const torch::Tensor& counted) {
  const torch::Tensor weights = counted.to(values.scalar_type()).expand_as(values);
  return values.masked_fill(counted.logical_not(), 0).sum() / weights.sum().clamp_min(1);
}

}  // namespace lightavseg
