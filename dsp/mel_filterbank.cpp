// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dsp/mel_filterbank.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>

#include "dsp/errors.h"

namespace lightavseg::dsp {
namespace {

constexpr double kSlaneyHzPerMel = 200.0 / 3.0;  // below the break
constexpr double kSlaneyBreakHz = 1000.0;
constexpr double kSlaneyBreakMel = kSlaneyBreakHz / kSlaneyHzPerMel;

double slaney_log_step() {
  return std::log(6.4) / 27.0;
}

double slaney_mel_from_hz(double hz) {
  if (hz < kSlaneyBreakHz) return hz / kSlaneyHzPerMel;
  return kSlaneyBreakMel + std::log(hz / kSlaneyBreakHz) / slaney_log_step();
}

double slaney_hz_from_mel(double mel) {
  if (mel < kSlaneyBreakMel) return mel * kSlaneyHzPerMel;
  return kSlaneyBreakHz * std::exp(slaney_log_step() * (mel - kSlaneyBreakMel));
}

double htk_mel_from_hz(double hz) {
  return 1127.0 * std::log1p(hz / 700.0);
}

std::vector<double> evenly_spaced(double first, double last, int count) {
  std::vector<double> values(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = first + (last - first) * i / (count - 1);
  }
  values.back() = last;
  return values;
}

double triangle(double x, double left, double centre, double right) {
  return std::max(0.0, std::min((x - left) / (centre - left), (right - x) / (right - centre)));
}

void check_arguments(int sample_rate, int n_fft, int bands, double fmin, double fmax) {
  if (sample_rate <= 0) {
    throw DspError("mel filterbank: sample_rate is " + std::to_string(sample_rate) +
                   " Hz; give a positive rate");
  }
  if (n_fft <= 0 || n_fft % 2 != 0) {
    throw DspError("mel filterbank: n_fft is " + std::to_string(n_fft) +
                   "; give a positive even length");
  }
  if (bands < 1) {
    throw DspError("mel filterbank: bands is " + std::to_string(bands) + "; give at least 1");
  }
  // Written so that a NaN fails as well.
  if (!(fmin >= 0.0 && fmin < fmax && fmax <= sample_rate / 2.0)) {
    throw DspError("mel filterbank: fmin " + std::to_string(fmin) + " Hz and fmax " +
                   std::to_string(fmax) + " Hz must satisfy 0 <= fmin < fmax <= " +
                   std::to_string(sample_rate / 2.0) + " Hz, half of the sample rate");
  }
}

}  // namespace

MelFilterbank MelFilterbank::slaney(int sample_rate, int n_fft, int bands, double fmin,
                                    double fmax) {
  check_arguments(sample_rate, n_fft, bands, fmin, fmax);
  std::vector<double> edges =
      evenly_spaced(slaney_mel_from_hz(fmin), slaney_mel_from_hz(fmax), bands + 2);
  for (double& edge : edges) edge = slaney_hz_from_mel(edge);
  // The way to mel and back rounds; a bin exactly on an outer edge must keep its weight of zero.
  edges.front() = fmin;
  edges.back() = fmax;

  MelFilterbank bank;
  bank.bins_ = n_fft / 2 + 1;
  std::vector<double> row(static_cast<std::size_t>(bank.bins_));
  for (std::size_t b = 0; b + 2 < edges.size(); ++b) {
    const double area_norm = 2.0 / (edges[b + 2] - edges[b]);
    for (std::size_t k = 0; k < row.size(); ++k) {
      const double hz = static_cast<double>(k) * sample_rate / n_fft;
      row[k] = area_norm * triangle(hz, edges[b], edges[b + 1], edges[b + 2]);
    }
    bank.append(row);
  }
  return bank;
}

MelFilterbank MelFilterbank::htk(int sample_rate, int n_fft, int bands, double fmin, double fmax) {
  check_arguments(sample_rate, n_fft, bands, fmin, fmax);
  const std::vector<double> edges =
      evenly_spaced(htk_mel_from_hz(fmin), htk_mel_from_hz(fmax), bands + 2);

  MelFilterbank bank;
  bank.bins_ = n_fft / 2 + 1;
  std::vector<double> row(static_cast<std::size_t>(bank.bins_), 0.0);
  for (std::size_t b = 0; b + 2 < edges.size(); ++b) {
    for (std::size_t k = 1; k < row.size(); ++k) {
      const double mel = htk_mel_from_hz(static_cast<double>(k) * sample_rate / n_fft);
      row[k] = triangle(mel, edges[b], edges[b + 1], edges[b + 2]);
    }
    bank.append(row);
  }
  return bank;
}

MelFilterbank MelFilterbank::restricted(int bins, double gain) const {
  if (bins < 1 || bins > bins_) {
    throw DspError("mel filterbank: cannot restrict " + std::to_string(bins_) + " bins to " +
                   std::to_string(bins) + "; give 1 to " + std::to_string(bins_));
  }
  MelFilterbank bank;
  bank.bins_ = bins;
  for (int b = 0; b < bands(); ++b) {
    std::vector<double> row(static_cast<std::size_t>(bins), 0.0);
    const Band source = band(b);
    for (int k = 0; k < source.count && source.first_bin + k < bins; ++k) {
      row[static_cast<std::size_t>(source.first_bin + k)] = gain * source.weights[k];
    }
    bank.append(row);
  }
  return bank;
}

MelFilterbank::Band MelFilterbank::band(int index) const {
  const auto i = static_cast<std::size_t>(index);
  return {first_bin_[i], offset_[i + 1] - offset_[i], weights_.data() + offset_[i]};
}

void MelFilterbank::append(const std::vector<double>& row) {
  const auto positive = [](double weight) { return weight > 0.0; };
  const auto first = std::find_if(row.begin(), row.end(), positive);
  const auto last = std::find_if(row.rbegin(), row.rend(), positive).base();
  first_bin_.push_back(first == row.end() ? 0 : static_cast<int>(first - row.begin()));
  if (first != row.end()) {
    for (auto weight = first; weight != last; ++weight) {
      weights_.push_back(static_cast<float>(*weight));
    }
    used_bins_ = std::max(used_bins_, static_cast<int>(last - row.begin()));
  }
  offset_.push_back(static_cast<int>(weights_.size()));
}

void MelFilterbank::apply(const float* spectrum, float* out) const {
  // A fixed number of partial sums keeps the order of additions, and so every bit of the result,
  // independent of what the compiler makes of the loop, and still lets it use SIMD registers.
  constexpr int kLanes = 4;
  for (int b = 0; b < bands(); ++b) {
    const Band run = band(b);
    const float* bins = spectrum + run.first_bin;
    std::array<float, kLanes> lanes{};
    int k = 0;
    for (; k + kLanes <= run.count; k += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) {
        lanes[static_cast<std::size_t>(lane)] += run.weights[k + lane] * bins[k + lane];
      }
    }
    float sum = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    for (; k < run.count; ++k) sum += run.weights[k] * bins[k];
    out[b] = sum;
  }
}

}  // namespace lightavseg::dsp
