// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/engine/convolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "model/engine/engine.h"

namespace lightavseg {
namespace {

using dnnl::memory;

bool is_integer(Element element) {
  return element == Element::kInt8 || element == Element::kUInt8;
}

memory::data_type type_of(Element element) {
  switch (element) {
    case Element::kBFloat16:
      return memory::data_type::bf16;
    case Element::kInt8:
      return memory::data_type::s8;
    case Element::kUInt8:
      return memory::data_type::u8;
    case Element::kFloat32:
      break;
  }
  return memory::data_type::f32;
}

memory::desc channels_last(int height, int width, int channels, Element element) {
  const memory::dim c = channels, row = c * width;
  return memory::desc({1, c, height, width}, type_of(element),
                      memory::dims{row * height, 1, row, c});
}

memory::dims weight_shape(const PackedWeights& w) {
  if (w.groups() == 1) return {w.out(), w.in(), w.kernel(), w.kernel()};
  return {w.groups(), w.out() / w.groups(), w.in() / w.groups(), w.kernel(), w.kernel()};
}

memory::format_tag plain_format(const PackedWeights& w) {
  return w.groups() == 1 ? memory::format_tag::oihw : memory::format_tag::goihw;
}

// Rows or columns behind the last one of the input that the last output reaches; negative where
// some of the input is left out.
int padding_end(int size, int kernel, int stride, int padding, int out) {
  return (out - 1) * stride + kernel - size - padding;
}

}  // namespace

PackedWeights::PackedWeights(ConvolutionValues values)
    : out_(values.out), in_(values.in), kernel_(values.kernel), groups_(values.groups) {
  memory plain({weight_shape(*this), memory::data_type::f32, plain_format(*this)}, onednn::cpu());
  std::memcpy(plain.get_data_handle(), values.weight.data(), values.weight.size() * sizeof(float));
  layouts_.push_back(plain);
  bias_ = std::move(values.bias);
}

const std::vector<float>& PackedWeights::int8_steps() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!steps_.empty()) return steps_;
  if (!is_only_source_)
    throw std::logic_error("PackedWeights::int8_steps() after a layout of floats");
  const auto* floats = static_cast<const float*>(layouts_.front().get_data_handle());
  const std::size_t count = layouts_.front().get_desc().get_size() / sizeof(float);
  const std::size_t of_channel = count / std::size_t(out_);
  memory rounded({weight_shape(*this), memory::data_type::s8, plain_format(*this)}, onednn::cpu());
  auto* to = static_cast<std::int8_t*>(rounded.get_data_handle());
  for (int o = 0; o < out_; ++o, floats += of_channel, to += of_channel) {
    float most = 1e-20f;
    for (std::size_t i = 0; i < of_channel; ++i) most = std::max(most, std::abs(floats[i]));
    steps_.push_back(most / 127);
    for (std::size_t i = 0; i < of_channel; ++i)
      to[i] = std::int8_t(std::lrint(floats[i] / steps_.back()));
  }
  layouts_ = {rounded};
  return steps_;
}

memory PackedWeights::in_layout(const memory::desc& layout,
                                const std::shared_ptr<MemoryPool>& pool) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& there : layouts_)
    if (!is_only_source_ && there.get_desc() == layout) return there;
  memory packed(layout, onednn::cpu(), pool->take(layout.get_size()));
  pools_.push_back(pool);
  dnnl::stream stream(onednn::cpu());
  dnnl::reorder(layouts_.front(), packed).execute(stream, layouts_.front(), packed);
  stream.wait();
  // Some layouts of integers hold more than the weights, and are no source for others.
  if (is_only_source_ && steps_.empty()) layouts_.clear();
  is_only_source_ = false;
  layouts_.push_back(packed);
  return packed;
}

std::size_t PackedWeights::bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::size_t sum = (bias_.size() + steps_.size()) * sizeof(float);
  for (const auto& there : layouts_) sum += there.get_desc().get_size();
  return sum;
}

Convolution::Convolution(std::shared_ptr<PackedWeights> weights, const ConvolutionPlace& p,
                         const std::shared_ptr<MemoryPool>& pool)
    : weights_(std::move(weights)) {
  const auto& w = *weights_;
  in_ = channels_last(p.height, p.width, w.in(), p.in);
  out_ = channels_last(p.out_height, p.out_width, w.out(), p.out);
  onednn::ConvolutionLayout layout;
  layout.in = in_;
  layout.weights =
      memory::desc(weight_shape(w), is_integer(p.in) ? memory::data_type::s8 : type_of(p.in),
                   memory::format_tag::any);
  layout.bias = memory::desc({w.out()}, memory::data_type::f32, memory::format_tag::a);
  layout.out = out_;
  layout.strides = {p.stride, p.stride};
  layout.padding_begin = {p.padding_top, p.padding};
  layout.padding_end = {padding_end(p.height, w.kernel(), p.stride, p.padding_top, p.out_height),
                        padding_end(p.width, w.kernel(), p.stride, p.padding, p.out_width)};
  auto bias = w.bias();
  float six = 6, one = 1;
  dnnl::primitive_attr attributes;
  if (is_integer(p.in)) {
    auto factor = weights_->int8_steps();
    for (float& f : factor) f *= p.in_step;
    scales_ = std::make_unique<onednn::Scales>(std::move(factor), p.out_step, w.groups() > 1);
    scales_->set(attributes);
    bias = scales_->bias(bias);
    six = scales_->bound(six);
    one = scales_->bound(one);
  }
  bias_ = memory(layout.bias, onednn::cpu());
  std::memcpy(bias_.get_data_handle(), bias.data(), bias.size() * sizeof(float));
  dnnl::post_ops operations;
  if (p.adds) operations.append_sum(1);
  switch (p.activation) {
    case Activation::kNone:
      break;
    case Activation::kRelu:
      onednn::append_relu(operations);
      break;
    case Activation::kRelu6:
      onednn::append_clamp(operations, 0, six);
      break;
    case Activation::kUnit:
      onednn::append_clamp(operations, 0, one);
      break;
  }
  attributes.set_post_ops(operations);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  try {
    const auto description = onednn::describe_convolution(layout, attributes);
    primitive_ = dnnl::convolution_forward(description);
    scratch_ = description.scratchpad_desc();
    packed_ = weights_->in_layout(description.weights_desc(), pool);
  } catch (const dnnl::error& error) {
    throw UnsupportedModel(fmt::format(
        "oneDNN cannot run a convolution of {}x{} maps with {} channels to {} (kernel {}, stride "
        "{}): {}",
        p.height, p.width, w.in(), w.out(), w.kernel(), p.stride, error.message));
  }
  multiplications_ = std::int64_t(p.out_height) * p.out_width * w.out() * (w.in() / w.groups()) *
                     w.kernel() * w.kernel();
}

Convolution::Call::Call(const Convolution& c, void* in, void* out, void* scratch)
    : primitive_(c.primitive_),
      arguments_{{DNNL_ARG_SRC, dnnl::memory(c.in_, onednn::cpu(), in)},
                 {DNNL_ARG_WEIGHTS, c.packed_},
                 {DNNL_ARG_BIAS, c.bias_},
                 {DNNL_ARG_DST, dnnl::memory(c.out_, onednn::cpu(), out)},
                 {DNNL_ARG_SCRATCHPAD, dnnl::memory(c.scratch_, onednn::cpu(), scratch)}} {
  if (c.scales_) c.scales_->add_arguments(arguments_);
}

void Convolution::Call::run(dnnl::stream& stream) const {
  primitive_.execute(stream, arguments_);
}

}  // namespace lightavseg
