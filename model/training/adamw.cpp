// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/adamw.h"

#include <algorithm>
#include <cmath>

#include "model/vectorise.h"

namespace lightavseg {
namespace {

// A network has hundreds of small parameters. To call LibTorch several times for each cost a tenth
// of a training step, so what lies in plain memory is updated in one loop.

// Where the values of `t` lie, in the same order as those of `like`; null where that is not so.
float* values_like(const torch::Tensor& t, const torch::Tensor& like) {
  const bool plain = t.device().is_cpu() && t.layout() == torch::kStrided &&
                     t.scalar_type() == torch::kFloat32 && t.is_non_overlapping_and_dense() &&
                     t.sizes() == like.sizes() && t.strides() == like.strides();
  return plain ? t.data_ptr<float>() : nullptr;
}

struct Rates {
  float keep_value, one_minus_beta1, beta2, one_minus_beta2, root2, epsilon, step;
};

LIGHTAVSEG_VECTORISE
void adamw(float* __restrict value, const float* __restrict gradient, float* __restrict first,
           float* __restrict second, int64_t count, const Rates& r) {
  for (int64_t i = 0; i < count; ++i) {
    const float g = gradient[i];
    const float m = first[i] + r.one_minus_beta1 * (g - first[i]);
    const float v = r.beta2 * second[i] + r.one_minus_beta2 * g * g;
    first[i] = m;
    second[i] = v;
    value[i] = r.keep_value * value[i] - r.step * m / (std::sqrt(v) * r.root2 + r.epsilon);
  }
}

LIGHTAVSEG_VECTORISE
void follow(float* __restrict average, const float* __restrict source, int64_t count, float by) {
  for (int64_t i = 0; i < count; ++i) average[i] += by * (source[i] - average[i]);
}

LIGHTAVSEG_VECTORISE
double sum_of_squares(const float* values, int64_t count) {
  constexpr int64_t kLanes = 32;  // sums side by side
  float lanes[kLanes];
  double sum = 0;
  for (int64_t from = 0; from < count; from += 4096) {
    std::fill(lanes, lanes + kLanes, 0.0f);
    const int64_t end = std::min(count, from + 4096);
    int64_t i = from;
    for (; i + kLanes <= end; i += kLanes)
      for (int64_t k = 0; k < kLanes; ++k) lanes[k] += values[i + k] * values[i + k];
    for (; i < end; ++i) lanes[0] += values[i] * values[i];
    for (const float lane : lanes) sum += double(lane);
  }
  return sum;
}

}  // namespace

AdamW::AdamW(std::vector<Parameter> parameters, AdamWOptions options)
    : parameters_(std::move(parameters)), options_(options) {
  for (const auto& p : parameters_) {
    first_.push_back(torch::zeros_like(p.value, torch::MemoryFormat::Preserve).detach());
    second_.push_back(torch::zeros_like(p.value, torch::MemoryFormat::Preserve).detach());
  }
}

void AdamW::step(double learning_rate) {
  torch::NoGradGuard no_grad;
  ++steps_;
  const double correction1 = 1 - std::pow(options_.beta1, double(steps_));
  const double correction2 = 1 - std::pow(options_.beta2, double(steps_));
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const auto& p = parameters_[i];
    const auto gradient = p.value.grad();
    if (!gradient.defined()) continue;
    const double rate = learning_rate * p.rate;
    auto value = p.value;
    float* values = values_like(value, value);
    const float* gradients = values_like(gradient, value);
    float *first = values_like(first_[i], value), *second = values_like(second_[i], value);
    if (values && gradients && first && second) {
      adamw(values, gradients, first, second, value.numel(),
            {float(1 - rate * p.decay), float(1 - options_.beta1), float(options_.beta2),
             float(1 - options_.beta2), float(1 / std::sqrt(correction2)), float(options_.epsilon),
             float(rate / correction1)});
      continue;
    }
    if (p.decay > 0) value.mul_(1 - rate * p.decay);
    first_[i].lerp_(gradient, 1 - options_.beta1);
    second_[i].mul_(options_.beta2).addcmul_(gradient, gradient, 1 - options_.beta2);
    const auto scale = (second_[i].sqrt() / std::sqrt(correction2)).add_(options_.epsilon);
    value.addcdiv_(first_[i], scale, -rate / correction1);
  }
}

double AdamW::clip_gradients(double limit) {
  torch::NoGradGuard no_grad;
  double sum = 0;
  for (const auto& p : parameters_) {
    const auto gradient = p.value.grad();
    if (!gradient.defined()) continue;
    if (const float* values = values_like(gradient, gradient))
      sum += sum_of_squares(values, gradient.numel());
    else
      sum += gradient.to(torch::kFloat32).square().sum().item<double>();
  }
  const double norm = std::sqrt(sum);
  if (limit > 0 && norm > limit)
    for (const auto& p : parameters_)
      if (p.value.grad().defined()) p.value.grad().mul_(limit / norm);
  return norm;
}

std::map<std::string, torch::Tensor> AdamW::state() const {
  std::map<std::string, torch::Tensor> state;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    state["m." + parameters_[i].name] = first_[i];
    state["v." + parameters_[i].name] = second_[i];
  }
  return state;
}

void AdamW::load(const std::map<std::string, torch::Tensor>& state, int64_t steps) {
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    first_[i].copy_(state.at("m." + parameters_[i].name));
    second_[i].copy_(state.at("v." + parameters_[i].name));
  }
  steps_ = steps;
}

AveragedWeights::AveragedWeights(std::vector<torch::Tensor> source,
                                 std::vector<torch::Tensor> average, double decay)
    : source_(std::move(source)), average_(std::move(average)), decay_(decay) {
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < source_.size(); ++i) average_[i].copy_(source_[i]);
}

void AveragedWeights::update() {
  torch::NoGradGuard no_grad;
  const double n = double(steps_++);
  const double keep = std::min(decay_, (1 + n) / (10 + n));
  for (size_t i = 0; i < source_.size(); ++i) {
    float* average = values_like(average_[i], average_[i]);
    const float* source = values_like(source_[i], average_[i]);
    if (average && source)
      follow(average, source, source_[i].numel(), float(1 - keep));
    else if (source_[i].is_floating_point())
      average_[i].lerp_(source_[i], 1 - keep);
    else
      average_[i].copy_(source_[i]);
  }
}

}  // namespace lightavseg
