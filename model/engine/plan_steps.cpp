// SPDX-License-Identifier: LGPL-2.1-or-later
// Steps that several parts of the network share.
#include "model/engine/kernels.h"
#include "model/engine/network_plan.h"

namespace lightavseg::steps {

Map inverted_residual(PlanBuilder& builder, const std::string& name,
                      const InvertedResidualWeights& w, const Map& in, Activation activation) {
  Map x = in;
  if (w.expand) {
    x = builder.map(in.height, in.width, w.expand->out());
    builder.convolve(name + ".expand", w.expand, in, x, {activation});
  }
  // A kernel of four is one of three and a pooling that leaves an odd row out.
  const bool pools = w.depthwise->kernel() == 4;
  const auto shorter = [&](int size) {
    return pools ? size / 2 : (size + w.stride - 1) / w.stride;
  };
  const Map y = builder.map(shorter(x.height), shorter(x.width), w.depthwise->out());
  PlanBuilder::Placing placing{activation, w.stride};
  if (pools) placing.padding = 1;
  builder.convolve(name + ".depthwise", w.depthwise, x, y, placing);
  const Map out = w.skip ? in : builder.map(y.height, y.width, w.project->out());
  builder.convolve(name + ".project", w.project, y, out, {Activation::kNone, 1, -1, w.skip});
  return out;
}

void multiply(PlanBuilder& builder, const std::string& name, const Linear& layer, const Map& in,
              const Map& out) {
  builder.step(name, {in, out}, [&layer, in, out](const Memory& m) {
    kernels::multiply(layer.weight.data(), layer.bias.data(), m[in], layer.in, layer.out, m[out]);
  });
}

void add_resized(PlanBuilder& builder, const std::string& name, const Map& in, const Map& out,
                 const Map& vector, int first) {
  const kernels::ResizeAxis rows(in.height, out.height), columns(in.width, out.width);
  builder.step(name, {in, out, vector}, [=](const Memory& m) {
    kernels::add_resized(m[in], in.width, in.channels, rows, columns, vector ? m[vector] : nullptr,
                         out.channels, m[out] + first);
  });
}

}  // namespace lightavseg::steps
