// SPDX-License-Identifier: LGPL-2.1-or-later
// What differs between the versions 2 and 3 of oneDNN (oneapi-src/oneDNN), and its threads.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <vector>

namespace lightavseg::onednn {

// The processor; one for the process.
const dnnl::engine& cpu();

// Whether this processor multiplies bfloat16, or adds products of bytes, by itself; oneDNN imitates
// it on others, slowly or with sums that overflow.
bool has_bfloat16();
bool has_int8();

// Appends max(x, 0) or a clamp.
void append_relu(dnnl::post_ops& operations);
void append_clamp(dnnl::post_ops& operations, float least, float most);

// How sums of integers become numbers: sum * factor[channel] + bias is what activations see, and it
// is divided by `step` where it is stored as an integer. oneDNN 2 wants all of it multiplied into
// one factor beforehand, oneDNN 3 each for itself.
class Scales {
 public:
  // Channels that lie in groups have another axis. step: 1 where no integer is stored.
  Scales(std::vector<float> factor, float step, bool is_grouped);

  // What is given to oneDNN in the place of a bias, and of the bound of an activation.
  std::vector<float> bias(const std::vector<float>& bias) const;
  float bound(float value) const;
  void set(dnnl::primitive_attr& attributes) const;
  void add_arguments(std::unordered_map<int, dnnl::memory>& arguments) const;

 private:
  std::vector<float> factor_;
  float step_;
  bool is_grouped_;
  std::vector<dnnl::memory> held_;  // what arguments point to
};

struct ConvolutionLayout {
  dnnl::memory::desc in, weights, bias, out;
  dnnl::memory::dims strides, padding_begin, padding_end;
};

// Throws dnnl::error.
dnnl::convolution_forward::primitive_desc describe_convolution(const ConvolutionLayout& layout,
                                                               const dnnl::primitive_attr& attr);

// While one lives, oneDNN has one thread for what the calling thread asks of it. Its sums would
// depend on how many there are, and idle OpenMP threads spin beside a pipeline's other work.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

}  // namespace lightavseg::onednn
