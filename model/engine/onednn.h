// SPDX-License-Identifier: LGPL-2.1-or-later
// What differs between the versions 2 and 3 of oneDNN (oneapi-src/oneDNN), and its threads.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

namespace lightavseg::onednn {

// The processor; one for the process.
const dnnl::engine& cpu();

// Whether this processor multiplies bfloat16 by itself; oneDNN imitates it on others, slowly.
bool has_bfloat16();

// Appends max(x, 0) or a clamp.
void append_relu(dnnl::post_ops& operations);
void append_clamp(dnnl::post_ops& operations, float least, float most);

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
