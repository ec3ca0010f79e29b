// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/inference/mask_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

namespace lightavseg {
namespace {

constexpr float kRamp = 0.1f;            // half width, in probability
constexpr size_t kMostRegions = 16;      // a picture of confetti must not make a thousand boxes
constexpr int kSmallestRegion = 1000;    // as a divisor of the map
constexpr double kSmallestShare = 0.05;  // of a label

void check_size(const char* what, size_t found, int height, int width) {
  if (height < 0 || width < 0 || found != size_t(height) * size_t(width))
    throw std::runtime_error(fmt::format("{}: {} values, a map of {}x{} has another number of them",
                                         what, found, height, width));
}

// Within 0..1; NaN becomes 0, so that it marks nothing.
float unit(float value) {
  return std::min(1.0f, std::max(0.0f, value));
}

std::uint8_t to_byte(float coverage) {
  // Not below 0, where this would round wrongly; lround would keep the loops from being vectorised.
  return std::uint8_t(unit(coverage) * 255.0f + 0.5f);  // NOLINT(bugprone-incorrect-roundings)
}

// Pixels that count: sums of a whole mask or of one part of it.
struct Tally {
  std::int64_t pixels = 0;
  double probability = 0;
  std::array<std::int64_t, 256> labels{};  // how often each stands there

  void add(float p, std::uint8_t label) {
    ++pixels;
    probability += double(p);
    ++labels[label];
  }
  double score() const { return pixels > 0 ? probability / double(pixels) : 0; }
  // The lowest one where two are equally frequent.
  int most_frequent() const {
    return int(std::max_element(labels.begin(), labels.end()) - labels.begin());
  }
};

void describe(const Tally& tally, std::int64_t map, MaskRegion& region) {
  region.area = double(tally.pixels) / double(map);
  region.score = tally.score();
  region.label = tally.most_frequent();
}

// Largest first; the order of equal ones follows from where they are.
bool goes_before(const cv::Mat& stats, int a, int b) {
  const int *s = stats.ptr<int>(a), *t = stats.ptr<int>(b);
  if (s[cv::CC_STAT_AREA] != t[cv::CC_STAT_AREA]) return s[cv::CC_STAT_AREA] > t[cv::CC_STAT_AREA];
  if (s[cv::CC_STAT_TOP] != t[cv::CC_STAT_TOP]) return s[cv::CC_STAT_TOP] < t[cv::CC_STAT_TOP];
  return s[cv::CC_STAT_LEFT] < t[cv::CC_STAT_LEFT];
}

std::vector<LabelShare> label_shares(const Tally& tally) {
  std::vector<LabelShare> shares;
  for (int label = 1; label < 256; ++label) {
    const double share = double(tally.labels[size_t(label)]) / double(tally.pixels);
    if (share >= kSmallestShare) shares.push_back({label, share});
  }
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.share > b.share; });
  return shares;
}

}  // namespace

void TemporalSmoothing::apply(std::vector<float>& mask, int height, int width, double strength) {
  check_size("mask", mask.size(), height, width);
  const float s = unit(float(strength));
  if (s > 0 && height == height_ && width == width_ && earlier_.size() == mask.size()) {
    for (size_t i = 0; i < mask.size(); ++i) {
      const float difference = earlier_[i] - mask[i];
      const float agreement = 1.0f - std::abs(difference);
      const float blend = mask[i] + s * agreement * agreement * difference;
      // One frame with a NaN would otherwise stay for ever.
      if (std::isfinite(blend)) mask[i] = blend;
    }
  }
  earlier_ = mask;
  height_ = height;
  width_ = width;
}

void apply_look(const std::vector<float>& mask, int height, int width, const MaskLook& look,
                std::vector<std::uint8_t>& out) {
  check_size("mask", mask.size(), height, width);
  out.resize(mask.size());
  if (mask.empty()) return;
  const float threshold = unit(float(look.threshold));
  // Near 0 and 1 the ramp is as narrow as it must be for 0 to stay 0 and 1 to stay 1.
  const float ramp = std::min({kRamp, threshold, 1.0f - threshold});
  cv::Mat_<float> coverage(height, width);
  float* c = coverage.ptr<float>();
  if (threshold <= 0) {
    std::transform(mask.begin(), mask.end(), c, unit);
  } else if (ramp > 0) {
    std::transform(mask.begin(), mask.end(), c,
                   [&](float p) { return unit((p - threshold) / (2.0f * ramp) + 0.5f); });
  } else {
    std::transform(mask.begin(), mask.end(), c,
                   [&](float p) { return p >= threshold ? 1.0f : 0.0f; });
  }
  // What touches the border of the picture goes on behind it.
  if (look.feather > 0)
    cv::GaussianBlur(coverage, coverage, cv::Size(), look.feather, look.feather,
                     cv::BORDER_REPLICATE);
  std::transform(c, c + mask.size(), out.begin(), to_byte);
  if (look.invert)
    for (auto& value : out) value = std::uint8_t(255 - value);
}

MaskSummary summarise(const std::vector<float>& mask, const std::vector<std::uint8_t>& labels,
                      int height, int width, double threshold) {
  check_size("mask", mask.size(), height, width);
  if (!labels.empty()) check_size("labels", labels.size(), height, width);
  MaskSummary summary;
  if (mask.empty()) return summary;
  const float least = threshold > 0 ? float(threshold) : 0.5f;
  const auto map = std::int64_t(mask.size());
  cv::Mat_<std::uint8_t> counts(height, width);
  std::transform(mask.begin(), mask.end(), counts.begin(),
                 [&](float p) { return std::uint8_t(p >= least); });
  cv::Mat components, stats, centres;
  const int found = cv::connectedComponentsWithStats(counts, components, stats, centres, 8, CV_32S);

  std::vector<int> kept;  // component 0 is what does not count
  for (int i = 1; i < found; ++i)
    if (std::int64_t(stats.at<int>(i, cv::CC_STAT_AREA)) * kSmallestRegion >= map)
      kept.push_back(i);
  std::stable_sort(kept.begin(), kept.end(),
                   [&](int a, int b) { return goes_before(stats, a, b); });
  kept.resize(std::min(kept.size(), kMostRegions));
  std::vector<int> place(size_t(found), -1);  // of a component in `kept`
  for (size_t k = 0; k < kept.size(); ++k) place[size_t(kept[k])] = int(k);

  Tally all;
  std::vector<Tally> parts(kept.size());
  int left = width, top = height, right = -1, bottom = -1;
  for (int y = 0; y < height; ++y) {
    const int* component = components.ptr<int>(y);
    for (int x = 0; x < width; ++x) {
      if (component[x] == 0) continue;
      const size_t i = size_t(y) * size_t(width) + size_t(x);
      const std::uint8_t label = labels.empty() ? 0 : labels[i];
      all.add(mask[i], label);
      const int part = place[size_t(component[x])];
      if (part >= 0) parts[size_t(part)].add(mask[i], label);
      left = std::min(left, x);
      right = std::max(right, x);
      top = std::min(top, y);
      bottom = y;
    }
  }
  if (all.pixels == 0) return summary;
  summary.box = {left, top, right - left + 1, bottom - top + 1, 0, 0, 0};
  describe(all, map, summary.box);
  summary.area = summary.box.area;
  summary.score = summary.box.score;
  for (size_t k = 0; k < kept.size(); ++k) {
    const int* s = stats.ptr<int>(kept[k]);
    MaskRegion region{s[cv::CC_STAT_LEFT],
                      s[cv::CC_STAT_TOP],
                      s[cv::CC_STAT_WIDTH],
                      s[cv::CC_STAT_HEIGHT],
                      0,
                      0,
                      0};
    describe(parts[k], map, region);
    summary.regions.push_back(region);
  }
  summary.labels = label_shares(all);
  return summary;
}

}  // namespace lightavseg
