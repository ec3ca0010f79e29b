// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include "dsp/front_end.h"
#include "model/engine/kernels.h"
#include "model/engine/network_plan.h"

namespace lightavseg {

SoundPlan plan_sound(const PannsWeights& w, int frames, const std::shared_ptr<MemoryPool>& pool,
                     Element element) {
  PlanBuilder builder(pool, element);
  builder.module("audio");
  SoundPlan result;
  const Map features = result.features = builder.float_map(frames, dsp::kMelBands, 1);
  builder.is_input(features);
  const Map scaled = builder.float_map(frames, dsp::kMelBands, 1);
  builder.step("bn0", {features, scaled}, [&w, features, scaled](const Memory& m) {
    kernels::scale_bands(m[features], w.band_factor.data(), w.band_offset.data(), features.height,
                         features.width, m[scaled]);
  });
  Map x = builder.map(frames / 2, dsp::kMelBands / 2, w.first->out());
  builder.convolve("0", w.first, steps::rounded(builder, "bn0", scaled), x,
                   {Activation::kRelu6, 2, 1});
  for (size_t i = 0; i < w.rows.size(); ++i)
    x = steps::inverted_residual(builder, std::to_string(i + 1), w.rows[i], x, Activation::kRelu6);
  const Map trunk = builder.float_map(x.height, x.width, w.last->out());
  builder.convolve(std::to_string(w.rows.size() + 1), w.last, x, trunk, {Activation::kRelu6});
  const Map pooled = builder.vector(trunk.channels), row = builder.vector(trunk.channels);
  builder.step("pool", {trunk, pooled, row}, [=](const Memory& m) {
    kernels::pool_sound(m[trunk], trunk.height, trunk.width, trunk.channels, m[row], m[pooled]);
  });
  result.state = pooled;
  if (w.embedding.out > 0) {
    const Map embedding = result.state = builder.vector(w.embedding.out);
    steps::multiply(builder, "fc1", w.embedding, pooled, embedding);
    builder.step("fc1.relu", {embedding}, [=](const Memory& m) {
      kernels::relu(m[embedding], embedding.channels, m[embedding]);
    });
  }
  builder.is_output(result.state);
  result.plan = builder.finish();
  return result;
}

}  // namespace lightavseg
