// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/clip_composer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "model/data/augment.h"
#include "model/data/clip_maker.h"

namespace lightavseg {
namespace {

constexpr std::pair<ClipSound, const char*> kNames[] = {{ClipSound::kFirst, "first"},
                                                        {ClipSound::kSecond, "second"},
                                                        {ClipSound::kBoth, "both"},
                                                        {ClipSound::kSilence, "silence"},
                                                        {ClipSound::kAbsent, "absent"}};

void check(const ClipOptions& options) {
  for (const int side : {options.size.width, options.size.height}) {
    if (side < 32 || side > 4096) {
      throw ClipError(fmt::format("clip size {} x {}: each side must be 32 to 4096 pixels",
                                  options.size.width, options.size.height));
    }
  }
  if (options.objects < 1 || options.objects > 2) {
    throw ClipError(fmt::format("a clip has 1 or 2 objects, not {}", options.objects));
  }
  if (options.wanted_objects.size() > static_cast<std::size_t>(options.objects)) {
    throw ClipError(fmt::format("{} objects are named for a clip of {}",
                                options.wanted_objects.size(), options.objects));
  }
  if (options.parts.empty()) throw ClipError("a clip needs at least one section");
  for (const ClipPart& part : options.parts) {
    if (!(part.seconds >= 0.2 && part.seconds <= 600)) {
      throw ClipError(fmt::format("a section of {} s; 0.2 to 600 s are possible", part.seconds));
    }
    const bool second = part.sound == ClipSound::kSecond || part.sound == ClipSound::kBoth;
    if (second && options.objects < 2) {
      throw ClipError(fmt::format("a section '{}' needs two objects", to_string(part.sound)));
    }
  }
}

}  // namespace

const char* to_string(ClipSound sound) {
  for (const auto& [value, name] : kNames) {
    if (value == sound) return name;
  }
  return "unknown";
}

ClipSound clip_sound(const std::string& name) {
  for (const auto& [value, text] : kNames) {
    if (name == text) return value;
  }
  throw ClipError(fmt::format(
      "'{}' is no kind of section; there are first, second, both, silence and absent", name));
}

struct Clip::State {
  cv::Size size;
  Canvas ground;  // larger than the picture by the camera's way on every side
  Wander camera;
  std::vector<Layer> layers;
  std::vector<ClipObject> objects;
  std::vector<ClipSection> sections;
  std::string background_id;
  std::vector<float> audio;
};

const std::vector<ClipObject>& Clip::objects() const {
  return state_->objects;
}
const std::vector<ClipSection>& Clip::sections() const {
  return state_->sections;
}
const std::string& Clip::background_id() const {
  return state_->background_id;
}
cv::Size Clip::size() const {
  return state_->size;
}
double Clip::seconds() const {
  return state_->sections.back().end_s;
}
const std::vector<float>& Clip::audio() const {
  return state_->audio;
}

std::vector<int> Clip::sounding(double time_s) const {
  for (const ClipSection& section : state_->sections) {
    if (time_s >= section.start_s && time_s < section.end_s) return section.classes;
  }
  return {};
}

Canvas Clip::picture(double time_s) const {
  const State& s = *state_;
  const cv::Point2d margin((s.ground.rgb.cols - s.size.width) / 2.0,
                           (s.ground.rgb.rows - s.size.height) / 2.0);
  const cv::Point2d way = s.camera.at(time_s);
  const cv::Matx23d move(1, 0, -margin.x - way.x, 0, 1, -margin.y - way.y);
  Canvas canvas;
  cv::warpAffine(s.ground.rgb, canvas.rgb, move, s.size, cv::INTER_LINEAR, cv::BORDER_REPLICATE);
  cv::warpAffine(s.ground.labels, canvas.labels, move, s.size, cv::INTER_NEAREST,
                 cv::BORDER_REPLICATE);
  canvas.may_show = s.ground.may_show;
  canvas.objects = s.ground.objects;
  for (std::size_t i = 0; i < s.layers.size(); ++i) {
    draw_layer(s.layers[i], time_s, s.objects[i].cls, &canvas);
    canvas.objects.push_back({s.objects[i].cls, s.objects[i].subclass});
  }
  return canvas;
}

Clip ClipComposer::compose(const ClipOptions& options, std::uint64_t seed,
                           std::uint64_t index) const {
  check(options);
  ClipMaker maker(material_, options, Random(seed, index, 7));
  auto state = std::make_shared<Clip::State>();
  state->size = options.size;
  ClipObject photographed;
  state->ground = maker.ground(&state->background_id, &photographed);
  state->camera = maker.camera();
  if (photographed.cls > 0) {
    state->objects = {photographed};
  } else {
    auto objects = maker.draw_objects();
    for (std::size_t i = 0; i < objects.size(); ++i) {
      state->layers.push_back(
          maker.place(objects[i].second, static_cast<int>(i), static_cast<int>(objects.size())));
      state->objects.push_back(std::move(objects[i].first));
    }
  }
  std::vector<int> seen = classes_that_may_be_seen(state->ground);
  for (const ClipObject& object : state->objects) seen.push_back(object.cls);
  double seconds = 0;
  for (const ClipPart& part : options.parts) seconds += part.seconds;
  state->audio.assign(static_cast<std::size_t>(std::lround(seconds * kSceneSampleRate)), 0.0f);
  double start = 0;
  for (const ClipPart& part : options.parts) {
    state->sections.push_back(maker.section(part, start, state->objects, seen, &state->audio));
    start = state->sections.back().end_s;
  }
  maker.check_wanted_sounds();
  return Clip(state);
}

}  // namespace lightavseg
