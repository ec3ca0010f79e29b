// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/evaluation_scenes.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "model/data/canvas.h"
#include "model/data/picture_maker.h"
#include "model/data/sound_maker.h"

namespace lightavseg {
namespace {

constexpr double kLevelDb = -20;
constexpr double kNoiseDb = -70;

constexpr std::pair<EvaluationKind, const char*> kNames[] = {
    {EvaluationKind::kSingle, "single"},       {EvaluationKind::kMulti, "multi"},
    {EvaluationKind::kSwap, "swap"},           {EvaluationKind::kSilence, "silence"},
    {EvaluationKind::kOffscreen, "offscreen"},
};

SceneOptions scene_options(const EvaluationOptions& evaluation) {
  SceneOptions options;
  options.size = evaluation.size;
  options.min_visible = evaluation.min_visible;
  options.flat_background = 0;
  options.distractor = 0;
  options.two_objects = 0.6;
  options.three_objects = 0.4;
  options.confusable = 0;
  options.absent_beside = 0;
  return options;
}

}  // namespace

const char* to_string(EvaluationKind kind) {
  for (const auto& [value, name] : kNames) {
    if (value == kind) return name;
  }
  return "unknown";
}

EvaluationKind evaluation_kind(const std::string& name) {
  for (const auto& [value, text] : kNames) {
    if (name == text) return value;
  }
  throw SceneError(fmt::format(
      "'{}' is no kind of test scene; there are single, multi, swap, silence and offscreen", name));
}

struct EvaluationScenes::State {
  State(const Material& files, const EvaluationOptions& how)
      : material(files),
        seed(how.seed),
        options(scene_options(how)),
        pictures(files, options),
        sounds(files, options) {
    std::vector<std::pair<std::uint64_t, int>> order;
    for (std::size_t i = 0; i < files.photos().size(); ++i) {
      const Photo& photo = files.photos()[i];
      const int index = static_cast<int>(i);
      if (!files.audible(photo.cls)) continue;
      const Canvas canvas = whole_photo(index).canvas;
      if (classes_that_may_be_seen(canvas) != std::vector<int>{photo.cls}) continue;
      if (visible_classes(canvas, 1).empty()) continue;
      order.emplace_back(mix_bits(hash_text(photo.id) + seed), index);
    }
    std::sort(order.begin(), order.end());
    for (const auto& entry : order) single.push_back(entry.second);
  }

  MadePicture whole_photo(int index) const {
    const Photo& photo = material.photos()[static_cast<std::size_t>(index)];
    const Picture& picture = material.photo(index);
    const cv::Size size(options.size, options.size);
    const Crop all{cv::Rect({}, picture.rgb.size()), false};
    MadePicture made;
    made.canvas.rgb = crop_image(picture.rgb, all, size);
    made.canvas.labels = crop_labels(picture.labels, all, size);
    made.canvas.may_show = picture.may_show;
    made.canvas.objects.push_back({photo.cls, ""});
    made.photo_id = photo.id;
    made.scene_to_photo = scene_to_file(all, size, picture.file_scale_x, picture.file_scale_y);
    made.plain_background = photo.plain_background;
    return made;
  }

  MadePicture single_photo(int index) const {
    if (single.empty()) {
      throw SceneError(
          "this split has no photograph with one known object of a class that has sounds");
    }
    return whole_photo(single[static_cast<std::size_t>(index) % single.size()]);
  }

  // A composite of which two classes can be told apart by ear, and those two.
  std::pair<MadePicture, std::vector<int>> composite(Random& random) const {
    for (int attempt = 0; attempt < 40; ++attempt) {
      MadePicture made = pictures.on_background(random, true);
      const SoundPlan plan = sounds.plan(random, SoundKind::kTwoVisible, made.canvas);
      if (plan.kind == SoundKind::kTwoVisible) return {std::move(made), plan.sounding};
    }
    throw SceneError(
        "this split allows no picture of two objects of different classes that have sounds");
  }

  std::vector<float> mix(Random& random, const std::vector<int>& classes) const {
    std::vector<float> out(kSceneSamples, 0.0f);
    for (const int cls : classes) {
      const auto& clips = material.sounds_of(cls);
      const int clip =
          clips[static_cast<std::size_t>(random.below(static_cast<int>(clips.size())))];
      std::vector<float> sound =
          clearest_window(material.sounds()[static_cast<std::size_t>(clip)], material.sound(clip));
      set_level(kLevelDb, &sound);
      add_sound(sound, 1, &out);
    }
    set_level(kLevelDb, &out);
    avoid_clipping(&out);
    return out;
  }

  Scene finish(const MadePicture& made, SoundKind kind, std::vector<int> sounding,
               std::vector<float> audio) const {
    Scene scene;
    scene.image = made.canvas.rgb;
    scene.mask = sounding_mask(made.canvas, sounding);
    scene.labels = plain_labels(made.canvas.labels);
    scene.audio = std::move(audio);
    scene.visible = visible_classes(made.canvas, 1);
    scene.sounding = std::move(sounding);
    scene.kind = kind;
    scene.photo_id = made.photo_id;
    scene.scene_to_photo = made.scene_to_photo;
    scene.plain_background = made.plain_background;
    return scene;
  }

  Scene silence(Random& random, const MadePicture& made, int index) const {
    std::vector<float> audio(kSceneSamples, 0.0f);
    if (index % 4 >= 2) {
      audio = synthetic_noise(random);
      set_level(kNoiseDb, &audio);
    }
    return finish(made, SoundKind::kSilence, {}, std::move(audio));
  }

  Scene offscreen(Random& random, const MadePicture& made) const {
    const SoundPlan plan = sounds.plan(random, SoundKind::kAbsent, made.canvas);
    if (plan.sounding.empty()) {
      throw SceneError("this split has no sound of a class that is not in the picture");
    }
    return finish(made, SoundKind::kAbsent, plan.sounding, mix(random, plan.sounding));
  }

  const Material& material;
  const std::uint64_t seed;
  const SceneOptions options;
  PictureMaker pictures;
  SoundMaker sounds;
  std::vector<int> single;
};

EvaluationScenes::EvaluationScenes(const Material& material, const EvaluationOptions& options) {
  if (options.size < 16 || options.size > 2048) {
    throw SceneError(
        fmt::format("evaluation scenes: size is {}, it must be 16 to 2048 pixels", options.size));
  }
  if (!(options.min_visible >= 0 && options.min_visible < 1)) {
    throw SceneError("evaluation scenes: min_visible must be at least 0 and below 1");
  }
  state_ = std::make_unique<State>(material, options);
}

EvaluationScenes::~EvaluationScenes() = default;

int EvaluationScenes::single_photographs() const {
  return static_cast<int>(state_->single.size());
}

Scene EvaluationScenes::scene(EvaluationKind kind, int index) const {
  if (index < 0) throw SceneError("evaluation scenes: the index must not be negative");
  const auto stream = static_cast<std::uint64_t>(kind);
  // Both scenes of a swap pair draw the same numbers.
  const int base = kind == EvaluationKind::kSwap ? index / 2 : index;
  Random random(state_->seed, static_cast<std::uint64_t>(base), stream);
  switch (kind) {
    case EvaluationKind::kSingle: {
      const MadePicture made = state_->single_photo(index);
      const std::vector<int> sounding = {made.canvas.objects.front().first};
      return state_->finish(made, SoundKind::kOneVisible, sounding, state_->mix(random, sounding));
    }
    case EvaluationKind::kMulti: {
      auto [made, classes] = state_->composite(random);
      const bool both = index % 2 == 1;
      if (!both) classes = {classes[static_cast<std::size_t>(random.below(2))]};
      return state_->finish(made, both ? SoundKind::kTwoVisible : SoundKind::kOneVisible, classes,
                            state_->mix(random, classes));
    }
    case EvaluationKind::kSwap: {
      const auto [made, classes] = state_->composite(random);
      const std::vector<int> first = {classes[0]}, second = {classes[1]};
      std::vector<float> first_sound = state_->mix(random, first);
      std::vector<float> second_sound = state_->mix(random, second);
      return index % 2 == 0
                 ? state_->finish(made, SoundKind::kOneVisible, first, std::move(first_sound))
                 : state_->finish(made, SoundKind::kOneVisible, second, std::move(second_sound));
    }
    case EvaluationKind::kSilence:
    case EvaluationKind::kOffscreen: {
      const MadePicture made =
          index % 2 == 0 ? state_->single_photo(index / 2) : state_->composite(random).first;
      return kind == EvaluationKind::kSilence ? state_->silence(random, made, index)
                                              : state_->offscreen(random, made);
    }
  }
  throw SceneError("evaluation scenes: unknown kind");
}

std::vector<Scene> EvaluationScenes::scenes(EvaluationKind kind, int count) const {
  std::vector<Scene> out;
  out.reserve(static_cast<std::size_t>(std::max(0, count)));
  for (int i = 0; i < count; ++i) out.push_back(scene(kind, i));
  return out;
}

}  // namespace lightavseg
