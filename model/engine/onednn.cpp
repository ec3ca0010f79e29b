// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/engine/onednn.h"

#include <oneapi/dnnl/dnnl_config.h>
#include <oneapi/dnnl/dnnl_version.h>

#include <algorithm>
#include <utility>

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

bool has_int8() {
  const auto needed = unsigned(dnnl::cpu_isa::avx512_core_vnni);
  return (unsigned(dnnl::get_effective_cpu_isa()) & needed) == needed;
}

#if DNNL_VERSION_MAJOR >= 3

namespace {

dnnl::memory of_floats(const std::vector<float>& values) {
  dnnl::memory memory({{dnnl::memory::dim(values.size())},
                       dnnl::memory::data_type::f32,
                       dnnl::memory::format_tag::a},
                      cpu());
  std::copy(values.begin(), values.end(), static_cast<float*>(memory.get_data_handle()));
  return memory;
}

}  // namespace

Scales::Scales(std::vector<float> factor, float step, bool is_grouped)
    : factor_(std::move(factor)), step_(step), is_grouped_(is_grouped) {
  held_ = {of_floats(factor_), of_floats({step_})};
}

std::vector<float> Scales::bias(const std::vector<float>& bias) const {
  return bias;
}

float Scales::bound(float value) const {
  return value;
}

void Scales::set(dnnl::primitive_attr& attributes) const {
  attributes.set_scales_mask(DNNL_ARG_WEIGHTS, is_grouped_ ? 3 : 1);
  if (step_ != 1) attributes.set_scales_mask(DNNL_ARG_DST, 0);
}

void Scales::add_arguments(std::unordered_map<int, dnnl::memory>& arguments) const {
  arguments[DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS] = held_[0];
  if (step_ != 1) arguments[DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST] = held_[1];
}

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

Scales::Scales(std::vector<float> factor, float step, bool is_grouped)
    : factor_(std::move(factor)), step_(step), is_grouped_(is_grouped) {
}

// oneDNN adds it to the sum before it multiplies.
std::vector<float> Scales::bias(const std::vector<float>& bias) const {
  std::vector<float> result = bias;
  for (std::size_t i = 0; i < result.size(); ++i) result[i] /= factor_[i];
  return result;
}

float Scales::bound(float value) const {
  return value / step_;
}

void Scales::set(dnnl::primitive_attr& attributes) const {
  auto all = factor_;
  for (float& f : all) f /= step_;
  attributes.set_output_scales(1 << 1, all);
}

void Scales::add_arguments(std::unordered_map<int, dnnl::memory>&) const {
}

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
