// SPDX-License-Identifier: LGPL-2.1-or-later
// What this machine multiplies at best: dense convolutions of sizes that suit oneDNN
// (oneapi-src/oneDNN), all of whose data lies in the caches.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/engine/engine.h"

namespace lightavseg::tool {

// One convolution, with data of its own for each of `threads` threads.
class RoofKernel {
 public:
  struct Size {
    int channels;  // in and out
    int side;      // pixels
    int kernel;
  };
  // Candidates, among which the fastest is the roof.
  static const std::vector<Size>& sizes();

  // Throws std::runtime_error when this machine has no such convolution.
  RoofKernel(const Size& size, Arithmetic arithmetic, int threads);
  ~RoofKernel();
  RoofKernel(RoofKernel&&) noexcept;

  std::string name() const;  // such as "3x3 of 128 channels, 28x28"
  // Floating-point operations of one run, 2 x multiply-accumulates.
  double operations() const;
  // Different threads may run at the same time.
  void run(int thread) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// The candidate that takes the least time per operation on one thread right now.
RoofKernel fastest_roof_kernel(Arithmetic arithmetic, int threads);

}  // namespace lightavseg::tool
