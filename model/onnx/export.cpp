// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/onnx/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "model/files/atomic_file.h"
#include "model/onnx/backbones.h"
#include "model/onnx/graph.h"
#include "model/onnx/layers.h"

namespace lightavseg::onnx {
namespace {

using Ints = std::vector<std::int64_t>;

constexpr float kNormFloor = 1e-6f;  // of the cosine that the head may get

// What follows the backbones (LightAVSegImpl), level k counted from the finest.
class NetworkGraph {
 public:
  NetworkGraph(const LightAVSeg& network, Layers& layers)
      : network_(network), config_(network->config()), layers_(layers) {}

  Map logits(const Map& frames, const Map& log_mel) {
    const auto audio =
        audio_state(layers_, dynamic_cast<const MobileNetV2Impl&>(*network_->audio), log_mel);
    encode(frames, audio);
    const auto map = decode();
    auto out = layers_.conv("head.3", layers_.relu(layers_.conv_bn("head.0", map)));
    if (config_.class_pyramid) out = add_class_levels(out);
    if (config_.class_gate) out = gate_mask(out, audio);
    return layers_.resize(out, frames.height, frames.width);
  }

 private:
  static std::string level(const char* what, size_t k) { return fmt::format("{}.{}", what, k); }

  bool interacts() const { return config_.har || config_.agve || config_.cmfd; }

  void encode(const Map& frames, const Map& audio) {
    Map x = frames, state = audio;
    for (int s = 0; s < config_.stages.back(); ++s) {
      x = seaformer_stage(layers_, config_.variant, s, x);
      const size_t k = encoded_.size();
      if (config_.stages[k] != s + 1) continue;
      plain_.push_back(x);
      if (interacts()) {
        state = refine_audio(level("har", k), config_.har ? state : audio, x);
        states_.push_back(state);
        if (config_.agve) x = layers_.add(level("encoded", k), x, state);
      } else if (k + 1 == config_.stages.size()) {
        x = layers_.conv("concat", layers_.concat("concat/input", {x, spread(audio, x)}));
      }
      encoded_.push_back(x);
    }
  }

  // Equation 2.
  Map refine_audio(const std::string& name, const Map& audio, const Map& visual) {
    auto state = layers_.conv(name + ".conv_a", audio);
    if (!config_.har) return state;
    const auto gate = layers_.conv(name + ".conv_v", layers_.pool(visual, config_.pooling));
    return layers_.multiply(name + "/state", state, layers_.h_sigmoid(gate));
  }

  // The state at every pixel of a map.
  Map spread(const Map& state, const Map& like) {
    auto& g = layers_.graph();
    const auto shape =
        g.constant("concat/spread.shape", Ints{1, state.channels, like.height, like.width});
    return {g.node("Expand", "concat/spread", {state.name, shape}), state.channels, like.height,
            like.width};
  }

  Map decode() {
    const size_t n = encoded_.size();
    Map map, state = states_.empty() ? Map() : states_.back();
    for (size_t k = n; k-- > 0;) {
      Map current = encoded_[k];
      if (k + 1 < n) {
        const auto up = layers_.conv_bn(level("up", k), map);
        current = layers_.add(level("top_down", k), current,
                              layers_.resize(up, current.height, current.width));
        const auto refine = level("refine", k);
        if (layers_.has(refine + ".dw.c.weight")) current = refined(refine, current);
      }
      map = current;
      if (config_.cmfd)
        state = fuse(level("cmfd", k), state, states_[k], encoded_[k], map);
      else if (!states_.empty())
        state = states_[k];
    }
    return config_.head_similarity ? layers_.concat("head/input", {map, cosine(map, state)}) : map;
  }

  Map refined(const std::string& name, const Map& x) {
    const auto hidden = layers_.relu(layers_.conv_bn(name + ".dw", x));
    return layers_.add(name + "/sum", x, layers_.conv_bn(name + ".pw", hidden));
  }

  // Equations 4 to 6; the map is changed in place, the state returned.
  Map fuse(const std::string& name, const Map& above, const Map& audio, const Map& encoded,
           Map& map) {
    const auto both = layers_.concat(name + "/states", {layers_.conv(name + ".proj_dec", above),
                                                        layers_.conv(name + ".proj_enc", audio)});
    const auto fused = layers_.relu(layers_.conv(name + ".fuse", both));
    const auto gate = layers_.conv(name + ".gate", layers_.pool(encoded, config_.pooling));
    auto state = layers_.multiply(name + "/state", fused, layers_.h_sigmoid(gate));
    map = layers_.add(name + "/map", map, layers_.conv(name + ".inject", state));
    return state;
  }

  // Of every pixel of the map with the state, [1, 1, h, w].
  Map cosine(const Map& map, const Map& state) {
    const auto product =
        layers_.multiply("head/product", unit("head/map", map), unit("head/state", state));
    return sum_of_channels("head/cosine", product);
  }

  Map unit(const std::string& name, const Map& x) {
    auto& g = layers_.graph();
    const auto norm = g.node("ReduceL2", name + "_norm", {x.name},
                             {{"axes", Ints{1}}, {"keepdims", std::int64_t(1)}});
    const auto floor = g.node("Max", name + "_floor", {norm, g.scalar(kNormFloor)});
    return {g.node("Div", name + "_unit", {x.name, floor}), x.channels, x.height, x.width};
  }

  Map sum_of_channels(const std::string& name, const Map& x) {
    auto& g = layers_.graph();
    const auto axes = g.constant(name + ".axes", Ints{1});
    g.node("ReduceSum", name, {x.name, axes}, {{"keepdims", std::int64_t(1)}});
    return {name, 1, x.height, x.width};
  }

  Map add_class_levels(const Map& logits) {
    Map sum;
    for (size_t k = plain_.size(); k-- > 0;) {
      const auto name = level("head.levels", k);
      if (!layers_.has(name + ".weight")) break;
      auto classes = layers_.conv(name, plain_[k]);
      if (!sum.name.empty())
        classes =
            layers_.add(name + "/sum", classes, layers_.resize(sum, classes.height, classes.width));
      sum = classes;
    }
    sum = layers_.resize(sum, logits.height, logits.width);
    const auto classes =
        layers_.add("head/classes", layers_.channels(logits, 1, logits.channels), sum);
    return layers_.concat("head/with_levels", {layers_.channels(logits, 0, 1), classes});
  }

  Map gate_mask(const Map& logits, const Map& audio) {
    auto& g = layers_.graph();
    const auto weight = layers_.weight("head.sounds.weight").unsqueeze(2).unsqueeze(3);
    const auto heard =
        g.node("Conv", "head.sounds",
               {audio.name, layers_.constant("head.sounds.weight", weight),
                layers_.constant("head.sounds.bias", layers_.weight("head.sounds.bias"))},
               {{"kernel_shape", Ints{1, 1}}});
    const auto mask = layers_.channels(logits, 0, 1);
    const auto classes = layers_.channels(logits, 1, logits.channels);
    Map shares = classes;
    shares.name = g.node("Softmax", "head/shares", {classes.name}, {{"axis", std::int64_t(1)}});
    const auto weighed = layers_.multiply("head/weighed", shares, {heard, classes.channels, 1, 1});
    const auto expected = sum_of_channels("head/expected", weighed);
    const auto gate = layers_.weight("head.gate");
    const auto factor = g.scalar(gate[0].item<float>()), offset = g.scalar(gate[1].item<float>());
    const auto scaled = g.node("Mul", "head/raise", {expected.name, factor});
    const auto raise = g.node("Add", "head/raise_and_offset", {scaled, offset});
    const auto gated = layers_.add("head/mask", mask, {raise, 1, mask.height, mask.width});
    return layers_.concat("head/gated", {gated, classes});
  }

  const LightAVSeg& network_;
  const ModelConfig& config_;
  Layers& layers_;
  std::vector<Map> plain_, encoded_, states_;  // finest first; states: none without interaction
};

void check(const char* field, int value) {
  if (value < 32 || value > 65536)
    throw GraphError(fmt::format("{} {}: give 32..65536", field, value));
}

// What the graph leaves out must be stages that the network does not run.
void expect_all_used(const Layers& layers) {
  for (const auto& name : layers.unused())
    if (name.compare(0, 7, "visual.") != 0)
      throw GraphError(fmt::format(
          "weight '{}': is not part of the ONNX graph, which would give other logits", name));
}

}  // namespace

std::string to_onnx(const LightAVSeg& network, const InputSizes& sizes, const Metadata& metadata) {
  check("height", sizes.height);
  check("width", sizes.width);
  check("audio_frames", sizes.audio_frames);
  const auto& config = network->config();
  if (config.visual_net != VisualNet::kSeaFormer || config.audio_net != AudioNet::kMobileNetV2)
    throw GraphError(
        fmt::format("the backbones {} and {} cannot be exported, only seaformer with mobilenetv2",
                    to_string(config.visual_net), to_string(config.audio_net)));
  if (config.interaction != Interaction::kLightAvSeg)
    throw GraphError(fmt::format("the interaction {} cannot be exported, only lightavseg",
                                 to_string(config.interaction)));
  torch::NoGradGuard no_grad;
  Graph graph("LightAVSeg " + to_string(network->config().variant));
  Layers layers(named_state(*network), graph);
  const Map frames{"frames", 3, sizes.height, sizes.width};
  const Map log_mel{"log_mel", 1, sizes.audio_frames, 64};
  for (const auto& in : {frames, log_mel})
    graph.input(in.name, {1, in.channels, in.height, in.width});
  const auto out = NetworkGraph(network, layers).logits(frames, log_mel);
  graph.node("Identity", "logits", {out.name});
  graph.output("logits", {1, out.channels, out.height, out.width});
  expect_all_used(layers);
  auto strings = metadata;
  strings[kConfigKey] = network->config().to_json();
  return graph.serialize(strings);
}

void export_onnx(const std::filesystem::path& path, const LightAVSeg& network,
                 const InputSizes& sizes, const Metadata& metadata) {
  write_atomically(path, to_onnx(network, sizes, metadata));
}

}  // namespace lightavseg::onnx
