// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/engine/plan.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>

#include "model/engine/kernels.h"

namespace lightavseg {
namespace {

constexpr int kAlways = std::numeric_limits<int>::max();
constexpr float kLeastRange = 1e-6f;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kMapAlignment - 1) / kMapAlignment * kMapAlignment;
}

}  // namespace

Map PlanBuilder::map_of(Element element, int height, int width, int channels) {
  const Map m{int(lives_.size()), height, width, channels, element};
  lives_.push_back({aligned(m.bytes()), kAlways, -1});
  return m;
}

Map PlanBuilder::map_read_by(const std::string& name, int height, int width, int channels,
                             bool has_sign) {
  if (!ranges_) return map(height, width, channels);
  auto m = map_of(has_sign ? Element::kInt8 : Element::kUInt8, height, width, channels);
  m.step = ranges_->of(name) / (has_sign ? 127.0f : 255.0f);
  return m;
}

void PlanBuilder::is_input(const Map& map) {
  lives_[std::size_t(map.id)].first = -1;
}

void PlanBuilder::is_output(const Map& map) {
  lives_[std::size_t(map.id)].last = kAlways;
}

void PlanBuilder::keep(const Map& map) {
  is_input(map);
  is_output(map);
}

void PlanBuilder::uses(const Map& map) {
  auto& life = lives_[std::size_t(map.id)];
  const int now = int(plan_.steps.size());
  life.first = std::min(life.first, now);
  life.last = std::max(life.last, now);
}

void PlanBuilder::convolve(const std::string& name, const std::shared_ptr<PackedWeights>& weights,
                           const Map& in, const Map& out, const Placing& placing) {
  const int padding = placing.padding < 0 ? weights->kernel() / 2 : placing.padding;
  const int rows = placing.rows > 0 ? placing.rows : out.height;
  // The rows of the input that the kernel reaches; above and below them lies padding.
  const int top = placing.first_row * placing.stride - padding;
  const int bottom = top + (rows - 1) * placing.stride + weights->kernel();
  const int first = std::max(0, top), last = std::min(in.height, bottom);
  ConvolutionPlace place;
  place.height = last - first;
  place.width = in.width;
  place.stride = placing.stride;
  place.padding = padding;
  place.padding_top = first - top;
  place.out_height = rows;
  place.out_width = out.width;
  place.activation = placing.activation;
  place.adds = placing.adds;
  place.in = in.element;
  place.out = out.element;
  place.in_step = in.step;
  place.out_step = out.step;
  auto convolution = std::make_shared<const Convolution>(weights, place, pool_);
  scratch_ = std::max(scratch_, convolution->scratch_bytes());
  uses(in);
  uses(out);
  plan_.steps.push_back(
      {module_, name, std::move(convolution), in, out, first, placing.first_row, {}});
}

void PlanBuilder::step(const std::string& name, const std::vector<Map>& maps,
                       std::function<void(const Memory&)> function) {
  for (const auto& m : maps)
    if (m) uses(m);
  plan_.steps.push_back({module_, name, nullptr, {}, {}, 0, 0, std::move(function)});
}

Plan PlanBuilder::finish() {
  // The largest first, each at the lowest place where it disturbs none that lives at the same time.
  std::vector<std::size_t> order(lives_.size()), placed;
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return lives_[a].bytes > lives_[b].bytes; });
  auto& offsets = plan_.offsets;
  offsets.assign(lives_.size(), 0);
  for (const auto i : order) {
    const auto& life = lives_[i];
    std::vector<std::size_t> beside;
    for (const auto j : placed)
      if (lives_[j].first <= life.last && life.first <= lives_[j].last) beside.push_back(j);
    std::sort(beside.begin(), beside.end(),
              [&](auto a, auto b) { return offsets[a] < offsets[b]; });
    std::size_t at = 0;
    for (const auto j : beside) {
      if (at + life.bytes <= offsets[j]) break;
      at = std::max(at, offsets[j] + lives_[j].bytes);
    }
    offsets[i] = at;
    plan_.bytes = std::max(plan_.bytes, at + life.bytes);
    placed.push_back(i);
  }
  plan_.scratch_offset = plan_.bytes;
  plan_.bytes += aligned(scratch_) + kMapAlignment;
  return std::move(plan_);
}

PlanRunner::PlanRunner(std::shared_ptr<const Plan> plan)
    : plan_(std::move(plan)),
      block_(plan_->bytes),
      memory_(block_.data(), plan_->offsets),
      stream_(onednn::cpu()),
      runs_(plan_->steps.size()),
      nanoseconds_(plan_->steps.size()) {
  for (const auto& step : plan_->steps)
    calls_.push_back(step.convolution
                         ? std::make_unique<Convolution::Call>(
                               *step.convolution, row(step.in, step.in_row),
                               row(step.out, step.out_row), block_.data() + plan_->scratch_offset)
                         : nullptr);
}

std::byte* PlanRunner::row(const Map& map, int index) const {
  return memory_.values<std::byte>(map) +
         std::size_t(index) * map.width * map.channels * bytes_of(map.element);
}

void PlanRunner::run_step(std::size_t i) {
  if (watches_ && calls_[i]) {
    const auto& step = plan_->steps[i];
    auto& range = ranges_.try_emplace(step.name, kLeastRange).first->second;
    if (step.in.element == Element::kFloat32)
      range = std::max(range, kernels::largest(memory_[step.in], step.in.size()));
  }
  if (calls_[i])
    calls_[i]->run(stream_);
  else
    plan_->steps[i].function(memory_);
}

void PlanRunner::run(std::size_t first, std::size_t last) {
  if (!measures_) {
    for (std::size_t i = first; i < last; ++i) run_step(i);
    return;
  }
  using Clock = std::chrono::steady_clock;
  auto before = Clock::now();
  for (std::size_t i = first; i < last; ++i) {
    run_step(i);
    const auto now = Clock::now();
    nanoseconds_[i] += std::chrono::duration_cast<std::chrono::nanoseconds>(now - before).count();
    ++runs_[i];
    before = now;
  }
}

void PlanRunner::measure(bool on) {
  measures_ = on;
  if (!on) return;
  std::fill(runs_.begin(), runs_.end(), 0);
  std::fill(nanoseconds_.begin(), nanoseconds_.end(), 0);
}

void PlanRunner::append_times(std::vector<StepTime>& times) const {
  for (std::size_t i = 0; i < plan_->steps.size(); ++i) {
    const auto& step = plan_->steps[i];
    times.push_back({step.module, step.name, runs_[i], nanoseconds_[i],
                     step.convolution ? step.convolution->multiplications() : 0});
  }
}

}  // namespace lightavseg
