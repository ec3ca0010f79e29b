// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/onnx/layers.h"

#include <algorithm>
#include <utility>

namespace lightavseg::onnx {
namespace {

constexpr double kNormEpsilon = 1e-5;  // of torch::nn::BatchNorm2d, which the whole network uses

using Ints = std::vector<std::int64_t>;

Map like(const std::string& name, const Map& x) {
  return {name, x.channels, x.height, x.width};
}

Map broadcast(const std::string& name, const Map& a, const Map& b) {
  return {name, std::max(a.channels, b.channels), std::max(a.height, b.height),
          std::max(a.width, b.width)};
}

}  // namespace

Layers::Layers(std::map<std::string, torch::Tensor> state, Graph& graph)
    : state_(std::move(state)), graph_(graph) {
}

torch::Tensor Layers::weight(const std::string& name) const {
  const auto it = state_.find(name);
  if (it == state_.end())
    throw GraphError("weight '" + name + "': the network has none; export.cpp does not know it");
  used_.insert(name);
  return it->second.detach().to(torch::kFloat32).contiguous();
}

std::vector<std::string> Layers::unused() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state_)
    if (!used_.count(name)) names.push_back(name);
  return names;
}

std::string Layers::constant(const std::string& name, const torch::Tensor& values) {
  const auto plain = values.to(torch::kFloat32).contiguous();
  return graph_.constant(name, plain.sizes().vec(), plain.data_ptr<float>(), size_t(plain.numel()));
}

Map Layers::convolve(const std::string& name, const Map& x, const torch::Tensor& weight,
                     const torch::Tensor& bias, int stride) {
  const std::int64_t k = weight.size(2), pad = k / 2;
  const std::int64_t groups = x.channels / weight.size(1);
  std::vector<std::string> inputs = {x.name, constant(name + ".weight", weight)};
  if (bias.defined()) inputs.push_back(constant(name + ".bias", bias));
  graph_.node("Conv", name, inputs,
              {{"kernel_shape", Ints{k, k}},
               {"pads", Ints{pad, pad, pad, pad}},
               {"strides", Ints{stride, stride}},
               {"group", groups}});
  const auto side = [&](std::int64_t n) { return (n + 2 * pad - k) / stride + 1; };
  return {name, weight.size(0), side(x.height), side(x.width)};
}

Map Layers::conv(const std::string& name, const Map& x, int stride) {
  return convolve(name, x, weight(name + ".weight"),
                  has(name + ".bias") ? weight(name + ".bias") : torch::Tensor(), stride);
}

Layers::Affine Layers::affine_of_norm(const std::string& name) const {
  const auto deviation = (weight(name + ".running_var").to(torch::kFloat64) + kNormEpsilon).sqrt();
  const auto scale = weight(name + ".weight").to(torch::kFloat64) / deviation;
  const auto mean = weight(name + ".running_mean").to(torch::kFloat64);
  return {scale, weight(name + ".bias").to(torch::kFloat64) - mean * scale};
}

Map Layers::conv_norm(const std::string& conv, const std::string& norm, const Map& x, int stride) {
  const auto [scale, offset] = affine_of_norm(norm);
  const auto folded = weight(conv + ".weight").to(torch::kFloat64) * scale.view({-1, 1, 1, 1});
  return convolve(conv, x, folded, offset, stride);
}

Map Layers::relu(const Map& x) {
  return like(graph_.node("Relu", x.name + "/relu", {x.name}), x);
}

Map Layers::relu6(const Map& x) {
  const auto low = graph_.scalar(0), high = graph_.scalar(6);
  return like(graph_.node("Clip", x.name + "/relu6", {x.name, low, high}), x);
}

Map Layers::h_sigmoid(const Map& x) {
  const Attributes slope = {{"alpha", 1.0f / 6.0f}, {"beta", 0.5f}};
  return like(graph_.node("HardSigmoid", x.name + "/h_sigmoid", {x.name}, slope), x);
}

Map Layers::average_pool(const Map& x, int s) {
  const auto name = graph_.node("AveragePool", x.name + "/pool", {x.name},
                                {{"kernel_shape", Ints{s, s}}, {"strides", Ints{s, s}}});
  return {name, x.channels, x.height / s, x.width / s};
}

Map Layers::pool(const Map& x, Pooling pooling) {
  const auto* op = pooling == Pooling::kMax ? "GlobalMaxPool" : "GlobalAveragePool";
  const auto name = x.name + "/global_pool";
  if (!graph_.has(name)) graph_.node(op, name, {x.name});
  return {name, x.channels, 1, 1};
}

Map Layers::resize(const Map& x, std::int64_t height, std::int64_t width) {
  if (x.height == height && x.width == width) return x;
  const auto name = x.name + "/resize";
  const auto sizes = graph_.constant(name + ".sizes", Ints{1, x.channels, height, width});
  graph_.node("Resize", name, {x.name, "", "", sizes},
              {{"mode", std::string("linear")},
               {"coordinate_transformation_mode", std::string("half_pixel")}});
  return {name, x.channels, height, width};
}

Map Layers::add(const std::string& name, const Map& a, const Map& b) {
  return broadcast(graph_.node("Add", name, {a.name, b.name}), a, b);
}

Map Layers::multiply(const std::string& name, const Map& a, const Map& b) {
  return broadcast(graph_.node("Mul", name, {a.name, b.name}), a, b);
}

Map Layers::concat(const std::string& name, const std::vector<Map>& parts) {
  std::vector<std::string> inputs;
  Map out = parts.front();
  out.name = name;
  out.channels = 0;
  for (const auto& part : parts) {
    inputs.push_back(part.name);
    out.channels += part.channels;
  }
  graph_.node("Concat", name, inputs, {{"axis", std::int64_t(1)}});
  return out;
}

Map Layers::channels(const Map& x, std::int64_t begin, std::int64_t end) {
  const auto name = x.name + "/channels." + std::to_string(begin);
  graph_.node(
      "Slice", name,
      {x.name, graph_.constant(name + ".begin", Ints{begin}),
       graph_.constant(name + ".end", Ints{end}), graph_.constant(name + ".axis", Ints{1})});
  return {name, end - begin, x.height, x.width};
}

}  // namespace lightavseg::onnx
