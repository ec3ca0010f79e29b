// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/engine/onednn.h"

#include <oneapi/dnnl/dnnl_config.h>
#include <oneapi/dnnl/dnnl_version.h>

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
#include <omp.h>
#endif

namespace lightavseg::onednn {

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

bool has_bfloat16() {
  const auto needed = unsigned(dnnl::cpu_isa::avx512_core_bf16);
  return (unsigned(dnnl::get_effective_cpu_isa()) & needed) == needed;
}

#if DNNL_VERSION_MAJOR >= 3

void append_relu(dnnl::post_ops& operations) {
  operations.append_eltwise(dnnl::algorithm::eltwise_relu, 0, 0);
}

void append_clamp(dnnl::post_ops& operations, float least, float most) {
  operations.append_eltwise(dnnl::algorithm::eltwise_clip, least, most);
}

dnnl::convolution_forward::primitive_desc describe_convolution(const ConvolutionLayout& layout,
                                                               const dnnl::primitive_attr& attr) {
  return dnnl::convolution_forward::primitive_desc(
      cpu(), dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, layout.in,
      layout.weights, layout.bias, layout.out, layout.strides, layout.padding_begin,
      layout.padding_end, attr);
}

#else

void append_relu(dnnl::post_ops& operations) {
  operations.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
}

void append_clamp(dnnl::post_ops& operations, float least, float most) {
  operations.append_eltwise(1, dnnl::algorithm::eltwise_clip, least, most);
}

dnnl::convolution_forward::primitive_desc describe_convolution(const ConvolutionLayout& layout,
                                                               const dnnl::primitive_attr& attr) {
  const dnnl::convolution_forward::desc description(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, layout.in,
      layout.weights, layout.bias, layout.out, layout.strides, layout.padding_begin,
      layout.padding_end);
  return dnnl::convolution_forward::primitive_desc(description, attr, cpu());
}

#endif

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP

// The number is one of the calling thread alone.
OneThread::OneThread() : before_(omp_get_max_threads()) {
  omp_set_num_threads(1);
}

OneThread::~OneThread() {
  omp_set_num_threads(before_);
}

#else

OneThread::OneThread() : before_(0) {
}

OneThread::~OneThread() = default;

#endif

}  // namespace lightavseg::onednn
