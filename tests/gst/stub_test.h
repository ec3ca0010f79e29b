// SPDX-License-Identifier: LGPL-2.1-or-later
// The fixture of tests that run lightavseg on a stub: each begins and leaves it as it is when new.
#pragma once

#include <gtest/gtest.h>

#include "tests/gst/stub_segmenter.h"

namespace lightavseg::gst::test {

class StubTest : public testing::Test {
 protected:
  void SetUp() override {
    use_stubs();
    stub().delay_ms = 0;
    stub().runs = 0;
    stub().most_inside = 0;
  }
  void TearDown() override {
    stub().delay_ms = 0;
    stub().shares = stub().uneven = false;
  }
};

}  // namespace lightavseg::gst::test
