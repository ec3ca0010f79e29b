// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/random.h"

#include <gtest/gtest.h>

#include <set>

namespace lightavseg {
namespace {

TEST(RandomTest, MixMatchesSplitMix64) {
  // The first outputs of SplitMix64 from state 0, as its public reference code prints them.
  EXPECT_EQ(mix_bits(0x9e3779b97f4a7c15ULL), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(mix_bits(2 * 0x9e3779b97f4a7c15ULL), 0x6e789e6aa1b965f4ULL);
}

TEST(RandomTest, SameKeySameNumbersOtherKeyOtherNumbers) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed : {0u, 1u}) {
    for (std::uint64_t index : {0u, 1u, 2u}) {
      for (std::uint64_t stream : {0u, 1u}) {
        Random a(seed, index, stream), b(seed, index, stream);
        const std::uint64_t first = a.next();
        EXPECT_EQ(first, b.next());
        EXPECT_TRUE(seen.insert(first).second);
      }
    }
  }
}

TEST(RandomTest, UniformAndBellHaveTheirMoments) {
  Random random(3);
  double sum = 0, bell = 0, bell_squares = 0;
  const int count = 20000;
  for (int i = 0; i < count; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
    const double normal = random.bell();
    bell += normal;
    bell_squares += normal * normal;
  }
  EXPECT_NEAR(sum / count, 0.5, 0.01);
  EXPECT_NEAR(bell / count, 0, 0.03);
  EXPECT_NEAR(bell_squares / count, 1, 0.03);
}

TEST(RandomTest, PicksInProportionAndNeverAZeroWeight) {
  Random random(4);
  int counts[3] = {};
  for (int i = 0; i < 9000; ++i) ++counts[random.pick({1, 0, 2})];
  EXPECT_NEAR(counts[0], 3000, 200);
  EXPECT_EQ(counts[1], 0);
  EXPECT_EQ(random.pick({0, 0}), -1);
  EXPECT_EQ(random.pick({}), -1);
}

TEST(RandomTest, HashOfATextNeverChanges) {
  EXPECT_EQ(hash_text(""), mix_bits(0xcbf29ce484222325ULL));
  EXPECT_EQ(hash_text("a"), mix_bits(0xaf63dc4c8601ec8cULL));
}

}  // namespace
}  // namespace lightavseg
