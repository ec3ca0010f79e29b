// SPDX-License-Identifier: LGPL-2.1-or-later
// The layers of the network as ONNX nodes: what model/network/layers.h is to LibTorch. Batch norms
// are folded into the convolution before them.
//
// For the files of model/onnx; users want export.h.
#pragma once

#include <torch/torch.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/network/config.h"
#include "model/onnx/graph.h"

namespace lightavseg::onnx {

// A value [1, channels, height, width] of the graph.
struct Map {
  std::string name;
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
};

// Weights of a network by name, and the graph that they go to. Not thread-safe.
class Layers {
 public:
  // state: named_state() of the network. Keeps a reference to the graph.
  Layers(std::map<std::string, torch::Tensor> state, Graph& graph);

  Graph& graph() { return graph_; }
  bool has(const std::string& weight) const { return state_.count(weight) > 0; }
  // A weight, float32 and contiguous. Throws GraphError when the network has none of that name.
  torch::Tensor weight(const std::string& name) const;
  // Weights that nobody asked for, sorted.
  std::vector<std::string> unused() const;
  std::string constant(const std::string& name, const torch::Tensor& values);

  // Convolution `name` (its weight, and its bias if it has one), padding k / 2, grouped as the
  // shape of the weight says. The node is called `name`.
  Map conv(const std::string& name, const Map& x, int stride = 1);
  // The same with batch norm `norm` folded in: w' = w g / sqrt(v + eps), b' = b - m g / sqrt(..).
  // An average pooling between the two changes nothing about that. The result may be pooled.
  Map conv_norm(const std::string& conv, const std::string& norm, const Map& x, int stride = 1);
  // ConvBn of model/network/layers.h.
  Map conv_bn(const std::string& name, const Map& x, int stride = 1) {
    return conv_norm(name + ".c", name + ".bn", x, stride);
  }

  // Name of the node is that of its (first) input and the operation, as in "up.0.c/relu".
  Map relu(const Map& x);
  Map relu6(const Map& x);
  Map h_sigmoid(const Map& x);
  // Mean of s x s pixels, rests at the edges left out.
  Map average_pool(const Map& x, int s);
  // -> [1, C, 1, 1]; asked for again, the same value.
  Map pool(const Map& x, Pooling pooling);
  Map resize(const Map& x, std::int64_t height, std::int64_t width);

  // Shapes may differ where one is 1; the result has the larger.
  Map add(const std::string& name, const Map& a, const Map& b);
  Map multiply(const std::string& name, const Map& a, const Map& b);
  Map concat(const std::string& name, const std::vector<Map>& parts);
  // Channels begin .. end - 1.
  Map channels(const Map& x, std::int64_t begin, std::int64_t end);

  // Scale and offset of each channel that batch norm `name` amounts to.
  struct Affine {
    torch::Tensor scale, offset;  // float64 [C]
  };
  Affine affine_of_norm(const std::string& name) const;

 private:
  Map convolve(const std::string& name, const Map& x, const torch::Tensor& weight,
               const torch::Tensor& bias, int stride);

  std::map<std::string, torch::Tensor> state_;
  mutable std::set<std::string> used_;
  Graph& graph_;
};

}  // namespace lightavseg::onnx
