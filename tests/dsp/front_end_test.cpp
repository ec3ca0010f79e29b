// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dsp/front_end.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/dsp/signals.h"

namespace lightavseg::dsp {
namespace {

using testing::contains;
using testing::error_of;

TEST(FrontEnd, NamesAreTheDocumentedOnes) {
  EXPECT_EQ(to_string(FrontEnd::kPanns16k), "panns-16k");
  EXPECT_EQ(to_string(FrontEnd::kPanns32k), "panns-32k");
  EXPECT_EQ(to_string(FrontEnd::kPanns32kFrom16k), "panns-32k-from-16k");
  EXPECT_EQ(to_string(FrontEnd::kVggish), "vggish");
  EXPECT_EQ(to_string(FrontEnd::kYamnet), "yamnet");
}

TEST(FrontEnd, NamesAreUniqueAndRoundTrip) {
  std::set<std::string_view> names;
  for (const FrontEnd front_end : kAllFrontEnds) {
    EXPECT_EQ(front_end_from_string(to_string(front_end)), front_end);
    EXPECT_EQ(spec(front_end).id, front_end);
    names.insert(to_string(front_end));
  }
  EXPECT_EQ(names.size(), kAllFrontEnds.size());
}

TEST(FrontEnd, UnknownNameListsTheValidOnes) {
  for (const char* name : {"panns", "PANNS-16k", "panns-16k ", ""}) {
    const std::string error = error_of([name] { front_end_from_string(name); });
    EXPECT_TRUE(contains(error, "\"" + std::string(name) + "\"")) << error;
    for (const FrontEnd valid : kAllFrontEnds) {
      EXPECT_TRUE(contains(error, std::string(to_string(valid)))) << error;
    }
  }
}

TEST(FrontEnd, ValueThatIsNoEnumeratorIsRefused) {
  const auto unknown = static_cast<FrontEnd>(99);
  EXPECT_TRUE(contains(error_of([unknown] { spec(unknown); }), "99"));
  EXPECT_TRUE(contains(error_of([unknown] { to_string(unknown); }), "FrontEnd"));
}

TEST(FrontEnd, SpecsHoldThePublishedConstants) {
  struct Expected {
    FrontEnd front_end;
    int rate, n_fft, window, hop, frames, patch;
    double fmin, fmax;
  };
  const Expected all[] = {
      {FrontEnd::kPanns16k, 16000, 512, 512, 160, 101, 101, 50, 8000},
      {FrontEnd::kPanns32k, 32000, 1024, 1024, 320, 101, 101, 50, 14000},
      {FrontEnd::kPanns32kFrom16k, 16000, 512, 512, 160, 101, 101, 50, 14000},
      {FrontEnd::kVggish, 16000, 512, 400, 160, 98, 96, 125, 7500},
      {FrontEnd::kYamnet, 16000, 512, 400, 160, 98, 96, 125, 7500},
  };
  for (const Expected& expected : all) {
    const FrontEndSpec& actual = spec(expected.front_end);
    SCOPED_TRACE(actual.name);
    EXPECT_EQ(actual.sample_rate, expected.rate);
    EXPECT_EQ(actual.n_fft, expected.n_fft);
    EXPECT_EQ(actual.window, expected.window);
    EXPECT_EQ(actual.hop, expected.hop);
    EXPECT_EQ(actual.bands, kMelBands);
    EXPECT_EQ(actual.frames_per_second, expected.frames);
    EXPECT_EQ(actual.patch_frames, expected.patch);
    EXPECT_EQ(actual.fmin, expected.fmin);
    EXPECT_EQ(actual.fmax, expected.fmax);
  }
}

TEST(FrontEnd, EveryHopIsTenMilliseconds) {
  for (const FrontEnd front_end : kAllFrontEnds) {
    EXPECT_EQ(spec(front_end).hop * 100, spec(front_end).sample_rate);
  }
}

}  // namespace
}  // namespace lightavseg::dsp
