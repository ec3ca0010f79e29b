// SPDX-License-Identifier: LGPL-2.1-or-later
// What all losses share: their arithmetic, and which pixels and frames take part.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace lightavseg {

// Thrown when shapes or values cannot be what a loss compares; the text names the argument.
class LossError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// While one lives, autocast of this thread is off: exponentials, logarithms and sums over pictures
// need more than the 8 bits of a bfloat16.
class FullPrecision {
 public:
  FullPrecision() : guard_(c10::autocast_dispatch_keyset) {}

 private:
  c10::impl::ExcludeDispatchKeyGuard guard_;
};

// float32 for half-precision and integer tensors; float32 and float64 stay as they are.
torch::Tensor to_full_precision(const torch::Tensor& tensor);

// "[2, 3, 4]", for messages.
std::string shape_text(const torch::Tensor& tensor);

// Throws LossError naming `name` unless the tensor is defined and has `dimensions` of them.
void require_dimensions(const torch::Tensor& tensor, int64_t dimensions, const char* name);

// The validity of pixels as a boolean tensor [B, 1, H, W] on `device`. valid: undefined (all
// count), [B] (whole frames), or [B, 1, H, W] or [B, 1, 1, 1]; anything but 0 counts. Throws
// LossError.
torch::Tensor expand_validity(const torch::Tensor& valid, int64_t batch, int64_t height,
                              int64_t width, const torch::Device& device);

// The same for whole frames, [B]: a frame counts if any of its pixels does.
torch::Tensor frame_validity(const torch::Tensor& valid, int64_t batch,
                             const torch::Device& device);

// Mean of `values` where `counted` (a boolean tensor that broadcasts to values) holds; 0, still
// connected to the graph, where it never holds.
torch::Tensor mean_where(const torch::Tensor& values, const torch::Tensor& counted);

}  // namespace lightavseg
