// SPDX-License-Identifier: LGPL-2.1-or-later
// Convolutions of one map, packed once and run by oneDNN (oneapi-src/oneDNN).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "model/engine/element.h"
#include "model/engine/memory_pool.h"
#include "model/engine/onednn.h"

namespace lightavseg {

// What is done to a sum before it is stored.
enum class Activation {
  kNone,
  kRelu,
  kRelu6,  // clamped to 0..6
  kUnit,   // clamped to 0..1: an h-sigmoid whose x / 6 + 1/2 was folded into the weights
};

// Values of a convolution as the network has them: weight [out, in / groups, kernel, kernel].
struct ConvolutionValues {
  int out = 0;
  int in = 0;  // channels of the map, of all groups together
  int kernel = 1;
  int groups = 1;  // 1, or as many as channels (depthwise)
  std::vector<float> weight;
  std::vector<float> bias;  // [out]
};

// The values of one convolution in the layout that oneDNN asks for; there is only one copy unless
// two plans want different layouts. Safe from any thread.
class PackedWeights {
 public:
  explicit PackedWeights(ConvolutionValues values);

  int out() const { return out_; }
  int in() const { return in_; }
  int kernel() const { return kernel_; }
  int groups() const { return groups_; }

  // The weights in that layout: packed into the pool now, or the ones that are there already.
  dnnl::memory in_layout(const dnnl::memory::desc& layout, const std::shared_ptr<MemoryPool>& pool);
  const std::vector<float>& bias() const { return bias_; }
  // Weights of int8 are divided by a step for each output channel and rounded, once and for all:
  // whoever asks for a layout of them must have asked for the steps before. The largest weight of a
  // channel becomes 127. Throws std::logic_error when floats were laid out already.
  const std::vector<float>& int8_steps();
  // Of what is kept.
  std::size_t bytes() const;

 private:
  int out_, in_, kernel_, groups_;
  mutable std::mutex mutex_;
  std::vector<dnnl::memory> layouts_;               // the plain one until another takes its place
  bool is_only_source_ = true;                      // of the first: nobody runs with it
  std::vector<std::shared_ptr<MemoryPool>> pools_;  // that hold the layouts
  std::vector<float> bias_, steps_;
};

// How a convolution is placed. Padding below and to the right is whatever the output needs.
struct ConvolutionPlace {
  int height = 0, width = 0;  // of the input
  int stride = 1;
  int padding = 0;      // to the left
  int padding_top = 0;  // above
  int out_height = 0, out_width = 0;
  Activation activation = Activation::kNone;
  bool adds = false;  // the sum is added to what the output holds; only without activation
  // Weights have the type of the input, int8 where that is one of the integers. The sum is a float
  // before it is stored.
  Element in = Element::kFloat32, out = Element::kFloat32;
  float in_step = 1, out_step = 1;  // of integers
};

// A convolution planned for one size. Input and output are dense, channels-last. Immutable.
class Convolution {
 public:
  // Throws UnsupportedModel when oneDNN has nothing for it.
  // pool: where weights are packed that are not yet.
  Convolution(std::shared_ptr<PackedWeights> weights, const ConvolutionPlace& place,
              const std::shared_ptr<MemoryPool>& pool);

  // Memory that a run works in.
  std::size_t scratch_bytes() const { return scratch_.get_size(); }
  // Multiply-accumulates of a run.
  std::int64_t multiplications() const { return multiplications_; }

  // One caller's convolution: the addresses that it reads and writes.
  class Call {
   public:
    Call(const Convolution& convolution, void* in, void* out, void* scratch);
    void run(dnnl::stream& stream) const;

   private:
    dnnl::convolution_forward primitive_;
    std::unordered_map<int, dnnl::memory> arguments_;
  };

 private:
  dnnl::convolution_forward primitive_;
  dnnl::memory::desc in_, out_, scratch_;
  std::shared_ptr<PackedWeights> weights_;
  dnnl::memory packed_, bias_;
  std::unique_ptr<onednn::Scales> scales_;  // of integers
  std::int64_t multiplications_ = 0;
};

}  // namespace lightavseg
