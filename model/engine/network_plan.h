// SPDX-License-Identifier: LGPL-2.1-or-later
// The steps of the network: what model/network runs with LibTorch, as two plans.
//
// Both plans point into the weights, which must outlive them. pool: where weights are packed.
#pragma once

#include <array>

#include "model/engine/network_weights.h"
#include "model/engine/plan.h"

namespace lightavseg {

// log-mel features to the audio state.
struct SoundPlan {
  Plan plan;
  Map features;  // in: [1, frames, bands, 1]
  Map state;     // out: A_0
};

// element: what maps are made of; features and state are floats.
SoundPlan plan_sound(const PannsWeights& weights, int frames,
                     const std::shared_ptr<MemoryPool>& pool, Element element);

// A frame and the audio state to logits.
struct FramePlan {
  Plan plan;
  std::size_t sound_steps = 0;  // the first ones depend on the audio state alone
  Map state;                    // in: A_0, kept
  Map frame;                    // in: normalised RGB
  Map logits;                   // out, at the finest stage
};

// element: what maps are made of; frame, states and logits are floats. ranges: if not null, what
// the convolutions of the backbone read are integers.
FramePlan plan_frame(const NetworkWeights& weights, const ModelConfig& config, int height,
                     int width, const std::shared_ptr<MemoryPool>& pool, Element element,
                     const Int8Ranges* ranges);

// Steps that several files add to a plan.
namespace steps {

// in -> expand, depthwise, project; a skip is added in place, so the result may be `in` itself.
Map inverted_residual(PlanBuilder& builder, const std::string& name,
                      const InvertedResidualWeights& weights, const Map& in, Activation activation);

// Stage `index` 0..4 of SeaFormer (model/network/seaformer.h).
Map seaformer_stage(PlanBuilder& builder, const SeaFormerWeights& weights, int index, Map x);

// out = W in + bias.
void multiply(PlanBuilder& builder, const std::string& name, const Linear& layer, const Map& in,
              const Map& out);

// The map of floats as the plan's maps are made: itself, or a copy with fewer digits.
Map rounded(PlanBuilder& builder, const std::string& name, const Map& in);

// The map as integers for the convolution of that name: itself where the plan has no integers.
Map integers(PlanBuilder& builder, const std::string& reader, const Map& in, bool has_sign = true);

// out += in resized to its size (+ vector, unless that is none), from channel `first` of out on.
void add_resized(PlanBuilder& builder, const std::string& name, const Map& in, const Map& out,
                 const Map& vector = {}, int first = 0);

}  // namespace steps

}  // namespace lightavseg
