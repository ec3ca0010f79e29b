// SPDX-License-Identifier: LGPL-2.1-or-later
/// Random changes to pictures and sounds that keep their labels true. Everything is a pure
/// function of its arguments; options are plain numbers, probabilities are from 0 to 1.
#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "model/data/material.h"
#include "model/data/random.h"

namespace lightavseg {

struct CropOptions {
  double min_area = 0.35, max_area = 1.0;       ///< share of the picture's area
  double min_aspect = 0.75, max_aspect = 1.33;  ///< width / height, relative to the picture's
  double flip = 0.5;                            ///< probability of mirroring
};

/// A part of a picture, brought to a square.
struct Crop {
  cv::Rect box;  ///< pixels of the picture
  bool flip = false;
};

/// A random part of a picture.
Crop random_crop(Random& random, const cv::Size& picture, const CropOptions& options);

/// A random part that keeps at least half of the pixels of `labels` with the value `cls` and shows
/// them on at least one percent of its area, if eight draws find one; else the whole picture.
Crop random_crop_keeping(Random& random, const cv::Mat& labels, int cls,
                         const CropOptions& options);

/// Resamples a colour picture (area mean when reducing, else bilinear).
cv::Mat crop_image(const cv::Mat& image, const Crop& crop, const cv::Size& size);
/// Resamples a label map (nearest).
cv::Mat crop_labels(const cv::Mat& labels, const Crop& crop, const cv::Size& size);

/// The affine map from pixel centres of a cropped scene to those of the picture's file.
cv::Matx23d scene_to_file(const Crop& crop, const cv::Size& size, double file_scale_x,
                          double file_scale_y);

struct ImageAugmentOptions {
  double colour = 0.8;     ///< probability of a change of brightness, contrast, saturation, tint
  double strength = 0.25;  ///< its largest relative size
  double grey = 0.03;      ///< probability of losing all colour
  double blur = 0.12;      ///< Gaussian blur, sigma 0.4 .. 1.6 pixels
  double motion_blur = 0.03;
  double rescale = 0.1;  ///< reduced by 1.3 .. 2.5 and enlarged again
  double noise = 0.15;   ///< Gaussian-like noise, sigma 2 .. 10 grey levels
  double jpeg = 0.2;     ///< JPEG quality 25 .. 85
};

/// Changes colours and quality of an RGB picture in place, not its geometry.
void degrade_image(Random& random, const ImageAugmentOptions& options, cv::Mat* rgb);

constexpr int kSceneSampleRate = 16000;  ///< Hz
constexpr int kSceneSamples = 16000;     ///< one second, the model's audio window

struct SoundAugmentOptions {
  double best_window = 0.45;   ///< share of windows from the audit's best ones
  double random_window = 0.1;  ///< share of windows anywhere; the rest are active ones
  double speed = 0.4;          ///< probability of playing at 0.88 .. 1.14 of the speed
  double equalise = 0.5;       ///< probability of shelving by up to +-9 dB and band limits
  double reverb = 0.3;         ///< probability of a synthetic room, decay 0.1 .. 0.7 s
  double fade = 0.12;          ///< probability of starting late or ending early
  double background = 0.4;     ///< probability of a noise below, at an SNR of:
  double min_snr_db = 3, max_snr_db = 30;
  double min_level_db = -40, max_level_db = -12;  ///< RMS of the result, dB of full scale
};

/// Samples of one window, kSceneSamples long, full scale 1. Shorter recordings are padded.
std::vector<float> cut_window(Random& random, const SoundAugmentOptions& options,
                              const SoundClip& clip, const SoundSamples& sound);

/// The clearest window as it was recorded: the first of the audit's best ones, else the loudest.
std::vector<float> clearest_window(const SoundClip& clip, const SoundSamples& sound);

/// Equaliser, room and fades, as the probabilities say.
void shape_sound(Random& random, const SoundAugmentOptions& options, std::vector<float>* samples);

/// White to brown noise of RMS 1.
std::vector<float> synthetic_noise(Random& random);

/// Root mean square; 0 for an empty vector.
double rms(const std::vector<float>& samples);

/// Scales to an RMS in dB of full scale; leaves digital silence alone.
void set_level(double level_db, std::vector<float>* samples);

/// out += gain * in, equal lengths.
void add_sound(const std::vector<float>& in, double gain, std::vector<float>* out);

/// Scales down if a sample would exceed full scale.
void avoid_clipping(std::vector<float>* samples);

/// The amplitude factor of a level in dB.
double from_db(double db);

}  // namespace lightavseg
