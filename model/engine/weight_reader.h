// SPDX-License-Identifier: LGPL-2.1-or-later
// Tensors of a model file as the engine needs them: checked, widened, batch norm folded in.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "model/engine/convolution.h"
#include "model/files/safetensors.h"

namespace lightavseg {

// A fully connected layer: y = bias + W x, with weight = W transposed, [in, out].
struct Linear {
  int in = 0, out = 0;
  std::vector<float> weight, bias;
};

// Where a batch norm scales and shifts to, on top of itself: x -> factor * norm(x) + offset.
struct Affine {
  double factor = 1, offset = 0;
};

// For an h-sigmoid min(max(x + 3, 0), 6) / 6 behind it: what is left is a clamp to 0..1.
inline constexpr Affine kBeforeUnit{1.0 / 6.0, 0.5};

// Reads each tensor once. What is wrong is only thrown by finish(), so that the error does not
// depend on the order of reading; until then the values of such tensors are zeros.
// Not thread-safe; the file must outlive it.
class WeightReader {
 public:
  explicit WeightReader(const SafetensorsFile& file) : file_(file) {}

  std::vector<float> take(const std::string& name, const std::vector<std::int64_t>& shape);

  // Convolution `name`.weight without bias, followed by the batch norm `norm`.
  ConvolutionValues convolution(const std::string& name, const std::string& norm, int in, int out,
                                int kernel = 1, int groups = 1, const Affine& then = {});
  // Children "c" and "bn" of `name`.
  ConvolutionValues conv_bn(const std::string& name, int in, int out, int kernel = 1,
                            int groups = 1, const Affine& then = {});
  // Convolution with bias and without norm.
  ConvolutionValues biased(const std::string& name, int in, int out, int kernel = 1,
                           int groups = 1);
  // The same with a kernel of 1 for vectors. `dims`: axes of the stored weight, 2 or 4.
  Linear linear(const std::string& name, int in, int out, int dims = 4);
  // Factor and offset of a batch norm over `channels`.
  void norm(const std::string& name, int channels, std::vector<double>& factor,
            std::vector<double>& offset);

  // Throws FileError naming the first tensor that is missing, unknown, of another shape, of
  // integers, not finite or a negative variance. Entries that end in "num_batches_tracked" are let
  // be.
  void finish() const;

 private:
  void fail(const std::string& name, const std::string& problem);

  const SafetensorsFile& file_;
  std::set<std::string> taken_, missing_;
  std::string wrong_, problem_;  // the first by name
};

}  // namespace lightavseg
