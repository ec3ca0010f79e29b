// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/model/network/golden_fill.h"

#include <gtest/gtest.h>

namespace lightavseg::testing {

TEST(GoldenFill, HashMatchesItsDefinition) {
  const auto values = hash_values("x", 5);
  const double expected[] = {0.898774, -0.573134, 0.331953, -0.363495, -0.800816};
  for (int i = 0; i < 5; ++i) EXPECT_NEAR(values[size_t(i)], expected[i], 1e-6);
}

}  // namespace lightavseg::testing
