// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <vector>

namespace lightavseg::dsp {

// A bank of triangular filters that sums the bins of a spectrum into mel bands. Each band stores
// only its run of bins with a weight above zero. Immutable, so safe from any thread.
class MelFilterbank {
 public:
  // The run of one band: weights[k] belongs to bin first_bin + k. A band that covers no bin has
  // count 0.
  struct Band {
    int first_bin;
    int count;
    const float* weights;
  };

  // Slaney's mel scale (linear below 1 kHz, logarithmic above) with triangles linear in Hz and
  // scaled to equal area: the defaults of librosa/librosa's filters.mel.
  // sample_rate, fmin and fmax in Hz with 0 <= fmin < fmax <= sample_rate / 2; n_fft even and
  // positive; bands at least 1. Throws DspError otherwise.
  static MelFilterbank slaney(int sample_rate, int n_fft, int bands, double fmin, double fmax);

  // HTK's mel scale, 1127 ln(1 + f / 700), with triangles linear in mel, of height 1, and no weight
  // on the DC bin: mel_features.py of tensorflow/models, research/audioset/vggish.
  // Arguments and errors as for slaney().
  static MelFilterbank htk(int sample_rate, int n_fft, int bands, double fmin, double fmax);

  // This bank without the bins from `bins` on (1 <= bins <= this->bins()) and with every weight
  // times `gain`. Bands that lie wholly above lose all their weight. Throws DspError.
  MelFilterbank restricted(int bins, double gain) const;

  int bands() const { return static_cast<int>(first_bin_.size()); }
  int bins() const { return bins_; }  // length of the spectrum that apply() is written for
  int used_bins() const { return used_bins_; }  // apply() reads none from this one on
  Band band(int index) const;                   // 0 <= index < bands(), not checked

  // out[b] = sum over the bins of weight * spectrum, for spectrum[bins()] and out[bands()].
  void apply(const float* spectrum, float* out) const;

 private:
  MelFilterbank() = default;

  // Appends the next band from one row of the dense matrix.
  void append(const std::vector<double>& row);

  int bins_ = 0;
  int used_bins_ = 0;
  std::vector<int> first_bin_;
  std::vector<int> offset_ = {0};  // of each band's weights; one more entry than bands
  std::vector<float> weights_;
};

}  // namespace lightavseg::dsp
