// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/clip_soundtrack.h"

#include <algorithm>
#include <cmath>

#include "model/data/augment.h"

namespace lightavseg {
namespace {

constexpr double kLevelDb = -20;
constexpr double kQuietDb = -30;         // below the loudest frame: nothing is heard
constexpr std::size_t kFrame = 320;      // 20 ms
constexpr std::size_t kJoin = 640;       // 40 ms
constexpr std::size_t kShortest = 4000;  // 0.25 s
constexpr std::size_t kCall = 40000;     // 2.5 s: shorter ones are calls, with
constexpr std::size_t kPause = 4800;     // 0.3 s between them

std::vector<float> to_float(const SoundSamples& sound) {
  std::vector<float> out;
  out.reserve(sound.samples.size());
  for (const std::int16_t value : sound.samples)
    out.push_back(static_cast<float>(value) / 32768.0f);
  return out;
}

// Of the loudest second, or of the first of the audit's best windows.
std::size_t clearest_start(const SoundClip& clip, const std::vector<float>& samples) {
  const std::size_t window = kSceneSamples;
  if (samples.size() <= window) return 0;
  const std::size_t last = samples.size() - window;
  if (!clip.best_windows.empty()) {
    return std::min(last, static_cast<std::size_t>(clip.best_windows.front() * kSceneSampleRate));
  }
  std::size_t best = 0;
  double loudest = -1;
  for (std::size_t start = 0; start <= last; start += kSceneSampleRate / 8) {
    double energy = 0;
    for (std::size_t i = start; i < start + window; ++i) {
      energy += static_cast<double>(samples[i]) * static_cast<double>(samples[i]);
    }
    if (energy > loudest) {
      loudest = energy;
      best = start;
    }
  }
  return best;
}

}  // namespace

std::vector<float> audible_part(const SoundClip& clip, const SoundSamples& sound,
                                std::size_t wanted) {
  const std::vector<float> samples = to_float(sound);
  const auto at = [&](std::size_t i) { return samples.begin() + static_cast<std::ptrdiff_t>(i); };
  std::vector<double> levels;
  for (std::size_t i = 0; i < samples.size(); i += kFrame) {
    levels.push_back(rms({at(i), at(std::min(i + kFrame, samples.size()))}));
  }
  std::size_t from = 0, to = samples.size();
  if (!levels.empty()) {
    const double limit = *std::max_element(levels.begin(), levels.end()) * from_db(kQuietDb);
    const auto heard = [&](double level) { return level > limit; };
    const auto first = std::find_if(levels.begin(), levels.end(), heard) - levels.begin();
    const auto after = levels.rend() - std::find_if(levels.rbegin(), levels.rend(), heard);
    if (first < after) {  // else digital silence
      from = static_cast<std::size_t>(first) * kFrame;
      to = std::min(static_cast<std::size_t>(after) * kFrame, samples.size());
    }
  }
  if (to - from < kShortest) {
    to = std::min(samples.size(), from + kShortest);
    from = to < kShortest ? 0 : to - kShortest;
  }
  if (to - from > wanted) {
    from = std::clamp(clearest_start(clip, samples), from, to - wanted);
    to = from + wanted;
  }
  return {at(from), at(to)};
}

std::vector<float> lay_in_a_row(const Material& material, const std::vector<int>& recordings,
                                std::size_t samples, std::vector<std::string>* used) {
  std::vector<float> row;
  for (std::size_t n = 0; row.size() < samples; ++n) {
    const int index = recordings[n % recordings.size()];
    const SoundClip& clip = material.sounds()[static_cast<std::size_t>(index)];
    std::vector<float> piece = audible_part(clip, material.sound(index), samples);
    if (piece.size() < 2 * kJoin) piece.resize(2 * kJoin, 0.0f);
    set_level(kLevelDb, &piece);
    if (used != nullptr && std::find(used->begin(), used->end(), clip.id) == used->end()) {
      used->push_back(clip.id);
    }
    const bool call = piece.size() < kCall;
    const std::size_t start = row.empty() ? 0 : row.size() - kJoin;
    row.resize(start + piece.size(), 0.0f);
    for (std::size_t i = 0; i < piece.size(); ++i) {
      const std::size_t edge = std::min(i, piece.size() - 1 - i);
      const float gain = edge >= kJoin ? 1.0f : (static_cast<float>(edge) + 0.5f) / kJoin;
      row[start + i] += piece[i] * gain;
    }
    if (call) row.resize(row.size() + kPause, 0.0f);
  }
  row.resize(samples);
  return row;
}

void add_section(const std::vector<float>& part, std::size_t start, std::vector<float>* track) {
  const std::size_t fade = 2 * kSectionOverlap;
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (start + i < kSectionOverlap) continue;
    const std::size_t at = start + i - kSectionOverlap;
    if (at >= track->size()) break;
    const std::size_t edge = std::min(i, part.size() - 1 - i);
    const float gain = edge >= fade ? 1.0f : (static_cast<float>(edge) + 0.5f) / fade;
    (*track)[at] += part[i] * gain;
  }
}

}  // namespace lightavseg
