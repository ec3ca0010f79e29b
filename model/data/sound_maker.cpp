// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/sound_maker.h"

#include <algorithm>
#include <cmath>

namespace lightavseg {
namespace {

bool contains(const std::vector<int>& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

int draw_item(Random& random, const std::vector<int>& list) {
  return list[static_cast<std::size_t>(random.below(static_cast<int>(list.size())))];
}

}  // namespace

SoundMaker::SoundMaker(const Material& material, const SceneOptions& options)
    : material_(material), options_(options) {
  const int count = material.taxonomy().class_count();
  subclasses_.resize(static_cast<std::size_t>(count) + 1);
  for (std::size_t i = 0; i < material.sounds().size(); ++i) {
    const SoundClip& clip = material.sounds()[i];
    const int index = static_cast<int>(i);
    if (clip.cls == 0) {
      (clip.music ? music_ : noises_).push_back(index);
    } else {
      subclasses_[static_cast<std::size_t>(clip.cls)][clip.subclass].push_back(index);
    }
  }
  for (int cls = 1; cls <= count; ++cls) {
    if (material.audible(cls)) audible_.push_back(cls);
  }
}

SoundKind SoundMaker::draw_kind(Random& random) const {
  static constexpr SoundKind kKinds[] = {SoundKind::kOneVisible, SoundKind::kTwoVisible,
                                         SoundKind::kAbsent, SoundKind::kOther,
                                         SoundKind::kSilence};
  const int index = random.pick({options_.one_visible, options_.two_visible, options_.absent,
                                 options_.other, options_.silence});
  return kKinds[index];
}

int SoundMaker::draw_class(Random& random, const std::vector<int>& candidates) const {
  std::vector<double> weights;
  weights.reserve(candidates.size());
  for (const int cls : candidates) {
    weights.push_back(std::sqrt(static_cast<double>(material_.sounds_of(cls).size())));
  }
  const int index = random.pick(weights);
  return index < 0 ? -1 : candidates[static_cast<std::size_t>(index)];
}

// Visible classes whose sound can have no other source in the picture: with a car and a bus in it,
// an engine may be either's.
std::vector<int> SoundMaker::visible_and_alone(const Canvas& canvas) const {
  const int min_pixels = static_cast<int>(options_.min_visible * options_.size * options_.size);
  const std::vector<int> seen = classes_that_may_be_seen(canvas);
  std::vector<int> out;
  for (const int cls : visible_classes(canvas, std::max(1, min_pixels))) {
    const bool doubtful = std::any_of(seen.begin(), seen.end(), [&](int other) {
      return other != cls && material_.taxonomy().may_sound_like(other, cls);
    });
    if (material_.audible(cls) && !doubtful) out.push_back(cls);
  }
  return out;
}

std::vector<int> SoundMaker::absent_classes(const Canvas& canvas) const {
  const std::vector<int> seen = classes_that_may_be_seen(canvas);
  std::vector<int> out;
  for (const int cls : audible_) {
    const bool possible = std::any_of(seen.begin(), seen.end(), [&](int other) {
      return material_.taxonomy().may_sound_like(other, cls);
    });
    if (!possible) out.push_back(cls);
  }
  return out;
}

int SoundMaker::draw_absent(Random& random, const Canvas& canvas) const {
  const std::vector<int> absent = absent_classes(canvas);
  if (random.chance(options_.confusable)) {
    std::vector<int> confusable;
    for (const int seen : visible_classes(canvas, 1)) {
      for (const int cls : material_.taxonomy().confusable_with(seen)) {
        if (contains(absent, cls) && !contains(confusable, cls)) confusable.push_back(cls);
      }
    }
    if (!confusable.empty()) return draw_class(random, confusable);
  }
  return draw_class(random, absent);
}

SoundPlan SoundMaker::plan_other(Random& random, const Canvas& canvas) const {
  SoundPlan plan;
  plan.kind = SoundKind::kOther;
  const std::vector<int> seen = classes_that_may_be_seen(canvas);
  const int person = material_.taxonomy().find("person");
  const bool instrument = std::any_of(
      seen.begin(), seen.end(), [&](int cls) { return material_.taxonomy().is_instrument(cls); });
  const double draw = random.uniform();
  if (draw < 0.4 && person > 0 && material_.audible(person) && !contains(seen, person)) {
    plan.sounding = {person};
  } else if (draw < 0.65 && !instrument && !contains(seen, person) && !music_.empty()) {
    plan.music = true;
  }
  return plan;
}

SoundPlan SoundMaker::plan(Random& random, SoundKind wanted, const Canvas& canvas) const {
  SoundPlan plan;
  plan.kind = wanted;
  if (wanted == SoundKind::kOther) return plan_other(random, canvas);
  if (wanted == SoundKind::kSilence) return plan;
  std::vector<int> candidates = visible_and_alone(canvas);
  if (wanted == SoundKind::kTwoVisible && candidates.size() < 2) {
    plan.kind = SoundKind::kOneVisible;
  }
  if (plan.kind == SoundKind::kOneVisible && candidates.empty()) plan.kind = SoundKind::kAbsent;

  if (plan.kind == SoundKind::kAbsent) {
    const int cls = draw_absent(random, canvas);
    if (cls < 0) return {};
    plan.sounding = {cls};
    return plan;
  }
  const int count = plan.kind == SoundKind::kTwoVisible ? 2 : 1;
  for (int i = 0; i < count; ++i) {
    const int cls = draw_item(random, candidates);
    plan.sounding.push_back(cls);
    candidates.erase(std::find(candidates.begin(), candidates.end(), cls));
  }
  if (count == 1 && random.chance(options_.absent_beside)) {
    plan.quieter = draw_absent(random, canvas);
    if (plan.quieter > 0) plan.sounding.push_back(plan.quieter);
  }
  std::sort(plan.sounding.begin(), plan.sounding.end());
  return plan;
}

std::vector<float> SoundMaker::clip_window(Random& random, int clip) const {
  return cut_window(random, options_.sound, material_.sounds()[static_cast<std::size_t>(clip)],
                    material_.sound(clip));
}

std::vector<float> SoundMaker::noise(Random& random) const {
  if (noises_.empty() || random.chance(0.25)) return synthetic_noise(random);
  return clip_window(random, draw_item(random, noises_));
}

std::vector<float> SoundMaker::one_sound(Random& random, int cls,
                                         const std::string& subclass) const {
  std::vector<float> out;
  if (cls == 0) {
    out = noise(random);
  } else {
    const auto& lists = subclasses_[static_cast<std::size_t>(cls)];
    const auto same = lists.find(subclass);
    if (!subclass.empty() && same != lists.end() && random.chance(0.7)) {
      out = clip_window(random, draw_item(random, same->second));
    } else {
      std::vector<double> weights;
      for (const auto& [name, clips] : lists) {
        weights.push_back(std::sqrt(static_cast<double>(clips.size())));
      }
      auto list = lists.begin();
      std::advance(list, random.pick(weights));
      out = clip_window(random, draw_item(random, list->second));
    }
  }
  shape_sound(random, options_.sound, &out);
  return out;
}

void SoundMaker::finish(Random& random, bool background, std::vector<float>* samples) const {
  const SoundAugmentOptions& how = options_.sound;
  if (background && random.chance(how.background)) {
    std::vector<float> below = noise(random);
    const double snr_db = random.uniform(how.min_snr_db, how.max_snr_db);
    const double level = rms(below);
    if (level > 0) add_sound(below, rms(*samples) / level * from_db(-snr_db), samples);
  }
  set_level(random.uniform(how.min_level_db, how.max_level_db), samples);
  avoid_clipping(samples);
}

std::vector<float> SoundMaker::render(Random& random, const SoundPlan& plan,
                                      const Canvas& canvas) const {
  std::vector<float> mix(kSceneSamples, 0.0f);
  if (plan.kind == SoundKind::kSilence) {
    if (random.chance(0.4)) return mix;
    const double level_db = random.uniform(-80, -55);
    mix = random.chance(0.5) ? synthetic_noise(random) : noise(random);
    set_level(level_db, &mix);
    return mix;
  }
  if (plan.sounding.empty()) {
    mix = plan.music ? clip_window(random, draw_item(random, music_)) : noise(random);
    shape_sound(random, options_.sound, &mix);
    finish(random, false, &mix);
    return mix;
  }
  for (const int cls : plan.sounding) {
    std::vector<std::string> subclasses = {""};
    for (const auto& [object, name] : canvas.objects) {
      if (object == cls) subclasses.push_back(name);
    }
    std::vector<float> sound = one_sound(random, cls, subclasses.back());
    const double level = rms(sound);
    const double gain_db = cls == plan.quieter ? random.uniform(-14, -5) : random.uniform(-4, 4);
    if (level > 0) add_sound(sound, from_db(gain_db) / level, &mix);
  }
  finish(random, true, &mix);
  return mix;
}

}  // namespace lightavseg
