// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench_clips.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/data/augment.h"
#include "model/data/avsbench_classes.h"
#include "model/data/random.h"

namespace lightavseg {
namespace {

constexpr double kInSecond = 15.0 / 16;
constexpr double kPhotographs = 0.6;  // of the clips with one object

AvsSubset subset_of(AvsSet set, int index) {
  static constexpr AvsSubset kAvss[] = {AvsSubset::kV1s, AvsSubset::kV1m, AvsSubset::kV2};
  if (set == AvsSet::kS4) return AvsSubset::kS4;
  if (set == AvsSet::kMs3) return AvsSubset::kMs3;
  return kAvss[index % 3];
}

std::vector<ClipPart> draw_parts(Random& random, int seconds) {
  static constexpr ClipSound kSounds[] = {ClipSound::kFirst, ClipSound::kSecond, ClipSound::kBoth,
                                          ClipSound::kSilence, ClipSound::kAbsent};
  std::vector<ClipPart> parts;
  for (int i = 0; i < seconds; ++i) {
    // Never below 0, since there are weights; an analyzer does not know that.
    const ClipSound sound = kSounds[std::max(0, random.pick({0.35, 0.35, 0.2, 0.05, 0.05}))];
    if (!parts.empty() && parts.back().sound == sound) {
      parts.back().seconds += 1;
    } else {
      parts.push_back({sound, 1});
    }
  }
  return parts;
}

// Sounding classes stay; everything else becomes 0.
cv::Mat heard_labels(const Canvas& canvas, const std::vector<int>& sounding, bool binary) {
  cv::Mat mask = cv::Mat::zeros(canvas.labels.size(), CV_8U);
  for (const int cls : sounding) {
    // Classes that have sounds only are no label of any pixel.
    if (cls >= 128) continue;
    mask.setTo(binary ? 255 : cls, canvas.labels == cls);
  }
  return mask;
}

}  // namespace

AvsClipContent compose_avs_clip(const ClipComposer& composer, AvsSet set, const std::string& split,
                                int size, std::uint64_t seed, int index) {
  const Taxonomy& taxonomy = composer.material().taxonomy();
  AvsClipContent content;
  content.subset = subset_of(set, index);
  content.split = split;
  content.name = fmt::format("clip{:05d}", index);
  content.sample_rate = kSceneSampleRate;
  const int seconds = real_frame_count(content.subset);
  ClipOptions options;
  options.size = {size, size};
  if (content.subset == AvsSubset::kS4 || content.subset == AvsSubset::kV1s) {
    options.objects = 1;
    options.photograph = kPhotographs;
    options.parts = {{ClipSound::kFirst, static_cast<double>(seconds)}};
  } else {
    Random random(seed, static_cast<std::uint64_t>(index), 8);
    options.parts = draw_parts(random, seconds);
  }
  const Clip clip = composer.compose(options, seed, static_cast<std::uint64_t>(index));
  for (const ClipObject& object : clip.objects()) {
    content.category += (content.category.empty() ? "" : "_") + taxonomy.class_name(object.cls);
  }
  for (int i = 0; i < seconds; ++i) {
    const Canvas canvas = clip.picture(i + kInSecond);
    content.frames.push_back(canvas.rgb);
    content.masks.push_back(
        heard_labels(canvas, clip.sounding(i + kInSecond), set != AvsSet::kAvss));
  }
  content.audio = clip.audio();
  return content;
}

std::vector<std::string> avss_names_of(const Taxonomy& taxonomy) {
  if (taxonomy.visible_count() >= kAvssClassCount) {
    throw ClipError(fmt::format("AVSS has {} classes; the class list has {} visible ones",
                                kAvssClassCount - 1, taxonomy.visible_count()));
  }
  std::vector<std::string> names(taxonomy.class_names().begin(),
                                 taxonomy.class_names().begin() + taxonomy.visible_count() + 1);
  while (static_cast<int>(names.size()) < kAvssClassCount) {
    names.push_back(fmt::format("unused-{}", names.size()));
  }
  return names;
}

}  // namespace lightavseg
