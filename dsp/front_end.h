// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <string_view>

namespace lightavseg::dsp {

// The ways to turn mono samples into log-mel features. Audio weights only understand the front end
// they were trained with, so a model file stores the name of its front end.
enum class FrontEnd {
  kPanns16k,         // 16 kHz setting of qiuqiangkong/audioset_tagging_cnn (Cnn14_16k)
  kPanns32k,         // 32 kHz setting of the same repository (MobileNetV2 checkpoint)
  kPanns32kFrom16k,  // features of the 32 kHz checkpoint computed from 16 kHz samples
  kVggish,           // VGGish of tensorflow/models, research/audioset/vggish
  kYamnet,           // YAMNet of tensorflow/models, research/audioset/yamnet
};

inline constexpr int kMelBands = 64;

inline constexpr std::array<FrontEnd, 5> kAllFrontEnds = {FrontEnd::kPanns16k, FrontEnd::kPanns32k,
                                                          FrontEnd::kPanns32kFrom16k,
                                                          FrontEnd::kVggish, FrontEnd::kYamnet};

enum class MelScale { kSlaney, kHtk };
enum class Spectrum { kPower, kMagnitude };

// kDecibels: 10 log10(max(x, log_constant)). kNatural: ln(x + log_constant).
enum class Compression { kDecibels, kNatural };

// Everything that defines a front end. Lengths are in samples, frequencies in Hz.
struct FrontEndSpec {
  FrontEnd id;
  std::string_view name;
  int sample_rate;  // of the samples that go in
  int n_fft;        // length of the transform; a frame shorter than that is zero-padded at its end
  int window;       // length of the periodic Hann window, at most n_fft
  int hop;          // distance between two frames
  int bands;        // mel bands, kMelBands everywhere
  double fmin;      // lower edge of the first band
  double fmax;      // upper edge of the last band
  bool centred;     // frame t is centred at sample t * hop and borders are mirrored; else it starts
                    // there and nothing is padded
  Spectrum spectrum;
  MelScale mel_scale;
  int mel_sample_rate;   // of the filterbank; differs from sample_rate for kPanns32kFrom16k only
  int mel_n_fft;         // the same for n_fft; its bins above n_fft / 2 have no samples to see
  double spectrum_gain;  // factor on the spectrum before the filterbank
  Compression compression;
  double log_constant;
  int frames_per_second;  // rows that exactly one second of samples gives
  int patch_frames;       // rows of one network input: 96 for VGGish and YAMNet; the PANNs networks
                          // take any number, and the whole second by default
  float silence;          // value of every feature of digital silence
};

// The constants of a front end; the reference stays valid for ever. Throws DspError for a value
// that is none of the enumerators. Safe from any thread, as is all of this header.
const FrontEndSpec& spec(FrontEnd front_end);

// "panns-16k", "panns-32k", "panns-32k-from-16k", "vggish" or "yamnet".
std::string_view to_string(FrontEnd front_end);

// The inverse of to_string, case-sensitive. Throws DspError that lists the valid names.
FrontEnd front_end_from_string(std::string_view name);

}  // namespace lightavseg::dsp
