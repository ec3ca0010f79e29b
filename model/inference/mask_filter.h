// SPDX-License-Identifier: LGPL-2.1-or-later
// From probabilities to a mask that people look at: smoothing over time, threshold, soft edge.
// No GStreamer, no LibTorch; maps are small (the network's size), so all of it costs little.
// Maps are row-major. Every function throws std::runtime_error when a vector has not height * width
// values, and takes values outside its range as the nearest one inside; NaN marks nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/inference/segmenter.h"

namespace lightavseg {

// Blends the masks of consecutive frames so that still edges stop flickering while moving ones
// stay crisp: the weight of the earlier mask falls with the disagreement of the two, pixel by
// pixel.  p = p_new + strength * (1 - |p_new - p_old|)^2 * (p_old - p_new).
// Not thread-safe.
class TemporalSmoothing {
 public:
  // Replaces `mask` [height, width] by the blend and remembers it. strength 0..1; 0 changes
  // nothing (and remembers). A mask of another size starts anew.
  void apply(std::vector<float>& mask, int height, int width, double strength);
  // The next mask is taken as it is (seek, gap, cut).
  void reset() { earlier_.clear(); }

 private:
  std::vector<float> earlier_;
  int height_ = 0, width_ = 0;
};

// How probabilities become coverage.
struct MaskLook {
  // 0..1. Probabilities at or above become 255, below 0, with a ramp of +-0.1 about it (less where
  // it would leave 0..1) so that edges are not stairs: the threshold itself becomes 128. 0 keeps
  // the network's own probabilities.
  double threshold = 0.5;
  // Blur of the edge, pixels of the map (not of the video), standard deviation, >= 0.
  double feather = 0;
  bool invert = false;
  bool operator==(const MaskLook& o) const {
    return threshold == o.threshold && feather == o.feather && invert == o.invert;
  }
};

// mask [height, width] of probabilities -> coverage bytes [height, width]. Pure.
void apply_look(const std::vector<float>& mask, int height, int width, const MaskLook& look,
                std::vector<std::uint8_t>& out);

// A connected part of a mask.
struct MaskRegion {
  int x = 0, y = 0, width = 0, height = 0;  // box, pixels of the map
  double area = 0;                          // share of the map, 0..1
  double score = 0;                         // mean probability inside
  int label = 0;  // most frequent label inside, 0 none of the classes (or no labels)
};

struct LabelShare {
  int label = 0;     // as in Segmentation::labels, never 0
  double share = 0;  // of the mask's pixels, 0..1
};

// What a mask shows, for metadata. Pixels count where the probability is at least threshold (0.5
// when threshold is 0).
struct MaskSummary {
  double area = 0;   // share of the map, 0..1
  double score = 0;  // mean probability of the pixels that count; 0 when there is none
  MaskRegion box;    // of all of them together
  std::vector<MaskRegion> regions;  // largest first, at most 16, each at least 0.1 % of the map
  std::vector<LabelShare> labels;   // largest share first; only shares of at least 5 %
};

MaskSummary summarise(const std::vector<float>& mask, const std::vector<std::uint8_t>& labels,
                      int height, int width, double threshold);

}  // namespace lightavseg
