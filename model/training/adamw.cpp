// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/adamw.h"

#include <algorithm>
#include <cmath>

namespace lightavseg {

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
  for (const auto& p : parameters_)
    if (p.value.grad().defined())
      sum += p.value.grad().to(torch::kFloat32).square().sum().item<double>();
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
    if (source_[i].is_floating_point())
      average_[i].lerp_(source_[i], 1 - keep);
    else
      average_[i].copy_(source_[i]);
  }
}

}  // namespace lightavseg
