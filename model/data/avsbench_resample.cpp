// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_resample.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace lightavseg {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr int kZeroCrossings = 48;
constexpr double kKaiserBeta = 9.0;
constexpr double kCutOff = 0.94;

// Modified Bessel function of the first kind, order 0, by its power series.
double bessel_i0(double x) {
  double term = 1;
  double sum = 1;
  for (int k = 1; term > 1e-14 * sum; ++k) {
    term *= (x / (2 * k)) * (x / (2 * k));
    sum += term;
  }
  return sum;
}

int64_t floor_divide(int64_t a, int64_t b) {
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

}  // namespace

SincResampler::SincResampler(int in_rate, int out_rate) {
  if (in_rate <= 0 || out_rate <= 0) {
    throw std::runtime_error("SincResampler: both rates must be above 0 Hz");
  }
  const int common = std::gcd(in_rate, out_rate);
  in_step_ = in_rate / common;
  out_step_ = out_rate / common;
  const double cut_off = kCutOff * std::min(1.0, static_cast<double>(out_rate) / in_rate);
  half_taps_ = static_cast<int>(std::ceil(kZeroCrossings / cut_off));

  const size_t taps_per_phase = static_cast<size_t>(half_taps_) * 2;
  taps_.resize(static_cast<size_t>(out_step_) * taps_per_phase);
  std::vector<double> taps(taps_per_phase);
  for (int64_t phase = 0; phase < out_step_; ++phase) {
    const double fraction = static_cast<double>(phase) / static_cast<double>(out_step_);
    for (size_t t = 0; t < taps_per_phase; ++t) {
      const double distance = static_cast<double>(t) - (half_taps_ - 1) - fraction;
      const double edge = distance / half_taps_;
      const double window = bessel_i0(kKaiserBeta * std::sqrt(std::max(0.0, 1 - edge * edge)));
      const double angle = kPi * cut_off * distance;
      taps[t] = window * (std::abs(angle) < 1e-9 ? 1.0 : std::sin(angle) / angle);
    }
    // Unit gain at 0 Hz in every phase, or a constant would come out with a ripple.
    const double sum = std::accumulate(taps.begin(), taps.end(), 0.0);
    std::transform(taps.begin(), taps.end(),
                   taps_.begin() + phase * static_cast<int64_t>(taps_per_phase),
                   [sum](double tap) { return static_cast<float>(tap / sum); });
  }
}

int64_t SincResampler::first_input(int64_t n) const {
  return floor_divide(n * in_step_, out_step_) - (half_taps_ - 1);
}

int64_t SincResampler::end_input(int64_t n) const {
  return floor_divide(n * in_step_, out_step_) + half_taps_ + 1;
}

std::vector<float> SincResampler::resample(const std::vector<float>& input, int64_t first,
                                           int count) const {
  std::vector<float> output;
  if (count <= 0) return output;
  const int64_t origin = first_input(first);
  if (static_cast<int64_t>(input.size()) < end_input(first + count - 1) - origin) {
    throw std::runtime_error("SincResampler: the input ends before the last output sample");
  }
  output.reserve(static_cast<size_t>(count));
  const size_t taps_per_phase = static_cast<size_t>(half_taps_) * 2;
  for (int64_t n = first; n < first + count; ++n) {
    const int64_t position = n * in_step_;
    const int64_t phase = position - floor_divide(position, out_step_) * out_step_;
    const float* taps = taps_.data() + static_cast<size_t>(phase) * taps_per_phase;
    const float* samples = input.data() + (first_input(n) - origin);
    double sum = 0;
    for (size_t t = 0; t < taps_per_phase; ++t) sum += static_cast<double>(samples[t]) * taps[t];
    output.push_back(static_cast<float>(sum));
  }
  return output;
}

}  // namespace lightavseg
