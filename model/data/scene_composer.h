// SPDX-License-Identifier: LGPL-2.1-or-later
/// Composes training scenes from class-paired material: a picture, one second of sound, and the
/// mask of what sounds, in the manner of AVS-Synthetic (Liu et al., arXiv 2305.11019) with composed
/// pictures and sounds of things that are not in the picture.
#pragma once

#include <cstdint>
#include <memory>
#include <opencv2/core.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "model/data/augment.h"
#include "model/data/material.h"

namespace lightavseg {

/// Options that make no sense, or material that allows no scenes.
class SceneError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class SoundKind {
  kOneVisible,  ///< one class in the picture sounds
  kTwoVisible,  ///< two classes in the picture sound
  kAbsent,      ///< only a class that is not in the picture sounds
  kOther,       ///< speech, music or noise that nothing in the picture makes
  kSilence,     ///< digital silence or a very quiet noise
};

/// Name for logs: "one visible", "two visible", "absent", "other", "silence".
const char* to_string(SoundKind kind);

struct SceneOptions {
  int size = 224;  ///< side of the square picture, pixels
  /// Scenes 2k and 2k + 1 share the picture and differ in what sounds.
  bool pairs = false;

  // Pictures. Shares are of the scenes that are not forced to show several objects.
  double photograph = 0.45;       ///< untouched photographs; the rest are composites
  double plain_photograph = 0.2;  ///< of these: with a plain background
  double pool = 0;                ///< photographs without masks, with pseudo labels
  double on_photograph = 0.4;     ///< of the composites: objects on a labelled photograph
  double side_by_side = 0.1;      ///< of the composites: two photographs, halves of the picture
  double flat_background = 0.06;  ///< of the composites: on an even colour
  double base_is_person = 0.4;    ///< of the objects on photographs: the photograph is of persons
  double held = 0.7;              ///< of the instruments on persons: held, not beside
  double two_objects = 0.45, three_objects = 0.2;  ///< of the composites
  /// Factor of the size of pasted objects, 0.5 to 2. Small pictures show what is small in few
  /// pixels.
  double object_scale = 1;
  double from_cutout = 0.25;  ///< of the objects whose class has cut-outs and photographs
  double distractor = 0.35;   ///< probability of each of two silent objects
  /// Wide pictures that are squeezed into the square, as those of a video are: objects in them are
  /// up to 1.8 times as high as they should be.
  double squeezed = 0;
  double min_visible = 0.002;  ///< share of the picture from which a class counts as visible

  // What sounds: weights.
  double one_visible = 0.50, two_visible = 0.15, absent = 0.22, other = 0.05, silence = 0.08;
  double confusable = 0.5;      ///< of the absent sounds: easily confused with a visible class
  double absent_beside = 0.12;  ///< of the single sounds: an absent class sounds too, quieter

  // Sounds for audio pretraining: shares. The rest is of one class.
  double two_sounds = 0.28;  ///< two classes at once, of about the same loudness
  double only_noise = 0.12;  ///< none of the classes

  CropOptions crop;
  ImageAugmentOptions image;
  SoundAugmentOptions sound;
};

struct Scene {
  cv::Mat image;              ///< CV_8UC3, RGB, size x size
  cv::Mat mask;               ///< CV_8UC1: 255 sounding, 0 not, 128 ignore
  cv::Mat labels;             ///< CV_8UC1: class per pixel, 0 background, 255 unknown
  std::vector<float> audio;   ///< kSceneSamples samples at kSceneSampleRate, full scale 1
  std::vector<int> visible;   ///< classes with enough labelled pixels, ascending
  std::vector<int> sounding;  ///< all classes heard, in the picture or not, ascending
  SoundKind kind = SoundKind::kSilence;
  /// For a scene that shows one photograph and nothing else: its id and the map from pixel centres
  /// of the scene to those of its file. Otherwise empty and identity.
  std::string photo_id;
  cv::Matx23d scene_to_photo{1, 0, 0, 0, 1, 0};
  bool plain_background = false;  ///< the photograph's background is an even colour
};

/// A picture for visual pretraining.
struct VisualScene {
  cv::Mat image;                   ///< CV_8UC3, RGB
  cv::Mat labels;                  ///< CV_8UC1: class per pixel, 0 background, 255 unknown
  std::vector<int> image_classes;  ///< classes known to be visible, also where labels are unknown
  std::string photo_id;            ///< as in Scene, also for pool photographs
  cv::Matx23d scene_to_photo{1, 0, 0, 0, 1, 0};
};

/// A sound for audio pretraining.
struct AudioScene {
  std::vector<float> audio;  ///< kSceneSamples samples at kSceneSampleRate
  std::vector<float>
      targets;  ///< per class number, 0 .. class_count(): 1 if it sounds; 0 is unused
};

/// Every result is a pure function of (material, options, seed, index). All members are const and
/// may be called from many threads. Keep OpenCV to one thread per caller (cv::setNumThreads(1)).
class SceneComposer {
 public:
  /// `material` must outlive the composer. Throws SceneError.
  SceneComposer(const Material& material, const SceneOptions& options);
  ~SceneComposer();

  /// Throws MaterialError if a file turns out to be damaged.
  Scene compose(std::uint64_t seed, std::uint64_t index) const;

  /// Scenes 2k and 2k + 1 of the pairs option, at the price of little more than one.
  std::pair<Scene, Scene> compose_pair(std::uint64_t seed, std::uint64_t k) const;

  /// From photographs, pool photographs (pseudo labels) and composites, about a third each.
  VisualScene compose_visual(std::uint64_t seed, std::uint64_t index) const;

  /// One class, two or none sound (options two_sounds and only_noise).
  AudioScene compose_audio(std::uint64_t seed, std::uint64_t index) const;

  const SceneOptions& options() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lightavseg
