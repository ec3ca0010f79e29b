// SPDX-License-Identifier: LGPL-2.1-or-later
// Steps that several parts of the network share.
#include <algorithm>

#include "model/engine/kernels.h"
#include "model/engine/network_plan.h"

namespace lightavseg::steps {
namespace {

// A widened map of more than kLargeMap bytes is made and used in strips of about kStrip bytes,
// which stay in the second cache of a core beside weights and results. The third cache feeds
// smaller maps well enough, and short strips cost more than they save (measured with 512 KiB and 32
// MiB).
constexpr std::size_t kLargeMap = 2 << 20;
constexpr std::size_t kStrip = 256 << 10;

int strips_of(const Map& map) {
  return map.bytes() <= kLargeMap ? 1 : std::min(map.height / 2, int(map.bytes() / kStrip));
}

}  // namespace

Map inverted_residual(PlanBuilder& builder, const std::string& name,
                      const InvertedResidualWeights& w, const Map& in, Activation activation) {
  const Map x = w.expand ? builder.map_read_by(name + ".depthwise", in.height, in.width,
                                               w.expand->out(), false)
                         : in;
  const Map narrow = w.expand ? integers(builder, name + ".expand", in) : in;
  // A kernel of four is one of three and a pooling that leaves an odd row out.
  const bool pools = w.depthwise->kernel() == 4;
  const auto shorter = [&](int size) {
    return pools ? size / 2 : (size + w.stride - 1) / w.stride;
  };
  const int height = shorter(x.height), width = shorter(x.width), wide = w.depthwise->out();
  const Map y = w.expand ? builder.map_read_by(name + ".project", height, width, wide, false)
                         : builder.map(height, width, wide);
  const Map out = w.skip ? in : builder.map(y.height, y.width, w.project->out());
  const int padding = pools ? 1 : w.depthwise->kernel() / 2;
  // The widened map is by far the largest. Strip by strip it is read while it lies in the cache.
  // A skip may be added in place: rows of `in` are overwritten only after they were widened.
  const int strips = w.expand ? strips_of(x) : 1;
  for (int strip = 0, widened = 0; strip < strips; ++strip) {
    const int first = y.height * strip / strips, last = y.height * (strip + 1) / strips;
    const int reach = (last - 1) * w.stride - padding + w.depthwise->kernel();
    const int needed = std::min(x.height, reach);
    if (w.expand && needed > widened)
      builder.convolve(name + ".expand", w.expand, narrow, x,
                       {activation, 1, -1, false, widened, needed - widened});
    widened = std::max(widened, needed);
    builder.convolve(name + ".depthwise", w.depthwise, x, y,
                     {activation, w.stride, padding, false, first, last - first});
    builder.convolve(name + ".project", w.project, y, out,
                     {Activation::kNone, 1, -1, w.skip, first, last - first});
  }
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
  builder.typed_step(name, {in, out, vector}, [=](const Memory& m, auto type) {
    using T = decltype(type);
    kernels::add_resized(m.values<T>(in), in.width, in.channels, rows, columns,
                         vector ? m[vector] : nullptr, out.channels, m.values<T>(out) + first);
  });
}

Map integers(PlanBuilder& builder, const std::string& reader, const Map& in, bool has_sign) {
  if (!builder.has_integers()) return in;
  const Map out = builder.map_read_by(reader, in.height, in.width, in.channels, has_sign);
  const float factor = 1 / out.step;
  builder.typed_step(reader + ".quantise", {in, out}, [=](const Memory& m, auto type) {
    const auto* values = m.values<decltype(type)>(in);
    if (has_sign)
      kernels::quantise(values, in.size(), factor, m.values<std::int8_t>(out));
    else
      kernels::quantise(values, in.size(), factor, m.values<std::uint8_t>(out));
  });
  return out;
}

Map rounded(PlanBuilder& builder, const std::string& name, const Map& in) {
  const Map out = builder.map(in.height, in.width, in.channels);
  if (out.element == in.element) return in;
  builder.step(name + ".round", {in, out}, [=](const Memory& m) {
    kernels::round_off(m[in], in.size(), m.values<BFloat16>(out));
  });
  return out;
}

}  // namespace lightavseg::steps
