// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/clip_maker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/data/augment.h"
#include "model/data/clip_soundtrack.h"

namespace lightavseg {
namespace {

constexpr double kMargin = 0.04;   // of the picture's side: how far the camera moves
constexpr std::size_t kTakes = 4;  // recordings of a class in one section, if they are drawn
constexpr double kLevelDb = -20;

bool contains(const std::vector<int>& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

int draw_item(Random& random, const std::vector<int>& list) {
  return list[static_cast<std::size_t>(random.below(static_cast<int>(list.size())))];
}

// The one item whose id ends as wanted.
template <typename Items>
int find_item(const Items& items, const std::string& wanted, const char* kind) {
  int found = -1;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!ends_with(items[i].id, wanted)) continue;
    if (found >= 0) {
      throw ClipError(fmt::format("the {} '{}' may be {} or {}; give more of its path", kind,
                                  wanted, items[static_cast<std::size_t>(found)].id, items[i].id));
    }
    found = static_cast<int>(i);
  }
  return found;
}

}  // namespace

cv::Size ClipMaker::ground_size() const {
  const auto grown = [](int side) { return side + 2 * static_cast<int>(kMargin * side + 1); };
  return {grown(options_.size.width), grown(options_.size.height)};
}

Wander ClipMaker::camera() {
  return {cv::Point2d(kMargin * options_.size.width * 0.9, kMargin * options_.size.height * 0.9),
          random_.uniform(12, 18), random_.uniform(9, 14), random_.uniform(), random_.uniform()};
}

// A photograph of one audible object and nothing else that could sound.
bool ClipMaker::drawn_photograph(Canvas* canvas, ClipObject* photographed) {
  int wanted = 0;
  if (!options_.wanted_objects.empty()) {
    wanted = material_.taxonomy().find(options_.wanted_objects[0]);
    if (wanted <= 0) return false;
  }
  std::vector<int> candidates;
  for (std::size_t i = 0; i < material_.photos().size(); ++i) {
    const int cls = material_.photos()[i].cls;
    if (material_.audible(cls) && (wanted == 0 || cls == wanted)) {
      candidates.push_back(static_cast<int>(i));
    }
  }
  for (int attempt = 0; attempt < 40 && !candidates.empty(); ++attempt) {
    const int index = draw_item(random_, candidates);
    const Photo& photo = material_.photos()[static_cast<std::size_t>(index)];
    const Picture& picture = material_.photo(index);
    const Crop all{cv::Rect({}, picture.rgb.size()), false};
    canvas->rgb = crop_image(picture.rgb, all, ground_size());
    canvas->labels = crop_labels(picture.labels, all, ground_size());
    canvas->may_show = picture.may_show;
    canvas->objects = {{photo.cls, ""}};
    if (classes_that_may_be_seen(*canvas) != std::vector<int>{photo.cls} ||
        visible_classes(*canvas, options_.size.area() / 100).empty()) {
      continue;
    }
    *photographed = {photo.cls, photo.id, ""};
    return true;
  }
  return false;
}

Canvas ClipMaker::ground(std::string* id, ClipObject* photographed) {
  Canvas canvas;
  if (options_.objects == 1 && random_.chance(options_.photograph) &&
      drawn_photograph(&canvas, photographed)) {
    return canvas;
  }
  canvas = {};
  std::vector<int> candidates;
  if (!options_.wanted_background.empty()) {
    const int index = find_item(material_.backdrops(), options_.wanted_background, "background");
    if (index < 0) {
      throw ClipError(fmt::format("the split '{}' has no background whose file name ends with '{}'",
                                  material_.options().split, options_.wanted_background));
    }
    candidates = {index};
  } else {
    // Of photographs of a pool nobody knows for certain what they show.
    for (std::size_t i = 0; i < material_.backdrops().size(); ++i) {
      if (material_.backdrops()[i].pool < 0) candidates.push_back(static_cast<int>(i));
    }
  }
  const cv::Size size = ground_size();
  if (candidates.empty()) {
    canvas.rgb = cv::Mat(size, CV_8UC3, cv::Scalar(random_.below(200), random_.below(200), 120));
    canvas.labels = cv::Mat::zeros(size, CV_8U);
    return canvas;
  }
  const int index = draw_item(random_, candidates);
  const Picture& picture = material_.backdrop(index);
  // The largest part of the right shape; the lower one, for things to stand on.
  const double aspect = static_cast<double>(size.width) / size.height;
  const cv::Size whole = picture.rgb.size();
  const int width = std::clamp(static_cast<int>(whole.height * aspect), 1, whole.width);
  const int height = std::clamp(static_cast<int>(width / aspect), 1, whole.height);
  const Crop crop{cv::Rect((whole.width - width) / 2, whole.height - height, width, height), false};
  canvas.rgb = crop_image(picture.rgb, crop, size);
  canvas.labels = crop_labels(picture.labels, crop, size);
  canvas.may_show = picture.may_show;
  *id = material_.backdrops()[static_cast<std::size_t>(index)].id;
  return canvas;
}

bool ClipMaker::goes_with(int cls, const std::vector<int>& others, bool clear) const {
  const Taxonomy& taxonomy = material_.taxonomy();
  return std::none_of(others.begin(), others.end(), [&](int other) {
    return other == cls || taxonomy.may_sound_like(other, cls) ||
           taxonomy.may_sound_like(cls, other) ||
           (clear && contains(taxonomy.confusable_with(other), cls));
  });
}

int ClipMaker::draw_class(const std::vector<int>& beside) {
  for (const bool clear : {true, false}) {
    std::vector<double> weights;
    for (int cls = 0; cls <= material_.taxonomy().visible_count(); ++cls) {
      const double pictures = cls == 0 ? 0.0
                                       : static_cast<double>(material_.photos_of(cls).size() +
                                                             material_.cutouts_of(cls).size());
      const bool fits = pictures > 0 && material_.audible(cls) && goes_with(cls, beside, clear);
      weights.push_back(fits ? std::sqrt(pictures) : 0);
    }
    if (const int cls = random_.pick(weights); cls > 0) return cls;
  }
  throw ClipError(fmt::format("the split '{}' has no {}class with pictures and sounds",
                              material_.options().split, beside.empty() ? "" : "second "));
}

std::pair<ClipObject, Sprite> ClipMaker::draw_of_class(int cls) {
  const auto& cutouts = material_.cutouts_of(cls);
  const auto& photos = material_.photos_of(cls);
  const int count = static_cast<int>(cutouts.size() + photos.size());
  std::pair<ClipObject, Sprite> best;
  for (int attempt = 0; attempt < 12 && count > 0; ++attempt) {
    const auto item = static_cast<std::size_t>(random_.below(count));
    std::pair<ClipObject, Sprite> object;
    if (item < cutouts.size()) {
      const Cutout& cutout = material_.cutouts()[static_cast<std::size_t>(cutouts[item])];
      object = {{cls, cutout.id, cutout.subclass}, material_.cutout(cutouts[item])};
    } else {
      const int photo = photos[item - cutouts.size()];
      object = {{cls, material_.photos()[static_cast<std::size_t>(photo)].id, ""},
                sprite_of_photo(material_.photo(photo), cls)};
    }
    const Sprite& sprite = object.second;
    if (sprite.rgb.empty()) continue;
    best = std::move(object);
    // What the photograph's edge cuts off would float.
    if (!sprite.cut_left && !sprite.cut_right && !sprite.cut_top) break;
  }
  if (best.second.rgb.empty()) {
    throw ClipError(fmt::format("the split '{}' has no usable picture of the class '{}'",
                                material_.options().split, material_.taxonomy().class_name(cls)));
  }
  return best;
}

std::pair<ClipObject, Sprite> ClipMaker::named_file(const std::string& name) const {
  if (const int index = find_item(material_.cutouts(), name, "object"); index >= 0) {
    const Cutout& cutout = material_.cutouts()[static_cast<std::size_t>(index)];
    return {{cutout.cls, cutout.id, cutout.subclass}, material_.cutout(index)};
  }
  const int index = find_item(material_.photos(), name, "object");
  if (index < 0) {
    throw ClipError(
        fmt::format("'{}' is neither a visible class nor the end of the file name of a photograph "
                    "or cut-out in the split '{}'",
                    name, material_.options().split));
  }
  const Photo& photo = material_.photos()[static_cast<std::size_t>(index)];
  Sprite sprite = sprite_of_photo(material_.photo(index), photo.cls);
  if (sprite.rgb.empty()) throw ClipError(fmt::format("{} shows too little of its object", name));
  return {ClipObject{photo.cls, photo.id, ""}, std::move(sprite)};
}

std::vector<std::pair<ClipObject, Sprite>> ClipMaker::draw_objects() {
  std::vector<std::pair<ClipObject, Sprite>> objects;
  std::vector<int> classes;
  for (int i = 0; i < options_.objects; ++i) {
    if (static_cast<std::size_t>(i) < options_.wanted_objects.size()) {
      const std::string& name = options_.wanted_objects[static_cast<std::size_t>(i)];
      const int cls = material_.taxonomy().find(name);
      objects.push_back(material_.taxonomy().is_visible(cls) ? draw_of_class(cls)
                                                             : named_file(name));
    } else {
      objects.push_back(draw_of_class(draw_class(classes)));
    }
    const int cls = objects.back().first.cls;
    if (contains(classes, cls)) {
      throw ClipError(fmt::format("both objects are of the class '{}'; their sounds must differ",
                                  material_.taxonomy().class_name(cls)));
    }
    classes.push_back(cls);
  }
  return objects;
}

Layer ClipMaker::place(const Sprite& sprite, int position, int count) {
  const double width = options_.size.width;
  const double height = options_.size.height;
  const double slot = width / count;
  const double scale = std::min(random_.uniform(0.55, 0.75) * height / sprite.rgb.rows,
                                (count == 1 ? 0.7 : 0.8) * slot / sprite.rgb.cols);
  const double w = sprite.rgb.cols * scale;
  const double h = sprite.rgb.rows * scale;
  const bool rooted = sprite.cut_bottom;
  const cv::Point2d way(std::min(0.05 * width, std::max(0.0, (slot - w) / 2)),
                        rooted ? 0 : 0.025 * height);
  Layer layer;
  layer.sprite = resized_sprite(sprite, scale);
  layer.home = {slot * (position + 0.5), rooted ? height - h / 2 + 1 : 0.93 * height - h / 2};
  layer.wander = {way, random_.uniform(5, 8), random_.uniform(3, 5), random_.uniform(),
                  random_.uniform()};
  layer.sway_degrees = rooted ? 0 : random_.uniform(1.5, 3);
  layer.sway_s = random_.uniform(3, 5);
  layer.sway_phase = random_.uniform();
  return layer;
}

int ClipMaker::absent_class(const std::vector<int>& seen) {
  const Taxonomy& taxonomy = material_.taxonomy();
  if (!options_.wanted_absent.empty()) {
    const int cls = taxonomy.find(options_.wanted_absent);
    if (cls <= 0 || !material_.audible(cls)) {
      throw ClipError(fmt::format("the absent sound '{}' is no class that has sounds in this split",
                                  options_.wanted_absent));
    }
    if (!goes_with(cls, seen, false)) {
      throw ClipError(
          fmt::format("the absent sound '{}' may come from the picture", options_.wanted_absent));
    }
    return cls;
  }
  for (const bool clear : {true, false}) {
    std::vector<int> candidates;
    for (int cls = 1; cls <= taxonomy.class_count(); ++cls) {
      if (material_.audible(cls) && goes_with(cls, seen, clear)) candidates.push_back(cls);
    }
    if (!candidates.empty()) return draw_item(random_, candidates);
  }
  throw ClipError("this split has no sound of a class that is not in the picture");
}

std::vector<int> ClipMaker::recordings(int cls, const std::string& subclass) {
  std::vector<int> wanted;
  for (const std::string& name : options_.wanted_sounds) {
    const int index = find_item(material_.sounds(), name, "sound");
    if (index < 0) {
      throw ClipError(fmt::format("the split '{}' has no sound whose file name ends with '{}'",
                                  material_.options().split, name));
    }
    if (material_.sounds()[static_cast<std::size_t>(index)].cls != cls) continue;
    wanted.push_back(index);
    used_sounds_.insert(name);
  }
  if (!wanted.empty()) return wanted;
  std::vector<int> all = material_.sounds_of(cls), same;
  for (const int index : all) {
    const SoundClip& clip = material_.sounds()[static_cast<std::size_t>(index)];
    if (!subclass.empty() && clip.subclass == subclass) same.push_back(index);
  }
  if (!same.empty()) all = same;
  if (all.empty()) {
    throw ClipError(fmt::format("the split '{}' has no sound of the class '{}'",
                                material_.options().split, material_.taxonomy().class_name(cls)));
  }
  std::vector<int> takes;
  while (takes.size() < kTakes && !all.empty()) {
    const int item = random_.below(static_cast<int>(all.size()));
    takes.push_back(all[static_cast<std::size_t>(item)]);
    all.erase(all.begin() + item);
  }
  return takes;
}

ClipSection ClipMaker::section(const ClipPart& part, double start_s,
                               const std::vector<ClipObject>& objects, const std::vector<int>& seen,
                               std::vector<float>* track) {
  ClipSection section;
  section.sound = part.sound;
  section.start_s = start_s;
  section.end_s = start_s + part.seconds;
  if (part.sound == ClipSound::kSilence) return section;
  std::vector<std::pair<int, std::string>> sources;
  if (part.sound == ClipSound::kAbsent) {
    sources.push_back({absent_class(seen), ""});
  } else {
    if (part.sound != ClipSound::kSecond) sources.push_back({objects[0].cls, objects[0].subclass});
    if (part.sound != ClipSound::kFirst) sources.push_back({objects[1].cls, objects[1].subclass});
  }
  const auto sample = [](double time) {
    return static_cast<std::size_t>(std::lround(time * kSceneSampleRate));
  };
  const std::size_t length = sample(section.end_s) - sample(start_s) + 2 * kSectionOverlap;
  std::vector<float> mix(length, 0.0f);
  for (const auto& [cls, subclass] : sources) {
    add_sound(lay_in_a_row(material_, recordings(cls, subclass), length, &section.sound_ids), 1,
              &mix);
    section.classes.push_back(cls);
  }
  std::sort(section.classes.begin(), section.classes.end());
  set_level(kLevelDb, &mix);
  avoid_clipping(&mix);
  add_section(mix, sample(start_s), track);
  return section;
}

void ClipMaker::check_wanted_sounds() const {
  for (const std::string& name : options_.wanted_sounds) {
    if (used_sounds_.count(name) > 0) continue;
    const int index = find_item(material_.sounds(), name, "sound");
    throw ClipError(
        index < 0 ? fmt::format("the split '{}' has no sound whose file name ends with '{}'",
                                material_.options().split, name)
                  : fmt::format("the class of the sound '{}' is not heard in this clip", name));
  }
}

}  // namespace lightavseg
