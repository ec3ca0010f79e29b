// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/inference/mask_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

namespace lightavseg {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Map = std::vector<float>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Map random_map(int height, int width, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Map map(size_t(height) * size_t(width));
  for (auto& p : map) p = float(random() >> 40) / float(1 << 24);
  return map;
}

Bytes look_of(const Map& mask, int height, int width, const MaskLook& look) {
  Bytes out;
  apply_look(mask, height, width, look, out);
  return out;
}

MaskLook look(double threshold, double feather = 0, bool invert = false) {
  MaskLook l;
  l.threshold = threshold;
  l.feather = feather;
  l.invert = invert;
  return l;
}

// ' ' is 0, '1' .. '9' are 0.1 .. 0.9 and '#' is 1.
Map drawn(const std::vector<std::string>& rows) {
  Map map;
  for (const auto& row : rows)
    for (char c : row) map.push_back(c == '#' ? 1.0f : c == ' ' ? 0.0f : float(c - '0') / 10.0f);
  return map;
}

// ' ' is 0, other digits are themselves.
Bytes drawn_labels(const std::vector<std::string>& rows) {
  Bytes map;
  for (const auto& row : rows)
    for (char c : row) map.push_back(c == ' ' ? 0 : std::uint8_t(c - '0'));
  return map;
}

TEST(TemporalSmoothing, FirstMaskIsTakenAsItIs) {
  TemporalSmoothing smoothing;
  Map mask = {0.1f, 0.9f};
  smoothing.apply(mask, 1, 2, 1);
  EXPECT_EQ(mask, (Map{0.1f, 0.9f}));
}

TEST(TemporalSmoothing, BlendsByDisagreement) {
  TemporalSmoothing smoothing;
  Map mask = {0.5f, 0.0f, 0.8f, 0.5f};
  smoothing.apply(mask, 2, 2, 0.5);
  mask = {0.75f, 1.0f, 0.8f, 0.4f};
  smoothing.apply(mask, 2, 2, 0.5);
  // p + s (1 - |d|)^2 d, d = old - new
  EXPECT_NEAR(mask[0], 0.75 - 0.5 * 0.75 * 0.75 * 0.25, 1e-6);
  EXPECT_EQ(mask[1], 1.0f);  // an edge that moved: no trace of the earlier mask
  EXPECT_EQ(mask[2], 0.8f);
  EXPECT_NEAR(mask[3], 0.4 + 0.5 * 0.9 * 0.9 * 0.1, 1e-6);
}

TEST(TemporalSmoothing, RemembersTheBlend) {
  TemporalSmoothing smoothing;
  Map mask = {0.0f};
  smoothing.apply(mask, 1, 1, 1);
  mask = {0.5f};
  smoothing.apply(mask, 1, 1, 1);
  EXPECT_NEAR(mask[0], 0.375, 1e-6);
  mask = {0.5f};
  smoothing.apply(mask, 1, 1, 1);
  EXPECT_NEAR(mask[0], 0.5 - 0.875 * 0.875 * 0.125, 1e-6);
}

TEST(TemporalSmoothing, StrengthZeroChangesNothingButRemembers) {
  TemporalSmoothing smoothing;
  Map mask = random_map(5, 3, 1);
  smoothing.apply(mask, 5, 3, 0);
  mask = random_map(5, 3, 2);
  smoothing.apply(mask, 5, 3, 0);
  EXPECT_EQ(mask, random_map(5, 3, 2));
  mask = random_map(5, 3, 3);
  smoothing.apply(mask, 5, 3, 1);
  TemporalSmoothing other;
  Map expected = random_map(5, 3, 2);
  other.apply(expected, 5, 3, 1);
  expected = random_map(5, 3, 3);
  other.apply(expected, 5, 3, 1);
  EXPECT_EQ(mask, expected);
}

TEST(TemporalSmoothing, StaysBetweenTheTwoMasks) {
  const Map a = random_map(16, 16, 4), b = random_map(16, 16, 5);
  for (double strength : {0.25, 0.5, 1.0}) {
    TemporalSmoothing smoothing;
    Map mask = a;
    smoothing.apply(mask, 16, 16, strength);
    mask = b;
    smoothing.apply(mask, 16, 16, strength);
    for (size_t i = 0; i < mask.size(); ++i) {
      ASSERT_GE(mask[i], std::min(a[i], b[i]) - 1e-6f);
      ASSERT_LE(mask[i], std::max(a[i], b[i]) + 1e-6f);
    }
  }
}

TEST(TemporalSmoothing, CalmsAStillEdge) {
  // Noise of 0.05 about one half: the blend moves less than a third as much.
  TemporalSmoothing smoothing;
  float earlier = 0.5f, raw = 0, smooth = 0;
  for (int i = 0; i < 40; ++i) {
    Map mask = {i % 2 == 0 ? 0.55f : 0.45f};
    smoothing.apply(mask, 1, 1, 0.8);
    if (i > 5) {
      raw += 0.1f;
      smooth += std::abs(mask[0] - earlier);
    }
    earlier = mask[0];
  }
  EXPECT_LT(smooth, raw / 3);
}

TEST(TemporalSmoothing, ResetForgets) {
  TemporalSmoothing smoothing;
  Map mask = {0.4f};
  smoothing.apply(mask, 1, 1, 1);
  smoothing.reset();
  mask = {0.5f};
  smoothing.apply(mask, 1, 1, 1);
  EXPECT_EQ(mask[0], 0.5f);
}

TEST(TemporalSmoothing, AnotherSizeStartsAnew) {
  TemporalSmoothing smoothing;
  Map mask(6, 0.4f);
  smoothing.apply(mask, 2, 3, 1);
  mask.assign(6, 0.5f);
  smoothing.apply(mask, 3, 2, 1);
  EXPECT_EQ(mask, Map(6, 0.5f));
}

TEST(TemporalSmoothing, StrengthBeyondItsRangeIsTheNearestOne) {
  for (const auto& [given, meant] : {std::pair(7.0, 1.0), std::pair(-1.0, 0.0)}) {
    TemporalSmoothing a, b;
    Map x = random_map(3, 3, 6), y = x;
    a.apply(x, 3, 3, given);
    b.apply(y, 3, 3, meant);
    x = y = random_map(3, 3, 7);
    a.apply(x, 3, 3, given);
    b.apply(y, 3, 3, meant);
    EXPECT_EQ(x, y);
  }
}

TEST(TemporalSmoothing, OneBrokenFrameDoesNotStay) {
  TemporalSmoothing smoothing;
  Map mask = {kNan};
  smoothing.apply(mask, 1, 1, 1);
  mask = {0.5f};
  smoothing.apply(mask, 1, 1, 1);
  EXPECT_EQ(mask[0], 0.5f);
}

TEST(TemporalSmoothing, RefusesAMapOfAnotherSize) {
  TemporalSmoothing smoothing;
  Map mask(5);
  EXPECT_THROW(smoothing.apply(mask, 2, 3, 1), std::runtime_error);
  EXPECT_THROW(smoothing.apply(mask, -1, -5, 1), std::runtime_error);
}

TEST(ApplyLook, ThresholdZeroKeepsTheProbabilities) {
  const Map mask = {0, 0.25f, 0.5f, 0.75f, 1, 1 / 255.0f};
  EXPECT_EQ(look_of(mask, 2, 3, look(0)), (Bytes{0, 64, 128, 191, 255, 1}));
  const auto all = look_of(random_map(224, 224, 8), 224, 224, look(0));
  const auto map = random_map(224, 224, 8);
  for (size_t i = 0; i < map.size(); ++i) ASSERT_NEAR(all[i], 255 * map[i], 0.5001);
}

TEST(ApplyLook, ThresholdIsARampOfATenthToEachSide) {
  const Map mask = {0, 0.39f, 0.4f, 0.45f, 0.5f, 0.55f, 0.6f, 0.61f, 1};
  EXPECT_EQ(look_of(mask, 1, 9, look(0.5)), (Bytes{0, 0, 0, 64, 128, 191, 255, 255, 255}));
}

TEST(ApplyLook, RampLeavesTheEndsWhereTheyAre) {
  for (double threshold : {0.01, 0.05, 0.1, 0.3, 0.9, 0.97, 1.0}) {
    const auto out = look_of({0, float(threshold), 1}, 1, 3, look(threshold));
    EXPECT_EQ(out[0], 0) << threshold;
    EXPECT_GE(out[1], 127) << threshold;
    EXPECT_EQ(out[2], 255) << threshold;
  }
  EXPECT_EQ(look_of({0.999f, 1}, 1, 2, look(1)), (Bytes{0, 255}));
}

TEST(ApplyLook, GrowsWithTheProbabilityAndFallsWithTheThreshold) {
  Map mask(101);
  for (size_t i = 0; i < mask.size(); ++i) mask[i] = float(i) / 100;
  Bytes earlier(mask.size(), 255);
  for (int t = 1; t <= 10; ++t) {
    const auto out = look_of(mask, 1, 101, look(t / 10.0));
    for (size_t i = 0; i < out.size(); ++i) {
      if (i > 0) {
        ASSERT_GE(out[i], out[i - 1]) << t;
      }
      ASSERT_LE(out[i], earlier[i]) << t << " " << i;
    }
    earlier = out;
  }
}

TEST(ApplyLook, InvertingTwiceIsNothing) {
  for (double threshold : {0.0, 0.5}) {
    for (double feather : {0.0, 1.5}) {
      const auto mask = random_map(7, 9, 9);
      const auto plain = look_of(mask, 7, 9, look(threshold, feather));
      const auto inverted = look_of(mask, 7, 9, look(threshold, feather, true));
      for (size_t i = 0; i < plain.size(); ++i) ASSERT_EQ(plain[i], 255 - inverted[i]);
    }
  }
}

TEST(ApplyLook, FeatherIsAGaussian) {
  // One row with an edge: the integral of the Gaussian, half at the edge between the pixels.
  Map mask(40, 0.0f);
  std::fill(mask.begin() + 20, mask.end(), 1.0f);
  const auto out = look_of(mask, 1, 40, look(0.5, 2));
  for (int x = 0; x < 40; ++x) {
    const double z = (x - 19.5) / (2 * std::sqrt(2.0));
    ASSERT_NEAR(out[size_t(x)], 255 * 0.5 * (1 + std::erf(z)), 1.5) << x;
  }
}

TEST(ApplyLook, FeatherGoesOnBehindTheBorder) {
  EXPECT_EQ(look_of(Map(15, 1.0f), 5, 3, look(0.5, 4)), Bytes(15, 255));
  EXPECT_EQ(look_of(Map(15, 0.0f), 5, 3, look(0.5, 4)), Bytes(15, 0));
}

TEST(ApplyLook, AllSizes) {
  for (const auto& [height, width] : {std::pair(1, 1), std::pair(5, 3), std::pair(1, 17),
                                      std::pair(17, 1), std::pair(224, 224)}) {
    const auto mask = random_map(height, width, 10);
    for (double feather : {0.0, 0.3, 3.0}) {
      const auto out = look_of(mask, height, width, look(0.5, feather));
      EXPECT_EQ(out.size(), mask.size());
      EXPECT_EQ(out, look_of(mask, height, width, look(0.5, feather)));
    }
  }
  EXPECT_TRUE(look_of({}, 0, 0, look(0.5, 2)).empty());
  EXPECT_EQ(look_of({0.9f}, 1, 1, look(0.5, 2)), Bytes{255});
}

TEST(ApplyLook, ValuesOutsideTheirRange) {
  EXPECT_EQ(look_of({-1, 2, kNan}, 1, 3, look(0)), (Bytes{0, 255, 0}));
  EXPECT_EQ(look_of({-1, 2, kNan}, 1, 3, look(0.5)), (Bytes{0, 255, 0}));
  const auto mask = random_map(5, 3, 11);
  EXPECT_EQ(look_of(mask, 5, 3, look(-3)), look_of(mask, 5, 3, look(0)));
  EXPECT_EQ(look_of(mask, 5, 3, look(3)), look_of(mask, 5, 3, look(1)));
  EXPECT_EQ(look_of(mask, 5, 3, look(0.5, -2)), look_of(mask, 5, 3, look(0.5)));
}

TEST(ApplyLook, RefusesAMapOfAnotherSize) {
  Bytes out;
  EXPECT_THROW(apply_look(Map(5), 2, 3, {}, out), std::runtime_error);
}

TEST(MaskLook, Comparison) {
  EXPECT_TRUE(MaskLook() == MaskLook());
  EXPECT_FALSE(look(0.5) == look(0.4));
  EXPECT_FALSE(look(0.5, 1) == look(0.5, 2));
  EXPECT_FALSE(look(0.5, 1, true) == look(0.5, 1, false));
}

TEST(Summarise, TwoPartsWithLabels) {
  const std::vector<std::string> rows = {
      "##      ",
      "##   4 8",
      "     8 8",
      "5      8",
  };
  const auto labels = drawn_labels({
      "11      ",
      "13   2 2",
      "     2 2",
      "7      2",
  });
  const auto s = summarise(drawn(rows), labels, 4, 8, 0.5);
  EXPECT_NEAR(s.area, 9.0 / 32, 1e-9);
  EXPECT_NEAR(s.score, (4 * 1 + 4 * 0.8 + 0.5) / 9, 1e-6);
  EXPECT_EQ(s.box.x, 0);
  EXPECT_EQ(s.box.y, 0);
  EXPECT_EQ(s.box.width, 8);
  EXPECT_EQ(s.box.height, 4);
  EXPECT_EQ(s.box.area, s.area);
  EXPECT_EQ(s.box.score, s.score);
  EXPECT_EQ(s.box.label, 2);

  ASSERT_EQ(s.regions.size(), 4u);
  const auto& dog = s.regions[0];
  EXPECT_EQ(std::tie(dog.x, dog.y, dog.width, dog.height), std::make_tuple(0, 0, 2, 2));
  EXPECT_NEAR(dog.area, 4.0 / 32, 1e-9);
  EXPECT_NEAR(dog.score, 1, 1e-6);
  EXPECT_EQ(dog.label, 1);
  const auto& bar = s.regions[1];
  EXPECT_EQ(std::tie(bar.x, bar.y, bar.width, bar.height), std::make_tuple(7, 1, 1, 3));
  EXPECT_NEAR(bar.score, 0.8, 1e-6);
  EXPECT_EQ(bar.label, 2);
  // Two single pixels: the upper one first.
  EXPECT_EQ(s.regions[2].y, 2);
  EXPECT_EQ(s.regions[3].y, 3);
  EXPECT_EQ(s.regions[3].label, 7);

  ASSERT_EQ(s.labels.size(), 4u);
  EXPECT_EQ(s.labels[0].label, 2);
  EXPECT_NEAR(s.labels[0].share, 4.0 / 9, 1e-9);
  EXPECT_EQ(s.labels[1].label, 1);
  EXPECT_NEAR(s.labels[1].share, 3.0 / 9, 1e-9);
  // Equal shares: the lower label first.
  EXPECT_EQ(s.labels[2].label, 3);
  EXPECT_EQ(s.labels[3].label, 7);
}

TEST(Summarise, PartsThatTouchAtACornerAreOne) {
  const auto s = summarise(drawn({"# #", " # ", "   "}), {}, 3, 3, 0.5);
  ASSERT_EQ(s.regions.size(), 1u);
  EXPECT_NEAR(s.regions[0].area, 3.0 / 9, 1e-9);
  EXPECT_EQ(s.regions[0].height, 2);
}

TEST(Summarise, NothingIsMarked) {
  for (const auto& map : {drawn({"   ", "4 4"}), Map(6, kNan)}) {
    const auto s = summarise(map, Bytes(6, 1), 2, 3, 0.5);
    EXPECT_EQ(s.area, 0);
    EXPECT_EQ(s.score, 0);
    EXPECT_EQ(s.box.width, 0);
    EXPECT_EQ(s.box.height, 0);
    EXPECT_EQ(s.box.label, 0);
    EXPECT_TRUE(s.regions.empty());
    EXPECT_TRUE(s.labels.empty());
  }
  EXPECT_EQ(summarise({}, {}, 0, 0, 0.5).area, 0);
}

TEST(Summarise, ThresholdZeroCountsFromOneHalf) {
  const auto map = drawn({"4567"});
  EXPECT_NEAR(summarise(map, {}, 1, 4, 0).area, 0.75, 1e-9);
  EXPECT_NEAR(summarise(map, {}, 1, 4, 0.65).area, 0.25, 1e-9);
  EXPECT_NEAR(summarise(map, {}, 1, 4, 0.1).area, 1, 1e-9);
}

TEST(Summarise, WithoutLabelsNothingIsNamed) {
  const auto s = summarise(Map(4, 1.0f), {}, 2, 2, 0.5);
  EXPECT_EQ(s.box.label, 0);
  EXPECT_EQ(s.regions.at(0).label, 0);
  EXPECT_TRUE(s.labels.empty());
}

TEST(Summarise, AMaskOfMostlyNoClassHasNoName) {
  const auto s = summarise(Map(4, 1.0f), {0, 0, 0, 9}, 2, 2, 0.5);
  EXPECT_EQ(s.regions.at(0).label, 0);
  ASSERT_EQ(s.labels.size(), 1u);
  EXPECT_EQ(s.labels[0].label, 9);
  EXPECT_NEAR(s.labels[0].share, 0.25, 1e-9);
}

TEST(Summarise, SmallSharesAreLeftOut) {
  Bytes labels(100, 1);
  for (size_t i = 0; i < 4; ++i) labels[i] = 2;
  for (size_t i = 10; i < 15; ++i) labels[i] = 3;
  const auto s = summarise(Map(100, 1.0f), labels, 10, 10, 0.5);
  ASSERT_EQ(s.labels.size(), 2u);
  EXPECT_EQ(s.labels[0].label, 1);
  EXPECT_EQ(s.labels[1].label, 3);
}

TEST(Summarise, SmallPartsAreNoRegionsButCount) {
  // 0.1 % of 50 x 50 is 2.5 pixels.
  Map map(2500, 0.0f);
  map[0] = map[1] = 1;                 // two pixels
  map[100] = map[101] = map[102] = 1;  // three
  const auto s = summarise(map, {}, 50, 50, 0.5);
  EXPECT_NEAR(s.area, 5.0 / 2500, 1e-9);
  ASSERT_EQ(s.regions.size(), 1u);
  EXPECT_EQ(s.regions[0].width, 3);
  EXPECT_EQ(s.box.y, 0);
}

TEST(Summarise, AtMostSixteenRegionsLargestFirst) {
  // Twenty columns of growing length, two apart.
  Map map(20 * 40, 0.0f);
  for (int c = 0; c < 20; ++c)
    for (int y = 0; y <= c; ++y) map[size_t(y * 40 + 2 * c)] = 1;
  const auto s = summarise(map, {}, 20, 40, 0.5);
  ASSERT_EQ(s.regions.size(), 16u);
  for (int k = 0; k < 16; ++k) {
    EXPECT_EQ(s.regions[size_t(k)].height, 20 - k);
    EXPECT_EQ(s.regions[size_t(k)].x, 2 * (19 - k));
  }
  EXPECT_EQ(s.box.x, 0);
  EXPECT_EQ(s.box.width, 39);
}

TEST(Summarise, AllSizesAndAgain) {
  for (const auto& [height, width] :
       {std::pair(1, 1), std::pair(5, 3), std::pair(3, 5), std::pair(224, 224)}) {
    const auto map = random_map(height, width, 12);
    const auto a = summarise(map, Bytes(map.size(), 1), height, width, 0.6);
    const auto b = summarise(map, Bytes(map.size(), 1), height, width, 0.6);
    EXPECT_EQ(a.area, b.area);
    EXPECT_EQ(a.score, b.score);
    ASSERT_EQ(a.regions.size(), b.regions.size());
    double sum = 0;
    for (size_t k = 0; k < a.regions.size(); ++k) {
      const auto &r = a.regions[k], &q = b.regions[k];
      EXPECT_EQ(std::tie(r.x, r.y, r.width, r.height, r.area, r.score, r.label),
                std::tie(q.x, q.y, q.width, q.height, q.area, q.score, q.label));
      EXPECT_GE(r.x, a.box.x);
      EXPECT_LE(r.x + r.width, a.box.x + a.box.width);
      EXPECT_GE(r.score, 0.6f);
      sum += r.area;
    }
    EXPECT_LE(sum, a.area + 1e-9);
  }
}

TEST(Summarise, RefusesMapsOfAnotherSize) {
  EXPECT_THROW(summarise(Map(5), {}, 2, 3, 0.5), std::runtime_error);
  EXPECT_THROW(summarise(Map(6), Bytes(5), 2, 3, 0.5), std::runtime_error);
}

}  // namespace
}  // namespace lightavseg
