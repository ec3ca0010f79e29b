// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/engine/weight_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "model/files/file_error.h"
#include "model/files/tensor_values.h"

namespace lightavseg {
namespace {

constexpr double kNormEpsilon = 1e-5;  // LibTorch's default, which both backbones use

bool ends_with(const std::string& s, const std::string& suffix) {
  return s.size() >= suffix.size() &&
         s.compare(s.size() - suffix.size(), suffix.size(), suffix) == 0;
}

// "a, b, c and 12 more"
std::string name_list(const std::vector<std::string>& names) {
  const size_t shown = std::min<size_t>(names.size(), 3);
  auto text = fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

}  // namespace

std::vector<float> WeightReader::take(const std::string& name,
                                      const std::vector<std::int64_t>& shape) {
  size_t count = 1;
  for (const auto axis : shape) count *= size_t(axis);
  taken_.insert(name);
  const auto* view = file_.find(name);
  if (!view) {
    missing_.insert(name);
    return std::vector<float>(count);
  }
  if (view->shape != shape) {
    fail(name, fmt::format("has shape {}, the network needs {}", shape_text(view->shape),
                           shape_text(shape)));
    return std::vector<float>(count);
  }
  if (!is_floating(view->dtype)) {
    fail(name, "is stored as integers, weights are F64, F32, F16 or BF16");
    return std::vector<float>(count);
  }
  auto values = to_float(*view);
  const auto broken =
      std::count_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (broken > 0) fail(name, fmt::format("holds {} values that are NaN or infinite", broken));
  if (ends_with(name, "running_var") &&
      std::any_of(values.begin(), values.end(), [](float v) { return v < 0; }))
    fail(name, "holds a negative variance");
  return values;
}

void WeightReader::fail(const std::string& name, const std::string& problem) {
  if (!wrong_.empty() && wrong_ <= name) return;
  wrong_ = name;
  problem_ = problem;
}

void WeightReader::norm(const std::string& name, int channels, std::vector<double>& factor,
                        std::vector<double>& offset) {
  const auto gamma = take(name + ".weight", {channels}), beta = take(name + ".bias", {channels});
  const auto mean = take(name + ".running_mean", {channels});
  const auto variance = take(name + ".running_var", {channels});
  factor.resize(size_t(channels));
  offset.resize(size_t(channels));
  for (size_t c = 0; c < factor.size(); ++c) {
    factor[c] = double(gamma[c]) / std::sqrt(double(variance[c]) + kNormEpsilon);
    offset[c] = double(beta[c]) - double(mean[c]) * factor[c];
  }
}

ConvolutionValues WeightReader::convolution(const std::string& name, const std::string& norm_name,
                                            int in, int out, int kernel, int groups,
                                            const Affine& then) {
  ConvolutionValues values{
      out, in, kernel, groups, take(name + ".weight", {out, in / groups, kernel, kernel}), {}};
  std::vector<double> factor, offset;
  norm(norm_name, out, factor, offset);
  const size_t each = values.weight.size() / size_t(out);
  for (size_t c = 0; c < size_t(out); ++c) {
    const double by = factor[c] * then.factor;
    for (size_t i = c * each; i < (c + 1) * each; ++i)
      values.weight[i] = float(double(values.weight[i]) * by);
    values.bias.push_back(float(offset[c] * then.factor + then.offset));
  }
  return values;
}

ConvolutionValues WeightReader::conv_bn(const std::string& name, int in, int out, int kernel,
                                        int groups, const Affine& then) {
  return convolution(name + ".c", name + ".bn", in, out, kernel, groups, then);
}

ConvolutionValues WeightReader::biased(const std::string& name, int in, int out, int kernel,
                                       int groups) {
  return {out,
          in,
          kernel,
          groups,
          take(name + ".weight", {out, in / groups, kernel, kernel}),
          take(name + ".bias", {out})};
}

Linear WeightReader::linear(const std::string& name, int in, int out, int dims) {
  std::vector<std::int64_t> shape{out, in};
  shape.resize(size_t(dims), 1);
  const auto stored = take(name + ".weight", shape);
  Linear layer{in, out, std::vector<float>(stored.size()), take(name + ".bias", {out})};
  // In blocks, whose lines stay in the cache until they are full.
  constexpr size_t kBlock = 16;
  const size_t ins = size_t(in), outs = size_t(out);
  for (size_t from_o = 0; from_o < outs; from_o += kBlock)
    for (size_t from_i = 0; from_i < ins; from_i += kBlock)
      for (size_t o = from_o; o < std::min(outs, from_o + kBlock); ++o)
        for (size_t i = from_i; i < std::min(ins, from_i + kBlock); ++i)
          layer.weight[i * outs + o] = stored[o * ins + i];
  return layer;
}

void WeightReader::finish() const {
  const std::vector<std::string> missing(missing_.begin(), missing_.end());
  if (!missing.empty())
    throw FileError(file_.path(), missing[0],
                    fmt::format("the network needs {} tensors that the file lacks: {}",
                                missing.size(), name_list(missing)));
  std::vector<std::string> unknown;
  for (const auto& view : file_.tensors())
    if (!ends_with(view.name, "num_batches_tracked") && !taken_.count(view.name))
      unknown.push_back(view.name);
  if (!unknown.empty())
    throw FileError(file_.path(), unknown[0],
                    fmt::format("the file holds {} tensors that the network of its configuration "
                                "does not have: {}",
                                unknown.size(), name_list(unknown)));
  if (!wrong_.empty()) throw FileError(file_.path(), wrong_, problem_);
}

}  // namespace lightavseg
