// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/picture_maker.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "model/data/label_codes.h"

namespace lightavseg {
namespace {

bool contains(const std::vector<int>& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

int draw_item(Random& random, const std::vector<int>& list) {
  return list[static_cast<std::size_t>(random.below(static_cast<int>(list.size())))];
}

bool nothing(const std::vector<std::vector<int>>& lists) {
  return std::all_of(lists.begin(), lists.end(), [](const auto& list) { return list.empty(); });
}

}  // namespace

PictureMaker::PictureMaker(const Material& material, const SceneOptions& options)
    : material_(material), options_(options) {
  const auto count = static_cast<std::size_t>(material.taxonomy().class_count()) + 1;
  natural_.resize(count);
  plain_.resize(count);
  objects_.resize(count);
  for (std::size_t i = 0; i < material.photos().size(); ++i) {
    const Photo& photo = material.photos()[i];
    const auto cls = static_cast<std::size_t>(photo.cls);
    (photo.plain_background ? plain_ : natural_)[cls].push_back(static_cast<int>(i));
    objects_[cls].push_back(static_cast<int>(i));
  }
  for (const Cutout& cutout : material.cutouts()) {
    objects_[static_cast<std::size_t>(cutout.cls)].push_back(-1);
  }
  if (nothing(objects_)) {
    throw SceneError("the material has neither photographs with masks nor cut-outs in this split");
  }
}

bool PictureMaker::goes_with(int cls, const std::vector<int>& others) const {
  const Taxonomy& taxonomy = material_.taxonomy();
  return std::none_of(others.begin(), others.end(), [&](int other) {
    return other != cls &&
           (taxonomy.may_sound_like(other, cls) || taxonomy.may_sound_like(cls, other));
  });
}

// Classes are drawn by about the square root of their number of pictures: rare ones are seen often
// enough, and their few pictures are not repeated without end.
int PictureMaker::draw_class(Random& random, const std::vector<std::vector<int>>& lists,
                             bool audible, const std::vector<int>& beside) const {
  std::vector<double> weights;
  for (std::size_t cls = 0; cls < lists.size(); ++cls) {
    const int number = static_cast<int>(cls);
    const bool fits = cls > 0 && !lists[cls].empty() && goes_with(number, beside) &&
                      (!audible || (material_.audible(number) && !contains(beside, number)));
    weights.push_back(fits ? std::sqrt(static_cast<double>(lists[cls].size()) + 6) : 0);
  }
  return random.pick(weights);
}

MadePicture PictureMaker::cropped_photo(Random& random, int index, const cv::Size& size) const {
  const Photo& photo = material_.photos()[static_cast<std::size_t>(index)];
  const Picture& picture = material_.photo(index);
  // A half of the scene wants a narrow or flat part of the photograph, not a squashed one.
  CropOptions how = options_.crop;
  how.min_aspect *= static_cast<double>(size.width) / size.height;
  how.max_aspect *= static_cast<double>(size.width) / size.height;
  const Crop crop = random_crop_keeping(random, picture.labels, photo.cls, how);
  MadePicture made;
  made.canvas.rgb = crop_image(picture.rgb, crop, size);
  made.canvas.labels = crop_labels(picture.labels, crop, size);
  made.canvas.may_show = picture.may_show;
  made.canvas.objects.push_back({photo.cls, ""});
  made.photo_id = photo.id;
  made.scene_to_photo = scene_to_file(crop, size, picture.file_scale_x, picture.file_scale_y);
  made.plain_background = photo.plain_background;
  return made;
}

MadePicture PictureMaker::photograph(Random& random) const {
  bool plain = random.chance(options_.plain_photograph);
  if (nothing(plain ? plain_ : natural_)) plain = !plain;
  const auto& lists = plain ? plain_ : natural_;
  const int cls = draw_class(random, lists, false, {});
  if (cls < 0) return on_background(random, false);
  const int index = draw_item(random, lists[static_cast<std::size_t>(cls)]);
  return cropped_photo(random, index, {options_.size, options_.size});
}

MadePicture PictureMaker::pool_photograph(Random& random) const {
  if (material_.pool().empty()) return photograph(random);
  const int index = random.below(static_cast<int>(material_.pool().size()));
  const PoolPhoto& photo = material_.pool()[static_cast<std::size_t>(index)];
  const Picture& picture = material_.pool_picture(index);
  const Crop crop = random_crop(random, picture.rgb.size(), options_.crop);
  const cv::Size size(options_.size, options_.size);
  MadePicture made;
  made.canvas.rgb = crop_image(picture.rgb, crop, size);
  made.canvas.labels = crop_labels(picture.labels, crop, size);
  made.canvas.may_show = picture.may_show;
  if (photo.image_class > 0) made.canvas.objects.push_back({photo.image_class, ""});
  made.photo_id = photo.id;
  made.scene_to_photo = scene_to_file(crop, size, picture.file_scale_x, picture.file_scale_y);
  made.from_pool = true;
  return made;
}

Canvas PictureMaker::background(Random& random) const {
  const cv::Size size(options_.size, options_.size);
  Canvas canvas;
  if (material_.backdrops().empty() || random.chance(options_.flat_background)) {
    cv::Scalar colour;
    for (int c = 0; c < 3; ++c) colour[c] = random.uniform(0, 255);
    const double change = random.uniform(-60, 60);
    canvas.rgb = cv::Mat(size, CV_8UC3, colour);
    for (int y = 0; y < size.height; ++y) {
      const double shift = change * y / size.height;
      cv::Mat row = canvas.rgb.row(y);
      cv::add(row, cv::Scalar::all(shift), row);
    }
    canvas.labels = cv::Mat::zeros(size, CV_8U);
    return canvas;
  }
  const Picture& picture =
      material_.backdrop(random.below(static_cast<int>(material_.backdrops().size())));
  const Crop crop = random_crop(random, picture.rgb.size(), options_.crop);
  canvas.rgb = crop_image(picture.rgb, crop, size);
  canvas.labels = crop_labels(picture.labels, crop, size);
  return canvas;
}

Placement PictureMaker::place(Random& random, const Sprite& sprite, int count,
                              const Canvas& canvas) const {
  const double size = options_.size;
  Placement out;
  const double low = count <= 1 ? 0.35 : count == 2 ? 0.3 : 0.25;
  const double high = count <= 1 ? 0.95 : count == 2 ? 0.7 : 0.55;
  out.long_side = size * random.uniform(low, high);
  if (random.chance(0.12)) out.long_side = size * random.uniform(0.14, 0.3);
  // The largest that is drawn without a factor stays the largest.
  out.long_side =
      std::min(out.long_side * options_.object_scale, std::max(out.long_side, 0.95 * size));
  out.flip = random.chance(0.5);
  out.tone = random.chance(0.6) ? random.uniform(0, 0.5) : 0;
  out.blur = random.chance(0.2) ? random.uniform(0.4, 1.0) : 0;
  const bool left = out.flip ? sprite.cut_right : sprite.cut_left;
  const bool right = out.flip ? sprite.cut_left : sprite.cut_right;
  const bool cut = left || right || sprite.cut_top || sprite.cut_bottom;
  const double ratio = out.long_side / std::max(sprite.rgb.cols, sprite.rgb.rows);
  double width = sprite.rgb.cols * ratio;
  double height = sprite.rgb.rows * ratio;
  if (cut) {
    // What a photograph's edge cuts off must end at an edge here too, or it would float.
    if (left && right) {
      const double grow = size / width;
      out.long_side *= grow;
      width *= grow;
      height *= grow;
    }
  } else if (random.chance(0.5)) {
    out.angle = 14 * random.bell();
  }
  // The least crowded of six places; half of the overlap that is left becomes occlusion.
  int best = -1;
  for (int attempt = 0; attempt < 6; ++attempt) {
    double x = random.uniform(0.1, 0.9) * size;
    double y = random.uniform(0.15, 0.9) * size;
    if (width < 0.9 * size) x = std::clamp(x, 0.42 * width, size - 0.42 * width);
    if (height < 0.9 * size) y = std::clamp(y, 0.42 * height, size - 0.42 * height);
    if (left) x = 0.5 * width - 1;
    if (right) x = size - 0.5 * width + 1;
    if (left && right) x = 0.5 * size;
    if (sprite.cut_top) y = 0.5 * height - 1;
    if (sprite.cut_bottom) y = size - 0.5 * height + 1;
    const cv::Rect box = cv::Rect(static_cast<int>(x - width / 2), static_cast<int>(y - height / 2),
                                  static_cast<int>(width), static_cast<int>(height)) &
                         cv::Rect(0, 0, options_.size, options_.size);
    const int covered = box.area() == 0 ? 0 : cv::countNonZero(canvas.labels(box));
    if (best < 0 || covered < best) {
      best = covered;
      out.centre_x = x;
      out.centre_y = y;
    }
    if (cut && attempt >= 2) break;
  }
  return out;
}

Placement PictureMaker::place_on_person(Random& random, const Canvas& canvas) const {
  const int person = material_.taxonomy().find("person");
  const cv::Rect box = cv::boundingRect(canvas.labels == person);
  Placement out;
  const double body = std::min<double>(box.height, 2.2 * box.width);
  out.long_side = std::max(0.2 * options_.size, body * random.uniform(0.4, 0.95));
  out.centre_x = box.x + box.width * random.uniform(0.3, 0.7);
  out.centre_y = box.y + box.height * random.uniform(0.4, 0.75);
  out.angle = 22 * random.bell();
  out.flip = random.chance(0.5);
  out.tone = random.uniform(0, 0.5);
  out.blur = random.chance(0.2) ? random.uniform(0.4, 1.0) : 0;
  return out;
}

bool PictureMaker::add_object(Random& random, int count, bool audible, bool held,
                              Canvas* canvas) const {
  std::vector<std::vector<int>> lists = objects_;
  if (held) {
    for (std::size_t cls = 0; cls < lists.size(); ++cls) {
      if (!material_.taxonomy().is_instrument(static_cast<int>(cls))) lists[cls].clear();
    }
  }
  for (int attempt = 0; attempt < 4; ++attempt) {
    const int cls = draw_class(random, lists, audible, classes_that_may_be_seen(*canvas));
    if (cls < 0) return false;
    const auto& cutouts = material_.cutouts_of(cls);
    const auto& photos = material_.photos_of(cls);
    const bool cutout = photos.empty() || (!cutouts.empty() && random.chance(options_.from_cutout));
    Sprite sprite;
    std::string subclass;
    if (cutout) {
      const int index = draw_item(random, cutouts);
      sprite = material_.cutout(index);
      subclass = material_.cutouts()[static_cast<std::size_t>(index)].subclass;
    } else {
      const Picture& picture = material_.photo(draw_item(random, photos));
      sprite = sprite_of_photo(picture, cls);
    }
    if (sprite.rgb.empty()) continue;
    const Placement placement =
        held ? place_on_person(random, *canvas) : place(random, sprite, count, *canvas);
    paste(sprite, placement, cls, canvas);
    canvas->objects.push_back({cls, subclass});
    return true;
  }
  return false;
}

void PictureMaker::add_distractor(Random& random, Canvas* canvas) const {
  const int count = static_cast<int>(material_.distractors().size());
  if (count == 0) return;
  const Sprite& sprite = material_.distractor(random.below(count));
  paste(sprite, place(random, sprite, 3, *canvas), kBackgroundLabel, canvas);
}

MadePicture PictureMaker::on_background(Random& random, bool several) const {
  MadePicture made;
  made.canvas = background(random);
  int count = 1;
  const double draw = random.uniform();
  if (draw < options_.three_objects) {
    count = 3;
  } else if (several || draw < options_.three_objects + options_.two_objects) {
    count = 2;
  }
  if (random.chance(options_.distractor)) add_distractor(random, &made.canvas);
  for (int i = 0; i < count; ++i) {
    add_object(random, count, several && i < 2, false, &made.canvas);
    // One distractor lies behind the objects, one may hide a part of them.
    if (i == 0 && random.chance(options_.distractor * 0.6)) add_distractor(random, &made.canvas);
  }
  return made;
}

MadePicture PictureMaker::on_photograph(Random& random, bool several) const {
  const int person = material_.taxonomy().find("person");
  const bool people = person > 0 && !natural_[static_cast<std::size_t>(person)].empty() &&
                      random.chance(options_.base_is_person);
  const int cls = people ? person : draw_class(random, natural_, several, {});
  if (cls < 0) return on_background(random, several);
  const int index = draw_item(random, natural_[static_cast<std::size_t>(cls)]);
  MadePicture made = cropped_photo(random, index, {options_.size, options_.size});
  const bool held = people && random.chance(options_.held);
  const bool added = add_object(random, 2, several, held, &made.canvas);
  if (random.chance(options_.three_objects)) {
    add_object(random, 3, false, false, &made.canvas);
  } else if (!added && several) {
    return on_background(random, several);
  }
  made.photo_id.clear();
  made.scene_to_photo = {1, 0, 0, 0, 1, 0};
  made.plain_background = false;
  return made;
}

MadePicture PictureMaker::side_by_side(Random& random) const {
  const int first = draw_class(random, natural_, true, {});
  const int second = first < 0 ? -1 : draw_class(random, natural_, true, {first});
  if (second < 0) return on_background(random, true);
  const bool across = random.chance(0.7);
  const int size = options_.size;
  const int cut = static_cast<int>(size * random.uniform(0.35, 0.65));
  MadePicture made;
  made.canvas.rgb = cv::Mat(size, size, CV_8UC3);
  made.canvas.labels = cv::Mat(size, size, CV_8U);
  for (const int part : {0, 1}) {
    const int length = part == 0 ? cut : size - cut;
    const int start = part == 0 ? 0 : cut;
    const cv::Rect box =
        across ? cv::Rect(start, 0, length, size) : cv::Rect(0, start, size, length);
    const int cls = part == 0 ? first : second;
    const int index = draw_item(random, natural_[static_cast<std::size_t>(cls)]);
    const MadePicture half = cropped_photo(random, index, box.size());
    half.canvas.rgb.copyTo(made.canvas.rgb(box));
    half.canvas.labels.copyTo(made.canvas.labels(box));
    auto& may_show = made.canvas.may_show;
    may_show.insert(may_show.end(), half.canvas.may_show.begin(), half.canvas.may_show.end());
    made.canvas.objects.push_back({cls, ""});
  }
  return made;
}

MadePicture PictureMaker::composite(Random& random, bool several) const {
  const double draw = random.uniform();
  if (draw < options_.side_by_side) return side_by_side(random);
  if (draw < options_.side_by_side + options_.on_photograph) return on_photograph(random, several);
  return on_background(random, several);
}

MadePicture PictureMaker::make(Random& random, bool several) const {
  // Draws nothing without a pool: scenes of a seed stay what they were.
  if (!several && options_.pool > 0 && random.chance(options_.pool)) return pool_photograph(random);
  if (!several && random.chance(options_.photograph)) return photograph(random);
  return composite(random, several);
}

}  // namespace lightavseg
