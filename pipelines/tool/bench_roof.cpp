// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/bench_roof.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "model/engine/onednn.h"
#include "pipelines/tool/bench_interleaved.h"

namespace lightavseg::tool {
namespace {

using dnnl::memory;

constexpr int kCalibrationRounds = 3;
constexpr double kCalibrationSeconds = 0.02;

memory filled(const memory::desc& description) {
  memory m(description, onednn::cpu());
  // Zeros would do for the time of a multiplication, but not every byte pattern is a number.
  std::memset(m.get_data_handle(), 0, description.get_size());
  return m;
}

memory::data_type type_of(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kBFloat16:
      return memory::data_type::bf16;
    case Arithmetic::kInt8:
      return memory::data_type::u8;
    case Arithmetic::kFloat32:
      break;
  }
  return memory::data_type::f32;
}

}  // namespace

struct RoofKernel::Parts {
  Size size{};
  dnnl::convolution_forward primitive;
  std::vector<std::unordered_map<int, memory>> arguments;  // of each thread
};

const std::vector<RoofKernel::Size>& RoofKernel::sizes() {
  static const std::vector<Size> sizes = {{64, 56, 3},  {128, 28, 3}, {128, 56, 3}, {256, 14, 3},
                                          {256, 28, 3}, {256, 28, 1}, {512, 14, 1}, {512, 28, 1}};
  return sizes;
}

RoofKernel::RoofKernel(const Size& size, Arithmetic arithmetic, int threads)
    : parts_(std::make_unique<Parts>()) {
  const onednn::OneThread one_thread;
  const auto type = type_of(arithmetic);
  const bool has_integers = arithmetic == Arithmetic::kInt8;
  const memory::dim c = size.channels, k = size.kernel, pad = size.kernel / 2;
  const memory::desc map({1, c, size.side, size.side}, type, memory::format_tag::nhwc);
  onednn::ConvolutionLayout layout;
  layout.in = layout.out = map;
  layout.weights = memory::desc({c, c, k, k}, has_integers ? memory::data_type::s8 : type,
                                memory::format_tag::any);
  layout.bias = memory::desc({c}, memory::data_type::f32, memory::format_tag::a);
  layout.strides = {1, 1};
  layout.padding_begin = layout.padding_end = {pad, pad};
  parts_->size = size;
  try {
    const auto description = onednn::describe_convolution(layout, dnnl::primitive_attr());
    parts_->primitive = dnnl::convolution_forward(description);
    for (int t = 0; t < threads; ++t)
      parts_->arguments.push_back({{DNNL_ARG_SRC, filled(map)},
                                   {DNNL_ARG_WEIGHTS, filled(description.weights_desc())},
                                   {DNNL_ARG_BIAS, filled(layout.bias)},
                                   {DNNL_ARG_DST, filled(map)}});
  } catch (const dnnl::error& error) {
    throw std::runtime_error(fmt::format("bench: oneDNN has no {} convolution here: {}",
                                         to_string(arithmetic), error.message));
  }
}

RoofKernel::~RoofKernel() = default;
RoofKernel::RoofKernel(RoofKernel&&) noexcept = default;

std::string RoofKernel::name() const {
  const auto& s = parts_->size;
  return fmt::format("{0}x{0} of {1} channels, {2}x{2}", s.kernel, s.channels, s.side);
}

double RoofKernel::operations() const {
  const auto& s = parts_->size;
  return 2.0 * s.side * s.side * s.channels * double(s.channels) * s.kernel * s.kernel;
}

void RoofKernel::run(int thread) const {
  const onednn::OneThread one_thread;
  dnnl::stream stream(onednn::cpu());
  parts_->primitive.execute(stream, parts_->arguments.at(size_t(thread)));
  stream.wait();
}

RoofKernel fastest_roof_kernel(Arithmetic arithmetic, int threads) {
  std::vector<RoofKernel> kernels;
  for (const auto& size : RoofKernel::sizes()) kernels.emplace_back(size, arithmetic, threads);
  std::vector<Work> works;
  works.reserve(kernels.size());
  for (const auto& kernel : kernels)
    works.push_back({kernel.name(), [&kernel](int thread) { kernel.run(thread); }});
  const auto times = measure_interleaved(works, kCalibrationRounds, kCalibrationSeconds);
  size_t best = 0;
  const auto per_operation = [&](size_t i) {
    return *std::min_element(times[i].begin(), times[i].end()) / kernels[i].operations();
  };
  for (size_t i = 1; i < kernels.size(); ++i)
    if (per_operation(i) < per_operation(best)) best = i;
  return std::move(kernels[best]);
}

}  // namespace lightavseg::tool
