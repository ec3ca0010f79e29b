// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/replicas.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>

#include "model/network/model_file.h"

namespace lightavseg {
namespace {

at::Generator make_generator(torch::Device device) {
  if (device.is_cuda()) return at::globalContext().defaultGenerator(device).clone();
  return at::make_generator<at::CPUGeneratorImpl>();
}

}  // namespace

bool has_prefix(const std::string& name, const std::vector<std::string>& prefixes) {
  for (const auto& p : prefixes)
    if (name.compare(0, p.size(), p) == 0) return true;
  return false;
}

Replicas::Replicas(const TrainConfig& config, const ModelConfig& model,
                   const TeacherChannels& channels, int visible, int audible, torch::Device device)
    : team_(config.replicas) {
  for (int r = 0; r < config.replicas; ++r) {
    students_.emplace_back(config, model, channels, visible, audible);
    auto& student = students_.back();
    student->to(device);
    // Channels-last is what the convolutions of the CPU want; weights keep it through training.
    torch::NoGradGuard no_grad;
    for (auto& p : student->parameters())
      if (p.dim() == 4) p.set_data(p.contiguous(torch::MemoryFormat::ChannelsLast));
    generators_.push_back(make_generator(device));
    student->network->set_generator(generators_.back());
  }
}

void Replicas::share() {
  torch::NoGradGuard no_grad;
  auto from = master()->named_parameters();
  const auto buffers = master()->named_buffers();
  for (size_t r = 1; r < students_.size(); ++r) {
    for (auto& p : students_[r]->named_parameters()) p.value().set_data(from[p.key()].data());
    for (auto& b : students_[r]->named_buffers()) b.value().copy_(buffers[b.key()]);
  }
}

void Replicas::set_trainable(const std::vector<std::string>& prefixes) {
  for (auto& student : students_) {
    auto& network = *student->network;
    bool audio = false;
    student->train();
    for (auto& p : student->named_parameters()) {
      const bool learns = has_prefix(p.key(), prefixes);
      const bool of_audio = p.key().rfind("network.audio.", 0) == 0;
      audio |= learns && of_audio;
      if (!of_audio) p.value().set_requires_grad(learns);
    }
    network.audio->set_trainable(audio);
    // Batch norms of a part that does not learn must not drift either.
    for (auto& part : network.named_children()) {
      const auto parameters = part.value()->parameters();
      if (std::none_of(parameters.begin(), parameters.end(),
                       [](const torch::Tensor& p) { return p.requires_grad(); }))
        part.value()->eval();
    }
  }
}

void Replicas::for_each(const std::function<void(int, Student&)>& work) {
  team_.run([&](int r) { work(r, students_[size_t(r)]); });
}

void Replicas::combine(Communicator& communicator) {
  torch::NoGradGuard no_grad;
  const double scale = 1.0 / double(students_.size());
  std::vector<std::vector<torch::Tensor>> parameters;
  for (auto& s : students_) parameters.push_back(s->parameters());
  std::vector<torch::Tensor> gradients, statistics;
  for (size_t i = 0; i < parameters[0].size(); ++i) {
    auto gradient = parameters[0][i].grad();
    if (!gradient.defined()) continue;
    for (size_t r = 1; r < students_.size(); ++r)
      if (parameters[r][i].grad().defined()) gradient.add_(parameters[r][i].grad());
    if (students_.size() > 1) gradient.mul_(scale);
    gradients.push_back(gradient);
  }
  auto own = master()->named_buffers();
  for (auto& b : own) {
    if (!b.value().is_floating_point()) continue;
    if (students_.size() > 1) {
      auto sum = b.value().clone();
      for (size_t r = 1; r < students_.size(); ++r)
        sum.add_(students_[r]->named_buffers()[b.key()]);
      b.value().copy_(sum * scale);
    }
    statistics.push_back(b.value());
  }
  if (communicator.size() > 1) {
    communicator.average(gradients);
    communicator.average(statistics);
  }
  for (size_t r = 1; r < students_.size(); ++r)
    for (auto& b : students_[r]->named_buffers()) b.value().copy_(own[b.key()]);
}

void Replicas::clear_gradients() {
  for (auto& student : students_)
    for (auto& p : student->parameters()) p.mutable_grad() = torch::Tensor();
}

Batch to_device(Batch batch, torch::Device device) {
  for (auto* t : {&batch.frames, &batch.waveform, &batch.log_mel, &batch.mask, &batch.valid,
                  &batch.labels, &batch.visible, &batch.sounding})
    if (t->defined()) *t = t->to(device);
  if (batch.frames.defined())
    batch.frames = batch.frames.contiguous(torch::MemoryFormat::ChannelsLast);
  return batch;
}

}  // namespace lightavseg
