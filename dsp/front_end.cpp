// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dsp/front_end.h"

#include <string>

#include "dsp/errors.h"

namespace lightavseg::dsp {
namespace {

constexpr double kDecibelFloor = 1e-10;

constexpr FrontEndSpec make_panns(FrontEnd id, std::string_view name, int sample_rate,
                                  double fmax) {
  FrontEndSpec spec{};
  spec.id = id;
  spec.name = name;
  spec.sample_rate = sample_rate;
  spec.n_fft = sample_rate * 4 / 125;  // 32 ms, hence bins of 31.25 Hz at either rate
  spec.window = spec.n_fft;
  spec.hop = sample_rate / 100;
  spec.bands = kMelBands;
  spec.fmin = 50.0;
  spec.fmax = fmax;
  spec.centred = true;
  spec.spectrum = Spectrum::kPower;
  spec.mel_scale = MelScale::kSlaney;
  spec.mel_sample_rate = sample_rate;
  spec.mel_n_fft = spec.n_fft;
  spec.spectrum_gain = 1.0;
  spec.compression = Compression::kDecibels;
  spec.log_constant = kDecibelFloor;
  spec.frames_per_second = 101;
  spec.patch_frames = 101;
  spec.silence = -100.0f;
  return spec;
}

// The 16 kHz transform has the bin spacing, hop and window shape of the 32 kHz one but sums half as
// many samples: the amplitude of anything below 8 kHz is half as large, its power a quarter.
constexpr FrontEndSpec make_panns_32k_from_16k() {
  FrontEndSpec spec = make_panns(FrontEnd::kPanns32kFrom16k, "panns-32k-from-16k", 16000, 14000.0);
  spec.mel_sample_rate = 32000;
  spec.mel_n_fft = 1024;
  spec.spectrum_gain = 4.0;
  return spec;
}

constexpr FrontEndSpec make_vggish(FrontEnd id, std::string_view name, double log_constant,
                                   float silence) {
  FrontEndSpec spec{};
  spec.id = id;
  spec.name = name;
  spec.sample_rate = 16000;
  spec.n_fft = 512;
  spec.window = 400;
  spec.hop = 160;
  spec.bands = kMelBands;
  spec.fmin = 125.0;
  spec.fmax = 7500.0;
  spec.centred = false;
  spec.spectrum = Spectrum::kMagnitude;
  spec.mel_scale = MelScale::kHtk;
  spec.mel_sample_rate = spec.sample_rate;
  spec.mel_n_fft = spec.n_fft;
  spec.spectrum_gain = 1.0;
  spec.compression = Compression::kNatural;
  spec.log_constant = log_constant;
  spec.frames_per_second = 98;
  spec.patch_frames = 96;
  spec.silence = silence;
  return spec;
}

constexpr std::array<FrontEndSpec, kAllFrontEnds.size()> kSpecs = {
    make_panns(FrontEnd::kPanns16k, "panns-16k", 16000, 8000.0),
    make_panns(FrontEnd::kPanns32k, "panns-32k", 32000, 14000.0),
    make_panns_32k_from_16k(),
    make_vggish(FrontEnd::kVggish, "vggish", 0.01, -4.605170186f),
    make_vggish(FrontEnd::kYamnet, "yamnet", 0.001, -6.907755279f),
};

}  // namespace

const FrontEndSpec& spec(FrontEnd front_end) {
  for (const FrontEndSpec& candidate : kSpecs) {
    if (candidate.id == front_end) return candidate;
  }
  throw DspError("front end number " + std::to_string(static_cast<int>(front_end)) +
                 " does not exist; use one of the enumerators of FrontEnd (0 to " +
                 std::to_string(kSpecs.size() - 1) + ")");
}

std::string_view to_string(FrontEnd front_end) {
  return spec(front_end).name;
}

FrontEnd front_end_from_string(std::string_view name) {
  std::string valid;
  for (const FrontEndSpec& candidate : kSpecs) {
    if (candidate.name == name) return candidate.id;
    if (!valid.empty()) valid += ", ";
    valid += candidate.name;
  }
  throw DspError("front end \"" + std::string(name) + "\" is unknown; use one of " + valid);
}

}  // namespace lightavseg::dsp
