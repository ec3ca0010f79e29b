// SPDX-License-Identifier: LGPL-2.1-or-later
// The visual backbone, what the audio state does to it, and the way down to the logits.
//
// Two things are done earlier than in the formulas, with the same result. The states of the decoder
// (equations 4 and 5) depend on pooled maps only, so they are there before the top-down path
// begins, which adds them where it passes anyhow. And pooling commutes with the addition of a
// vector (equation 3), so each map is pooled once.
#include <algorithm>
#include <string>

#include "model/engine/kernels.h"
#include "model/engine/network_plan.h"

namespace lightavseg {
namespace {

class FramePlanner {
 public:
  FramePlanner(const NetworkWeights& weights, const ModelConfig& config,
               const std::shared_ptr<MemoryPool>& pool, Element element, const Int8Ranges* ranges)
      : w_(weights), config_(config), n_(config.stages.size()), builder_(pool, element, ranges) {}

  FramePlan build(int height, int width) {
    result_.state = builder_.vector(config_.audio_channels());
    builder_.keep(result_.state);
    hear();
    result_.sound_steps = builder_.steps();
    result_.frame = builder_.float_map(height, width, 3);
    builder_.is_input(result_.frame);
    encode();
    if (config_.cmfd) fuse();
    descend();
    head();
    builder_.is_output(result_.logits);
    result_.plan = builder_.finish();
    return std::move(result_);
  }

 private:
  // A level of the encoder, finest first.
  struct Level {
    Map map;     // V_i, then with the state added
    Map pooled;  // of the former
    Map audio;   // A_i; none in the baseline
    Map inject;  // what CMFD adds to the map
  };

  static std::string number(size_t k) { return std::to_string(k); }

  Map kept(int size) {
    const Map v = builder_.vector(size);
    builder_.keep(v);
    return v;
  }

  // What depends on the audio state alone.
  void hear() {
    builder_.module("reciprocal_encoder");
    for (size_t k = 0; k < w_.har.size(); ++k) {
      if (k > 0 && config_.har) break;  // the later states depend on the picture
      const auto& layer = w_.har[k].audio;
      heard_.push_back(kept(layer.out));
      steps::multiply(builder_, number(k) + ".conv_a", layer, result_.state, heard_.back());
    }
    if (w_.har.empty()) {
      heard_.push_back(kept(w_.concat_audio.out));
      steps::multiply(builder_, "concat.audio", w_.concat_audio, result_.state, heard_.back());
    }
    if (config_.class_gate) {
      builder_.module("head");
      // As many as there are logits; zeros, which memory begins with, behind the named classes.
      sounds_ = kept(w_.head_logits->out() - 1);
      steps::multiply(builder_, "sounds", w_.sounds, result_.state, sounds_);
    }
  }

  void encode() {
    Map x = steps::rounded(builder_, "frame", result_.frame);
    for (int s = 0; s < config_.stages.back(); ++s) {
      builder_.module("visual");
      x = steps::seaformer_stage(builder_, w_.visual, s, x);
      const size_t k = levels_.size();
      if (config_.stages[k] != s + 1) continue;
      levels_.push_back({x, {}, {}, {}});
      classify(k);
      builder_.module("reciprocal_encoder");
      if (w_.har.empty())
        concatenate(k);
      else
        refine_state(k);
      x = levels_[k].map;
    }
  }

  // Class pyramid: a classifier on the plain map.
  void classify(size_t k) {
    const size_t first = n_ - w_.class_levels.size();
    if (k < first) return;
    builder_.module("head");
    const auto& weights = w_.class_levels[k - first];
    const Map& map = levels_[k].map;
    class_maps_.push_back(builder_.float_map(map.height, map.width, weights->out()));
    builder_.convolve("levels." + number(k), weights, map, class_maps_.back(), {});
  }

  // The baseline of the ablation, whose convolution of [map; state] is a sum of two.
  void concatenate(size_t k) {
    if (k + 1 < n_) return;
    const Map in = levels_[k].map, out = builder_.map(in.height, in.width, in.channels);
    const Map vector = heard_[0];
    builder_.convolve("concat", w_.concat_visual, in, out, {});
    add_to_pixels("concat.add", vector, out);
    levels_[k].map = out;
  }

  // Equations 2 and 3.
  void refine_state(size_t k) {
    auto& level = levels_[k];
    const Map map = level.map;
    const std::string name = number(k);
    if (config_.har || config_.cmfd) {
      const Map pooled = level.pooled = builder_.vector(map.channels);
      builder_.typed_step(
          name + ".pool", {map, pooled},
          [=, takes_most = config_.pooling == Pooling::kMax](const Memory& m, auto type) {
            const auto* values = m.values<decltype(type)>(map);
            if (takes_most)
              kernels::pool_max(values, map.pixels(), map.channels, m[pooled]);
            else
              kernels::pool_mean(values, map.pixels(), map.channels, m[pooled]);
          });
    }
    if (config_.har) {
      const Map gate = builder_.vector(map.channels), state = builder_.vector(map.channels);
      Map from = heard_[0];
      if (k > 0) {
        from = builder_.vector(map.channels);
        steps::multiply(builder_, name + ".conv_a", w_.har[k].audio, levels_[k - 1].audio, from);
      }
      steps::multiply(builder_, name + ".conv_v", w_.har[k].gate, level.pooled, gate);
      builder_.step(name + ".gate", {gate, from, state}, [=](const Memory& m) {
        kernels::gate(m[gate], m[from], state.channels, m[state]);
      });
      level.audio = state;
    } else {
      level.audio = heard_[k];
    }
    if (config_.agve) add_to_pixels(name + ".agve", level.audio, map);
  }

  void add_to_pixels(const std::string& name, const Map& vector, const Map& map) {
    builder_.typed_step(name, {map, vector}, [=](const Memory& m, auto type) {
      kernels::add_to_pixels(m[vector], map.pixels(), map.channels, m.values<decltype(type)>(map));
    });
  }

  // Equations 4 and 5, and what equation 6 adds.
  void fuse() {
    builder_.module("fusion_decoder");
    Map state = levels_.back().audio;
    for (size_t k = n_; k-- > 0;) {
      auto& level = levels_[k];
      const auto& w = w_.cmfd[k];
      const std::string name = number(k);
      const int channels = level.map.channels;
      const Map own = builder_.vector(channels), above = builder_.vector(channels);
      const Map fused = builder_.vector(channels), next = builder_.vector(channels);
      steps::multiply(builder_, name + ".above", w.above, state, above);
      steps::multiply(builder_, name + ".own", w.own, level.audio, own);
      builder_.step(name + ".fuse", {above, own, fused}, [=](const Memory& m) {
        kernels::add(m[above], m[own], channels, m[fused]);
        kernels::relu(m[fused], channels, m[fused]);
      });
      const Map pooled = level.pooled, audio = level.audio;
      if (config_.agve)
        builder_.step(name + ".pool", {pooled, audio}, [=](const Memory& m) {
          kernels::add(m[pooled], m[audio], channels, m[pooled]);
        });
      const Map gate = builder_.vector(channels);
      steps::multiply(builder_, name + ".gate", w.gate, pooled, gate);
      builder_.step(name + ".state", {gate, fused, next},
                    [=](const Memory& m) { kernels::gate(m[gate], m[fused], channels, m[next]); });
      level.inject = builder_.vector(channels);
      steps::multiply(builder_, name + ".inject", w.inject, next, level.inject);
      state = next;
    }
    last_state_ = state;
  }

  // From the coarsest map to the finest.
  void descend() {
    for (size_t k = n_; k-- > 0;) {
      const auto& level = levels_[k];
      const Map map = level.map;
      Map vector = level.inject;
      builder_.module("top_down");
      if (k + 1 < n_) {
        const Map above = levels_[k + 1].map;
        const Map narrow = builder_.map(above.height, above.width, map.channels);
        builder_.convolve("up." + number(k), w_.up[k], above, narrow, {});
        // A refinement must not see what equation 6 adds.
        const bool refines = bool(w_.refine[k].depthwise);
        steps::add_resized(builder_, "resize." + number(k), narrow, map, refines ? Map() : vector);
        if (!refines) vector = Map();
        if (refines) {
          const Map local = builder_.map(map.height, map.width, map.channels);
          builder_.convolve("refine." + number(k) + ".dw", w_.refine[k].depthwise, map, local,
                            {Activation::kRelu});
          builder_.convolve("refine." + number(k) + ".pw", w_.refine[k].pointwise, local, map,
                            {Activation::kNone, 1, -1, true});
        }
      }
      builder_.module("fusion_decoder");
      if (vector) add_to_pixels(number(k) + ".add", vector, map);
    }
    finest_ = levels_[0].map;
  }

  void head() {
    builder_.module("head");
    Map map = finest_;
    if (config_.head_similarity) {
      const Map state = config_.cmfd ? last_state_ : levels_[0].audio;
      const Map plain = map, both = builder_.map(map.height, map.width, map.channels + 1);
      builder_.typed_step("similarity", {plain, state, both}, [=](const Memory& m, auto type) {
        using T = decltype(type);
        kernels::append_similarity(m.values<T>(plain), m[state], plain.pixels(), plain.channels,
                                   m.values<T>(both));
      });
      map = both;
    }
    const Map hidden = builder_.map(map.height, map.width, w_.head_conv->out());
    const Map logits = result_.logits =
        builder_.float_map(map.height, map.width, w_.head_logits->out());
    builder_.convolve("conv", w_.head_conv, map, hidden, {Activation::kRelu});
    builder_.convolve("logits", w_.head_logits, hidden, logits, {});
    for (size_t i = class_maps_.size(); i-- > 1;)
      steps::add_resized(builder_, "levels.resize." + number(i), class_maps_[i],
                         class_maps_[i - 1]);
    if (!class_maps_.empty())
      steps::add_resized(builder_, "levels.resize.0", class_maps_[0], logits, {}, 1);
    if (config_.class_gate) {
      const Map sounds = sounds_;
      const float factor = w_.gate[0], offset = w_.gate[1];
      builder_.step("gate", {sounds, logits}, [=](const Memory& m) {
        kernels::gate_mask(m[sounds], sounds.channels, factor, offset, logits.pixels(), m[logits]);
      });
    }
  }

  const NetworkWeights& w_;
  const ModelConfig& config_;
  const size_t n_;
  PlanBuilder builder_;
  FramePlan result_;
  std::vector<Map> heard_;  // W_a of the states that depend on the audio state alone
  Map sounds_, last_state_, finest_;
  std::vector<Level> levels_;
  std::vector<Map> class_maps_;  // finest first
};

}  // namespace

FramePlan plan_frame(const NetworkWeights& weights, const ModelConfig& config, int height,
                     int width, const std::shared_ptr<MemoryPool>& pool, Element element,
                     const Int8Ranges* ranges) {
  return FramePlanner(weights, config, pool, element, ranges).build(height, width);
}

}  // namespace lightavseg
