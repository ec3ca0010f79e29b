// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/material.h"

#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "model/data/label_codes.h"
#include "model/data/material_reader.h"

namespace lightavseg {
namespace {

constexpr int kSampleRate = 16000;
constexpr int kWindowStep = 2000;

// One value per file, made by the first thread that asks for it.
template <typename T>
class LazyList {
 public:
  explicit LazyList(std::size_t count) : slots_(new Slot[count]), count_(count) {}

  template <typename Make>
  const T& get(int index, const Make& make) const {
    if (index < 0 || static_cast<std::size_t>(index) >= count_) {
      throw MaterialError(fmt::format("there is no item {} among {}", index, count_));
    }
    Slot& slot = slots_[static_cast<std::size_t>(index)];
    if (!slot.ready.load(std::memory_order_acquire)) {
      const std::lock_guard<std::mutex> lock(slot.mutex);
      if (!slot.ready.load(std::memory_order_relaxed)) {
        slot.value = make();
        slot.ready.store(true, std::memory_order_release);
      }
    }
    return slot.value;
  }

 private:
  struct Slot {
    std::mutex mutex;
    std::atomic<bool> ready{false};
    T value;
  };
  std::unique_ptr<Slot[]> slots_;
  std::size_t count_;
};

cv::Mat read_image(const std::filesystem::path& path, int flags, const char* wanted) {
  cv::Mat image = cv::imread(path.string(), flags);
  if (image.empty()) {
    throw MaterialError(fmt::format("'{}' cannot be decoded; expected {}", path.string(), wanted));
  }
  return image;
}

cv::Mat read_rgb(const std::filesystem::path& path) {
  cv::Mat image = read_image(path, cv::IMREAD_COLOR | cv::IMREAD_IGNORE_ORIENTATION, "a picture");
  cv::cvtColor(image, image, cv::COLOR_BGR2RGB);
  return image;
}

cv::Mat read_map(const std::filesystem::path& path, const cv::Size& size) {
  cv::Mat map = read_image(path, cv::IMREAD_GRAYSCALE, "a grey PNG");
  if (map.size() != size) {
    throw MaterialError(fmt::format("'{}' is {} x {} where its photograph is {} x {}",
                                    path.string(), map.cols, map.rows, size.width, size.height));
  }
  return map;
}

cv::Mat map_values(const cv::Mat& map, const std::array<std::uint8_t, 256>& table) {
  cv::Mat out;
  cv::LUT(map, cv::Mat(1, 256, CV_8U, const_cast<std::uint8_t*>(table.data())), out);
  return out;
}

// Mask pixels take precedence over a label map's "nothing" and "unknown".
cv::Mat labels_of_mask(const Photo& photo, const cv::Mat& mask, cv::Mat labels) {
  if (labels.empty()) labels = cv::Mat::zeros(mask.size(), CV_8U);
  for (int y = 0; y < mask.rows; ++y) {
    const auto* m = mask.ptr<std::uint8_t>(y);
    auto* l = labels.ptr<std::uint8_t>(y);
    for (int x = 0; x < mask.cols; ++x) {
      if (l[x] != kBackgroundLabel && l[x] != kUnknownLabel) continue;
      if (m[x] == 255) {
        l[x] = static_cast<std::uint8_t>(photo.cls);
      } else if (m[x] == 128) {
        l[x] = photo.labels.empty() ? perhaps(photo.cls) : kUnknownLabel;
      } else if (m[x] != 0) {
        throw MaterialError(fmt::format("'{}' holds the value {}; a mask holds 0, 128 and 255",
                                        photo.mask.string(), m[x]));
      }
    }
  }
  return labels;
}

// What a VOC teacher sees outside of the mask of a photograph that has no complete label map. Its
// persons are reliable (riders, owners of dogs) and become labels; other classes only become
// "unknown". The teacher's map is coarse, so the object's own rim is left alone.
void add_pseudo_labels(const Taxonomy& taxonomy, const Photo& photo, const cv::Mat& mask,
                       const cv::Mat& pseudo, Picture* picture) {
  std::array<int, 256> area{};
  for (int y = 0; y < mask.rows; ++y) {
    for (int x = 0; x < mask.cols; ++x) {
      if (mask.at<std::uint8_t>(y, x) == 0) ++area[pseudo.at<std::uint8_t>(y, x)];
    }
  }
  const double total = static_cast<double>(mask.total());
  for (int voc = 1; voc <= 20; ++voc) {
    const int cls = taxonomy.from_voc(voc);
    if (cls == 0 || area[static_cast<std::size_t>(voc)] < 0.015 * total) continue;
    cv::Mat place = (pseudo == voc) & (mask == 0);
    if (cls == photo.cls) {
      // A second animal that nobody masked; not the ring by which the coarse map overshoots.
      cv::Mat near;
      cv::dilate(mask, near, cv::getStructuringElement(cv::MORPH_RECT, {25, 25}));
      place &= near == 0;
      if (cv::countNonZero(place) >= 0.015 * total) {
        picture->labels.setTo(perhaps(cls), place);
      }
      continue;
    }
    if (taxonomy.class_name(cls) == "person") {
      picture->labels.setTo(cls, place & (picture->labels == 0));
    } else {
      picture->labels.setTo(kUnknownLabel, place & (picture->labels == 0));
      picture->may_show.push_back(cls);
    }
  }
}

// Hand-made label maps leave much of the background void. Where the teacher is sure that there is
// nothing, at some distance from whatever is labelled, void becomes background.
void settle_void(const cv::Mat& pseudo, cv::Mat* labels) {
  const cv::Mat object = (*labels > 0) & (*labels != kUnknownLabel);
  cv::Mat near;
  cv::dilate(object, near, cv::getStructuringElement(cv::MORPH_RECT, {13, 13}));
  labels->setTo(kBackgroundLabel, (*labels == kUnknownLabel) & (pseudo == 0) & (near == 0));
}

void reduce(int max_side, Picture* picture) {
  const int side = std::max(picture->rgb.cols, picture->rgb.rows);
  if (side <= max_side) return;
  const cv::Size full = picture->rgb.size();
  const cv::Size size(std::max(1, full.width * max_side / side),
                      std::max(1, full.height * max_side / side));
  cv::Mat rgb, labels;
  cv::resize(picture->rgb, rgb, size, 0, 0, cv::INTER_AREA);
  cv::resize(picture->labels, labels, size, 0, 0, cv::INTER_NEAREST);
  picture->rgb = rgb;
  picture->labels = labels;
  picture->file_scale_x = static_cast<double>(full.width) / size.width;
  picture->file_scale_y = static_cast<double>(full.height) / size.height;
}

Picture decode_photo(const Taxonomy& taxonomy, const Photo& photo, int max_side) {
  Picture picture;
  picture.rgb = read_rgb(photo.image);
  const cv::Mat mask = read_map(photo.mask, picture.rgb.size());
  cv::Mat labels;
  if (!photo.labels.empty()) {
    std::array<std::uint8_t, 256> table;
    table.fill(kUnknownLabel);
    const auto& classes = *photo.label_classes;
    for (std::size_t i = 0; i < classes.size() && i < 255; ++i) {
      table[i] = static_cast<std::uint8_t>(classes[i]);
    }
    labels = map_values(read_map(photo.labels, picture.rgb.size()), table);
  }
  picture.labels = labels_of_mask(photo, mask, labels);
  if (!photo.pseudo.empty() && !photo.plain_background) {
    const cv::Mat pseudo = read_map(photo.pseudo, picture.rgb.size());
    if (photo.labels.empty()) {
      add_pseudo_labels(taxonomy, photo, mask, pseudo, &picture);
    } else {
      for (int voc = 1; voc <= 20; ++voc) {
        const int cls = taxonomy.from_voc(voc);
        const double seen = cls == 0 ? 0 : cv::countNonZero(pseudo == voc);
        if (seen > 0.02 * static_cast<double>(mask.total())) picture.may_show.push_back(cls);
      }
      settle_void(pseudo, &picture.labels);
    }
  }
  reduce(max_side, &picture);
  return picture;
}

Picture decode_pool(const Taxonomy& taxonomy, const PoolPhoto& photo, int max_side) {
  Picture picture;
  picture.rgb = read_rgb(photo.image);
  std::array<std::uint8_t, 256> table;
  table.fill(kUnknownLabel);
  if (photo.zero_ok) table[0] = kBackgroundLabel;
  for (const int voc : photo.trusted_voc) {
    const int cls = taxonomy.from_voc(voc);
    // The teacher takes the bodies of instruments and other things that VOC lacks for persons too
    // often to be believed where such a thing is in the picture.
    if (!photo.zero_ok && taxonomy.class_name(cls) == "person" && photo.image_class != cls)
      continue;
    // A VOC class that is none of ours is as good as "nothing there".
    table[static_cast<std::size_t>(voc)] = cls > 0 ? static_cast<std::uint8_t>(cls) : table[0];
  }
  const cv::Mat pseudo = read_map(photo.pseudo, picture.rgb.size());
  picture.labels = map_values(pseudo, table);
  if (photo.image_class > 0) picture.may_show.push_back(photo.image_class);
  if (!photo.zero_ok) {
    for (int cls = 1; cls <= taxonomy.visible_count(); ++cls) picture.may_show.push_back(cls);
  }
  reduce(max_side, &picture);
  return picture;
}

Sprite decode_sprite(const std::filesystem::path& path, int max_side) {
  cv::Mat image = read_image(path, cv::IMREAD_UNCHANGED, "a picture with an alpha channel");
  if (image.type() != CV_8UC4) {
    throw MaterialError(
        fmt::format("'{}' has no alpha channel; a cut-out needs one of 8 bits", path.string()));
  }
  const int side = std::max(image.cols, image.rows);
  if (side > max_side) {
    const double scale = static_cast<double>(max_side) / side;
    cv::resize(image, image, {}, scale, scale, cv::INTER_AREA);
  }
  Sprite sprite;
  cv::extractChannel(image, sprite.alpha, 3);
  const cv::Rect box = cv::boundingRect(sprite.alpha > 16);
  if (box.area() == 0) {
    throw MaterialError(fmt::format("'{}' is wholly transparent", path.string()));
  }
  cv::cvtColor(image(box), sprite.rgb, cv::COLOR_BGRA2RGB);
  sprite.alpha = sprite.alpha(box).clone();
  return sprite;
}

SoundSamples decode_sound(const std::filesystem::path& path) {
  SF_INFO info{};
  SNDFILE* file = sf_open(path.c_str(), SFM_READ, &info);
  if (file == nullptr) {
    throw MaterialError(
        fmt::format("'{}' cannot be decoded: {}", path.string(), sf_strerror(nullptr)));
  }
  SoundSamples sound;
  if (info.samplerate == kSampleRate && info.channels == 1 && info.frames > 0) {
    sound.samples.resize(static_cast<std::size_t>(info.frames));
    const sf_count_t got = sf_readf_short(file, sound.samples.data(), info.frames);
    sound.samples.resize(static_cast<std::size_t>(std::max<sf_count_t>(got, 0)));
  }
  sf_close(file);
  if (sound.samples.empty()) {
    throw MaterialError(fmt::format(
        "'{}' has {} frames, {} channels, {} Hz; convert it to 16000 Hz mono (sox IN -r 16000 -c 1 "
        "OUT)",
        path.string(), info.frames, info.channels, info.samplerate));
  }
  // A window is active when its energy is within 15 dB of the loudest window's.
  const int count = static_cast<int>(sound.samples.size());
  std::vector<double> energy;
  double loudest = 0;
  for (int start = 0; start == 0 || start + kSampleRate <= count; start += kWindowStep) {
    double sum = 0;
    for (int i = start; i < std::min(count, start + kSampleRate); ++i) {
      const double value = sound.samples[static_cast<std::size_t>(i)];
      sum += value * value;
    }
    energy.push_back(sum);
    loudest = std::max(loudest, sum);
  }
  for (std::size_t i = 0; i < energy.size(); ++i) {
    if (energy[i] >= loudest * 0.0316) {
      sound.active_starts.push_back(static_cast<int>(i) * kWindowStep);
    }
  }
  return sound;
}

template <typename Item>
std::vector<std::vector<int>> by_class(const std::vector<Item>& items, int class_count) {
  std::vector<std::vector<int>> out(static_cast<std::size_t>(class_count) + 1);
  for (std::size_t i = 0; i < items.size(); ++i) {
    out[static_cast<std::size_t>(items[i].cls)].push_back(static_cast<int>(i));
  }
  return out;
}

}  // namespace

struct Material::State {
  State(const Taxonomy& classes, const MaterialOptions& how, MaterialIndex&& files)
      : taxonomy(classes),
        options(how),
        index(std::move(files)),
        photos_of(by_class(index.photos, taxonomy.class_count())),
        cutouts_of(by_class(index.cutouts, taxonomy.class_count())),
        sounds_of(by_class(index.sounds, taxonomy.class_count())),
        photos(index.photos.size()),
        pool(index.pool.size()),
        backdrops(index.backdrops.size()),
        cutouts(index.cutouts.size()),
        distractors(index.distractors.size()),
        sounds(index.sounds.size()) {}

  Taxonomy taxonomy;
  MaterialOptions options;
  MaterialIndex index;
  std::vector<std::string> warnings;
  std::vector<std::vector<int>> photos_of, cutouts_of, sounds_of;
  LazyList<Picture> photos, pool, backdrops;
  LazyList<Sprite> cutouts, distractors;
  LazyList<SoundSamples> sounds;
};

Material Material::load(const std::filesystem::path& dir, const Taxonomy& taxonomy,
                        const MaterialOptions& options) {
  if (options.max_side < 16) throw MaterialError("max_side must be at least 16 pixels");
  ManifestReader reader(taxonomy, options);
  reader.read_folder_or_parent(dir);
  if (!reader.problems().empty() && !options.lenient) {
    std::string text =
        fmt::format("material '{}' has {} problem(s):", dir.string(), reader.problems().size());
    for (const std::string& problem : reader.problems()) text += "\n  " + problem;
    throw MaterialError(text +
                        "\nCorrect the manifest or the files, or load it leniently to leave these "
                        "rows out.");
  }
  auto state = std::make_unique<State>(taxonomy, options, std::move(reader.index()));
  state->warnings = reader.problems();
  return Material(std::move(state));
}

Material::Material(std::unique_ptr<State> state) : state_(std::move(state)) {
}
Material::Material(Material&&) noexcept = default;
Material& Material::operator=(Material&&) noexcept = default;
Material::~Material() = default;

const Taxonomy& Material::taxonomy() const {
  return state_->taxonomy;
}
const MaterialOptions& Material::options() const {
  return state_->options;
}
const std::vector<std::string>& Material::warnings() const {
  return state_->warnings;
}
const std::vector<Photo>& Material::photos() const {
  return state_->index.photos;
}
const std::vector<PoolPhoto>& Material::pool() const {
  return state_->index.pool;
}
const std::vector<Cutout>& Material::cutouts() const {
  return state_->index.cutouts;
}
const std::vector<Cutout>& Material::distractors() const {
  return state_->index.distractors;
}
const std::vector<Backdrop>& Material::backdrops() const {
  return state_->index.backdrops;
}
const std::vector<SoundClip>& Material::sounds() const {
  return state_->index.sounds;
}

const std::vector<int>& Material::photos_of(int cls) const {
  return state_->photos_of.at(static_cast<std::size_t>(cls));
}
const std::vector<int>& Material::cutouts_of(int cls) const {
  return state_->cutouts_of.at(static_cast<std::size_t>(cls));
}
const std::vector<int>& Material::sounds_of(int cls) const {
  return state_->sounds_of.at(static_cast<std::size_t>(cls));
}

const Picture& Material::photo(int index) const {
  return state_->photos.get(index, [&] {
    return decode_photo(taxonomy(), photos()[static_cast<std::size_t>(index)], options().max_side);
  });
}

const Picture& Material::pool_picture(int index) const {
  return state_->pool.get(index, [&] {
    return decode_pool(taxonomy(), pool()[static_cast<std::size_t>(index)], options().max_side);
  });
}

const Sprite& Material::cutout(int index) const {
  return state_->cutouts.get(index, [&] {
    return decode_sprite(cutouts()[static_cast<std::size_t>(index)].image, options().max_side);
  });
}

const Sprite& Material::distractor(int index) const {
  return state_->distractors.get(index, [&] {
    return decode_sprite(distractors()[static_cast<std::size_t>(index)].image, options().max_side);
  });
}

const Picture& Material::backdrop(int index) const {
  return state_->backdrops.get(index, [&] {
    const Backdrop& backdrop = backdrops()[static_cast<std::size_t>(index)];
    if (backdrop.pool >= 0) return pool_picture(backdrop.pool);
    Picture picture;
    picture.rgb = read_rgb(backdrop.image);
    picture.labels = cv::Mat::zeros(picture.rgb.size(), CV_8U);
    reduce(options().max_side, &picture);
    return picture;
  });
}

const SoundSamples& Material::sound(int index) const {
  return state_->sounds.get(
      index, [&] { return decode_sound(sounds()[static_cast<std::size_t>(index)].file); });
}

}  // namespace lightavseg
