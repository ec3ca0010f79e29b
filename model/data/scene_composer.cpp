// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/scene_composer.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "model/data/canvas.h"
#include "model/data/picture_maker.h"
#include "model/data/sound_maker.h"

namespace lightavseg {
namespace {

// Streams of random numbers; what one part draws must not shift another part's draws.
enum Stream : std::uint64_t {
  kKinds = 1,
  kPictures,
  kQuality,
  kPlans,
  kSounds,
  kVisual,
  kAudio,
};

void check(const SceneOptions& options) {
  const auto fail = [](const std::string& what) { throw SceneError("scene options: " + what); };
  if (options.size < 16 || options.size > 2048) {
    fail(fmt::format("size is {}, it must be 16 to 2048 pixels", options.size));
  }
  const std::pair<const char*, double> shares[] = {
      {"photograph", options.photograph},
      {"plain_photograph", options.plain_photograph},
      {"pool", options.pool},
      {"on_photograph", options.on_photograph},
      {"side_by_side", options.side_by_side},
      {"flat_background", options.flat_background},
      {"base_is_person", options.base_is_person},
      {"held", options.held},
      {"two_objects", options.two_objects},
      {"three_objects", options.three_objects},
      {"from_cutout", options.from_cutout},
      {"distractor", options.distractor},
      {"squeezed", options.squeezed},
      {"min_visible", options.min_visible},
      {"confusable", options.confusable},
      {"absent_beside", options.absent_beside},
      {"two_sounds", options.two_sounds},
      {"only_noise", options.only_noise},
      {"on_photograph + side_by_side", options.on_photograph + options.side_by_side},
      {"two_objects + three_objects", options.two_objects + options.three_objects},
      {"two_sounds + only_noise", options.two_sounds + options.only_noise},
  };
  for (const auto& [name, value] : shares) {
    if (!(value >= 0 && value <= 1)) {
      fail(fmt::format("{} is {}, it must be from 0 to 1", name, value));
    }
  }
  if (!(options.object_scale >= 0.5 && options.object_scale <= 2)) {
    fail(fmt::format("object_scale is {}, it must be from 0.5 to 2", options.object_scale));
  }
  const double weights[] = {options.one_visible, options.two_visible, options.absent, options.other,
                            options.silence};
  double sum = 0;
  for (const double weight : weights) {
    if (!(weight >= 0)) fail("the weights of what sounds must not be negative");
    sum += weight;
  }
  if (!(sum > 0)) fail("one of the weights of what sounds must be above zero");
  const CropOptions& crop = options.crop;
  if (!(crop.min_area > 0 && crop.min_area <= crop.max_area && crop.max_area <= 1)) {
    fail("crop areas must be 0 < min_area <= max_area <= 1");
  }
  if (!(crop.min_aspect > 0 && crop.min_aspect <= crop.max_aspect)) {
    fail("crop aspects must be 0 < min_aspect <= max_aspect");
  }
}

// Whoever collected a photograph of the pool knew what it shows, even where its pixels have no
// label.
void add_promised(const MadePicture& made, std::vector<int>* classes) {
  if (!made.from_pool || made.canvas.objects.empty()) return;
  const int promised = made.canvas.objects.front().first;
  const auto place = std::lower_bound(classes->begin(), classes->end(), promised);
  if (place == classes->end() || *place != promised) classes->insert(place, promised);
}

// Leaves a part of the picture that is wider than high, the fullest of a few, and makes it square.
void squeeze(Random& random, MadePicture* made) {
  cv::Mat &rgb = made->canvas.rgb, &labels = made->canvas.labels;
  const int height = cvRound(rgb.rows / random.uniform(1.2, 1.8));
  cv::Rect part;
  int most = -1;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const cv::Rect box(0, random.below(rgb.rows - height + 1), rgb.cols, height);
    const int labelled = cv::countNonZero(labels(box));
    if (labelled > most) most = labelled, part = box;
  }
  cv::Mat picture, classes;
  cv::resize(rgb(part), picture, rgb.size(), 0, 0, cv::INTER_LINEAR);
  cv::resize(labels(part), classes, labels.size(), 0, 0, cv::INTER_NEAREST);
  rgb = picture;
  labels = classes;
  // Teachers that looked at the photograph once see it in its own shape.
  made->photo_id.clear();
  made->scene_to_photo = {1, 0, 0, 0, 1, 0};
}

}  // namespace

const char* to_string(SoundKind kind) {
  switch (kind) {
    case SoundKind::kOneVisible:
      return "one visible";
    case SoundKind::kTwoVisible:
      return "two visible";
    case SoundKind::kAbsent:
      return "absent";
    case SoundKind::kOther:
      return "other";
    case SoundKind::kSilence:
      return "silence";
  }
  return "unknown";
}

struct SceneComposer::State {
  State(const Material& files, const SceneOptions& how)
      : material(files), options(how), pictures(files, options), sounds(files, options) {}

  struct Base {
    MadePicture made;
    cv::Mat image;  // with colours and quality changed
  };

  Base picture(std::uint64_t seed, std::uint64_t index, bool several) const {
    Base base;
    Random random(seed, index, kPictures);
    base.made = pictures.make(random, several);
    // Draws nothing without: scenes of a seed stay what they were.
    if (options.squeezed > 0 && random.chance(options.squeezed)) squeeze(random, &base.made);
    base.image = base.made.canvas.rgb.clone();
    Random quality(seed, index, kQuality);
    degrade_image(quality, options.image, &base.image);
    return base;
  }

  Scene scene(const Base& base, const SoundPlan& plan, std::uint64_t seed,
              std::uint64_t index) const {
    const Canvas& canvas = base.made.canvas;
    Scene scene;
    scene.image = base.image;
    scene.mask = sounding_mask(canvas, plan.sounding);
    scene.labels = plain_labels(canvas.labels);
    Random random(seed, index, kSounds);
    scene.audio = sounds.render(random, plan, canvas);
    const int area = options.size * options.size;
    scene.visible =
        visible_classes(canvas, std::max(1, static_cast<int>(options.min_visible * area)));
    add_promised(base.made, &scene.visible);
    scene.sounding = plan.sounding;
    scene.kind = plan.kind;
    scene.photo_id = base.made.photo_id;
    scene.scene_to_photo = base.made.scene_to_photo;
    scene.plain_background = base.made.plain_background;
    return scene;
  }

  // The second scene of a pair needs another set of sounding classes.
  SoundPlan other_plan(Random& random, SoundKind wanted, const SoundPlan& first,
                       const Canvas& canvas) const {
    for (int attempt = 0; attempt < 6; ++attempt) {
      SoundPlan plan = sounds.plan(random, wanted, canvas);
      if (plan.sounding != first.sounding) return plan;
    }
    const SoundPlan plan = sounds.plan(random, SoundKind::kAbsent, canvas);
    return plan.sounding != first.sounding ? plan : SoundPlan{};
  }

  const Material& material;
  const SceneOptions options;
  PictureMaker pictures;
  SoundMaker sounds;
};

SceneComposer::SceneComposer(const Material& material, const SceneOptions& options) {
  check(options);
  state_ = std::make_unique<State>(material, options);
}

SceneComposer::~SceneComposer() = default;

const SceneOptions& SceneComposer::options() const {
  return state_->options;
}

Scene SceneComposer::compose(std::uint64_t seed, std::uint64_t index) const {
  if (state_->options.pairs) {
    auto [even, odd] = compose_pair(seed, index / 2);
    return index % 2 == 0 ? std::move(even) : std::move(odd);
  }
  Random kinds(seed, index, kKinds);
  const SoundKind wanted = state_->sounds.draw_kind(kinds);
  const auto base = state_->picture(seed, index, wanted == SoundKind::kTwoVisible);
  Random plans(seed, index, kPlans);
  const SoundPlan plan = state_->sounds.plan(plans, wanted, base.made.canvas);
  return state_->scene(base, plan, seed, index);
}

std::pair<Scene, Scene> SceneComposer::compose_pair(std::uint64_t seed, std::uint64_t k) const {
  const SoundMaker& sounds = state_->sounds;
  Random kinds(seed, 2 * k, kKinds);
  const SoundKind first_kind = sounds.draw_kind(kinds);
  const SoundKind second_kind = sounds.draw_kind(kinds);
  // Two single sounds make a swap, the best pair of all, if two objects are there.
  const bool swap =
      first_kind == SoundKind::kOneVisible && second_kind == first_kind && kinds.chance(0.6);
  const bool several =
      swap || first_kind == SoundKind::kTwoVisible || second_kind == SoundKind::kTwoVisible;
  const auto base = state_->picture(seed, 2 * k, several);
  Random plans(seed, 2 * k, kPlans);
  const SoundPlan first = sounds.plan(plans, first_kind, base.made.canvas);
  const SoundPlan second = state_->other_plan(plans, second_kind, first, base.made.canvas);
  return {state_->scene(base, first, seed, 2 * k), state_->scene(base, second, seed, 2 * k + 1)};
}

VisualScene SceneComposer::compose_visual(std::uint64_t seed, std::uint64_t index) const {
  Random random(seed, index, kVisual);
  const int source = random.below(3);
  MadePicture made = source == 0   ? state_->pictures.photograph(random)
                     : source == 1 ? state_->pictures.pool_photograph(random)
                                   : state_->pictures.composite(random, false);
  VisualScene scene;
  scene.image = made.canvas.rgb;
  degrade_image(random, state_->options.image, &scene.image);
  scene.labels = plain_labels(made.canvas.labels);
  const int area = state_->options.size * state_->options.size;
  scene.image_classes = visible_classes(
      made.canvas, std::max(1, static_cast<int>(state_->options.min_visible * area)));
  add_promised(made, &scene.image_classes);
  scene.photo_id = made.photo_id;
  scene.scene_to_photo = made.scene_to_photo;
  return scene;
}

AudioScene SceneComposer::compose_audio(std::uint64_t seed, std::uint64_t index) const {
  const SoundMaker& sounds = state_->sounds;
  Random random(seed, index, kAudio);
  SoundPlan plan;
  plan.kind = SoundKind::kOther;
  const double two = state_->options.two_sounds, none = state_->options.only_noise;
  static constexpr int kCounts[] = {1, 2, 0};
  const int count = kCounts[std::max(0, random.pick({1 - two - none, two, none}))];
  std::vector<int> candidates = sounds.audible_classes();
  for (int i = 0; i < count && !candidates.empty(); ++i) {
    const int cls = sounds.draw_class(random, candidates);
    plan.sounding.push_back(cls);
    // Whether a sheep or a goat calls cannot be heard reliably: such pairs are not mixed.
    candidates.erase(std::remove_if(candidates.begin(), candidates.end(),
                                    [&](int other) {
                                      const Taxonomy& taxonomy = state_->material.taxonomy();
                                      return taxonomy.may_sound_like(other, cls) ||
                                             taxonomy.may_sound_like(cls, other);
                                    }),
                     candidates.end());
  }
  std::sort(plan.sounding.begin(), plan.sounding.end());
  AudioScene scene;
  scene.audio = sounds.render(random, plan, {});
  scene.targets.assign(static_cast<std::size_t>(state_->material.taxonomy().class_count()) + 1,
                       0.0f);
  for (const int cls : plan.sounding) scene.targets[static_cast<std::size_t>(cls)] = 1.0f;
  return scene;
}

}  // namespace lightavseg
