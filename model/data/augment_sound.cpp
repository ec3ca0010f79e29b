// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cmath>

#include "model/data/augment.h"

namespace lightavseg {
namespace {

constexpr double kPi = 3.14159265358979323846;

int window_start(Random& random, const SoundAugmentOptions& options, const SoundClip& clip,
                 const SoundSamples& sound, int length) {
  const int last = static_cast<int>(sound.samples.size()) - length;
  if (last <= 0) return 0;
  const double draw = random.uniform();
  int start = random.below(last + 1);
  const int jitter = random.below(3200) - 1600;
  if (draw < options.best_window && !clip.best_windows.empty()) {
    const int choice = random.below(static_cast<int>(clip.best_windows.size()));
    const float seconds = clip.best_windows[static_cast<std::size_t>(choice)];
    start = static_cast<int>(seconds * kSceneSampleRate) + jitter;
  } else if (draw < 1 - options.random_window && !sound.active_starts.empty()) {
    const int choice = random.below(static_cast<int>(sound.active_starts.size()));
    start = sound.active_starts[static_cast<std::size_t>(choice)] + jitter;
  }
  return std::clamp(start, 0, last);
}

double one_pole(double cutoff_hz) {
  return 1 - std::exp(-2 * kPi * cutoff_hz / kSceneSampleRate);
}

// Two first-order shelves, and now and then the narrow band of a cheap loudspeaker.
void equalise(Random& random, std::vector<float>* samples) {
  const double low_gain = from_db(random.uniform(-9, 9)) - 1;
  const double high_gain = from_db(random.uniform(-9, 6)) - 1;
  const double low_pole = one_pole(random.uniform(150, 600));
  const double high_pole = one_pole(random.uniform(1500, 5000));
  const bool band = random.chance(0.2);
  const double band_low = one_pole(random.uniform(80, 300));
  const double band_high = one_pole(random.uniform(2500, 6000));
  double low = 0, high = 0, floor = 0, ceiling = 0;
  for (float& sample : *samples) {
    const double x = sample;
    low += low_pole * (x - low);
    high += high_pole * (x - high);
    double y = x + low_gain * low + high_gain * (x - high);
    if (band) {
      floor += band_low * (y - floor);
      ceiling += band_high * (y - floor - ceiling);
      y = ceiling;
    }
    sample = static_cast<float>(y);
  }
}

// Four feedback combs and an all-pass, after M. R. Schroeder, "Natural sounding artificial
// reverberation" (1962).
void reverberate(Random& random, std::vector<float>* samples) {
  const double decay_s = random.uniform(0.1, 0.7);
  const double wet = random.uniform(0.1, 0.45);
  const double size = random.uniform(0.6, 1.4);
  std::vector<float> sum(samples->size(), 0.0f);
  for (const double base_ms : {29.7, 37.1, 41.1, 43.7}) {
    const int delay = std::max(1, static_cast<int>(base_ms * size * kSceneSampleRate / 1000));
    const auto gain =
        static_cast<float>(std::pow(10.0, -3.0 * delay / (decay_s * kSceneSampleRate)));
    std::vector<float> line(static_cast<std::size_t>(delay), 0.0f);
    std::size_t at = 0;
    for (std::size_t i = 0; i < samples->size(); ++i) {
      const float out = line[at];
      line[at] = (*samples)[i] + gain * out;
      sum[i] += 0.25f * out;
      if (++at == line.size()) at = 0;
    }
  }
  std::vector<float> line(static_cast<std::size_t>(80 * size), 0.0f);
  std::size_t at = 0;
  for (std::size_t i = 0; i < samples->size(); ++i) {
    const float delayed = line[at];
    const float in = sum[i] + 0.7f * delayed;
    line[at] = in;
    if (++at == line.size()) at = 0;
    (*samples)[i] = static_cast<float>((1 - wet) * (*samples)[i] + 2 * wet * (delayed - 0.7f * in));
  }
}

// Leaves at least 0.4 s of sound.
void fade(Random& random, std::vector<float>* samples) {
  const int count = static_cast<int>(samples->size());
  const int silent = random.below(count * 6 / 10);
  const int ramp = 160 + random.below(1600);
  const bool at_end = random.chance(0.5);
  for (int i = 0; i < std::min(count, silent + ramp); ++i) {
    const double gain = i < silent ? 0.0 : static_cast<double>(i - silent) / ramp;
    (*samples)[static_cast<std::size_t>(at_end ? count - 1 - i : i)] *= static_cast<float>(gain);
  }
}

}  // namespace

double from_db(double db) {
  return std::pow(10.0, db / 20);
}

std::vector<float> cut_window(Random& random, const SoundAugmentOptions& options,
                              const SoundClip& clip, const SoundSamples& sound) {
  const double speed = random.chance(options.speed) ? random.uniform(0.88, 1.14) : 1.0;
  const int length = static_cast<int>(kSceneSamples * speed);
  const int start = window_start(random, options, clip, sound, length);
  const int have = std::min(length, static_cast<int>(sound.samples.size()) - start);
  const int filled = std::min(kSceneSamples, static_cast<int>(have / speed));
  // Short recordings sit anywhere in the window; very short ones may come twice or more.
  const int offset = random.below(kSceneSamples - filled + 1);
  const bool repeat = filled < kSceneSamples / 2 && random.chance(0.5);
  std::vector<float> out(kSceneSamples, 0.0f);
  for (int i = 0; i < filled; ++i) {
    const double position = i * speed;
    const int whole = static_cast<int>(position);
    const double part = position - whole;
    const std::size_t at = static_cast<std::size_t>(start + whole);
    const double a = sound.samples[at];
    const double b = whole + 1 < have ? sound.samples[at + 1] : a;
    const auto value = static_cast<float>((a + part * (b - a)) / 32768.0);
    if (repeat) {
      const int period = filled + filled / 4;
      for (int k = i + offset % period; k < kSceneSamples; k += period) {
        out[static_cast<std::size_t>(k)] = value;
      }
    } else {
      out[static_cast<std::size_t>(offset + i)] = value;
    }
  }
  return out;
}

std::vector<float> clearest_window(const SoundClip& clip, const SoundSamples& sound) {
  const int last = std::max(0, static_cast<int>(sound.samples.size()) - kSceneSamples);
  int start = 0;
  if (!clip.best_windows.empty()) {
    start = std::min(last, static_cast<int>(clip.best_windows.front() * kSceneSampleRate));
  } else {
    double loudest = -1;
    for (const int candidate : sound.active_starts) {
      double energy = 0;
      for (int i = candidate; i < candidate + kSceneSamples; ++i) {
        if (i >= static_cast<int>(sound.samples.size())) break;
        const double value = sound.samples[static_cast<std::size_t>(i)];
        energy += value * value;
      }
      if (energy <= loudest) continue;
      loudest = energy;
      start = std::min(last, candidate);
    }
  }
  std::vector<float> out(kSceneSamples, 0.0f);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t at = static_cast<std::size_t>(start) + i;
    if (at < sound.samples.size()) out[i] = static_cast<float>(sound.samples[at]) / 32768.0f;
  }
  return out;
}

void shape_sound(Random& random, const SoundAugmentOptions& options, std::vector<float>* samples) {
  if (random.chance(options.equalise)) equalise(random, samples);
  if (random.chance(options.reverb)) reverberate(random, samples);
  if (random.chance(options.fade)) fade(random, samples);
}

std::vector<float> synthetic_noise(Random& random) {
  const double pole = random.chance(0.3) ? 1.0 : one_pole(random.uniform(50, 4000));
  double state = 0;
  std::vector<float> out(kSceneSamples);
  for (float& sample : out) {
    state += pole * (random.uniform(-1, 1) - state);
    sample = static_cast<float>(state);
  }
  const double level = rms(out);
  if (level > 0) {
    for (float& sample : out) sample = static_cast<float>(sample / level);
  }
  return out;
}

double rms(const std::vector<float>& samples) {
  double sum = 0;
  for (const float sample : samples) sum += static_cast<double>(sample) * sample;
  return samples.empty() ? 0 : std::sqrt(sum / static_cast<double>(samples.size()));
}

void set_level(double level_db, std::vector<float>* samples) {
  const double now = rms(*samples);
  if (now <= 0) return;
  const auto gain = static_cast<float>(from_db(level_db) / now);
  for (float& sample : *samples) sample *= gain;
}

void add_sound(const std::vector<float>& in, double gain, std::vector<float>* out) {
  for (std::size_t i = 0; i < out->size(); ++i) {
    (*out)[i] += static_cast<float>(gain * static_cast<double>(in[i]));
  }
}

void avoid_clipping(std::vector<float>* samples) {
  float peak = 0;
  for (const float sample : *samples) peak = std::max(peak, std::abs(sample));
  if (peak <= 0.999f) return;
  for (float& sample : *samples) sample *= 0.999f / peak;
}

}  // namespace lightavseg
