// SPDX-License-Identifier: LGPL-2.1-or-later
// Features of one second of two tones against numbers computed in double precision with NumPy.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "dsp/log_mel.h"
#include "tests/dsp/signals.h"

namespace lightavseg::dsp {
namespace {

constexpr std::array<std::size_t, 7> kBands = {0, 4, 8, 16, 32, 48, 63};

struct GoldenFrame {
  int frame;
  std::array<double, kBands.size()> values;
};

struct Golden {
  FrontEnd front_end;
  int frames;
  double mean, min, max;
  int loudest_band;  // of frame 50
  std::vector<GoldenFrame> rows;
};

std::vector<Golden> golden_features() {
  return {
      {FrontEnd::kPanns16k,
       101,
       -72.371488,
       -100.0,
       18.255797,
       8,
       {{0, {1.631293, 5.651310, 14.594115, -9.655710, -28.456641, -15.913186, -28.425458}},
        {1, {-8.566547, -4.319379, 18.021349, -19.903569, -38.528180, -26.123532, -38.636395}},
        {50, {-65.121274, -41.512156, 18.255797, -66.280992, -96.936679, -100.0, -100.0}},
        {100, {1.187659, 5.326371, 13.676893, -8.726977, -30.931158, -22.903440, -34.335120}}}},
      {FrontEnd::kPanns32k,
       101,
       -73.869203,
       -100.0,
       24.855508,
       6,
       {{0, {7.312577, 13.465607, 15.040355, -8.204660, -9.841316, -22.454327, -34.475864}},
        {1, {-2.896694, 2.948685, 3.070043, -18.323251, -20.042723, -32.664608, -44.686397}},
        {50, {-58.666399, -27.028831, -15.541589, -67.675057, -99.654626, -100.0, -100.0}},
        {100, {7.189309, 13.390451, 15.031576, -7.634873, -11.855677, -23.752356, -35.707371}}}},
      {FrontEnd::kPanns32kFrom16k,
       101,
       -74.228619,
       -100.0,
       24.855508,
       6,
       {{0, {7.247923, 13.433878, 15.065063, -7.811612, -10.350997, -19.955700, -100.0}},
        {1, {-2.961241, 2.918973, 3.090211, -17.939841, -20.549706, -30.166585, -100.0}},
        {50, {-58.666392, -27.028831, -15.541589, -67.675274, -99.676456, -100.0, -100.0}},
        {100, {6.806573, 13.155598, 15.030143, -6.124244, -23.230663, -26.034811, -100.0}}}},
      {FrontEnd::kVggish,
       98,
       -3.013823,
       -4.600807,
       4.089175,
       8,
       {{0, {-3.735868, -2.339433, 4.089164, -3.243758, -4.564829, -4.423897, -4.599372}},
        {1, {-3.773262, -2.343258, 4.089168, -3.227499, -4.480956, -4.429576, -4.600807}},
        {50, {-3.735868, -2.339433, 4.089164, -3.243758, -4.564829, -4.423897, -4.599372}},
        {97, {-3.841083, -2.349173, 4.089175, -3.209697, -4.506813, -4.425847, -4.599775}}}},
      {FrontEnd::kYamnet,
       98,
       -4.016463,
       -6.864953,
       4.089024,
       8,
       {{0, {-4.209590, -2.437463, 4.089013, -3.505992, -6.562991, -5.813342, -6.851229}},
        {1, {-4.270343, -2.441682, 4.089017, -3.484909, -6.065077, -5.836328, -6.864953}},
        {50, {-4.209590, -2.437463, 4.089013, -3.505992, -6.562991, -5.813342, -6.851229}},
        {97, {-4.384402, -2.448212, 4.089024, -3.461940, -6.197963, -5.821189, -6.855066}}}},
  };
}

class GoldenTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  static std::vector<float> features(const LogMel& log_mel) {
    const int rate = log_mel.spec().sample_rate;
    const std::vector<float> samples = testing::two_tones(rate, static_cast<std::size_t>(rate));
    return log_mel.compute(samples.data(), samples.size());
  }
};

TEST_P(GoldenTest, OneSecondOfTwoTones) {
  const Golden golden = golden_features()[GetParam()];
  const LogMel log_mel(golden.front_end);
  SCOPED_TRACE(log_mel.spec().name);
  const bool decibels = log_mel.spec().compression == Compression::kDecibels;
  const std::vector<float> features = GoldenTest::features(log_mel);
  ASSERT_EQ(features.size(), static_cast<std::size_t>(golden.frames) * kMelBands);
  EXPECT_EQ(log_mel.spec().frames_per_second, golden.frames);

  for (const GoldenFrame& row : golden.rows) {
    for (std::size_t i = 0; i < kBands.size(); ++i) {
      const double expected = row.values[i];
      // Between -50 dB and the floor at -100 dB a decibel feature is what rounding in single
      // precision leaves beside tones 70 dB louder: no more than a bound on it can be asked for.
      const double tolerance = decibels && expected <= -50.0 ? 1.0 : 1e-3;
      EXPECT_NEAR(features[static_cast<std::size_t>(row.frame) * kMelBands + kBands[i]], expected,
                  tolerance)
          << "frame " << row.frame << " band " << kBands[i];
    }
  }

  double mean = 0.0;
  for (const float feature : features) mean += static_cast<double>(feature);
  mean /= static_cast<double>(features.size());
  EXPECT_NEAR(mean, golden.mean, decibels ? 0.05 : 1e-4);
  const auto [min, max] = std::minmax_element(features.begin(), features.end());
  EXPECT_NEAR(*min, golden.min, 1e-3);
  EXPECT_NEAR(*max, golden.max, 1e-3);

  const auto frame = features.begin() + 50 * kMelBands;
  EXPECT_EQ(std::max_element(frame, frame + kMelBands) - frame, golden.loudest_band);
}

INSTANTIATE_TEST_SUITE_P(AllFrontEnds, GoldenTest,
                         ::testing::Range(std::size_t{0}, kAllFrontEnds.size()));

TEST(LogMelGolden, SignalIsTheOneOfTheGoldenNumbers) {
  const std::vector<float> samples = testing::two_tones(16000, 16000);
  EXPECT_NEAR(samples[1], 0.316934433, 1e-7);
  EXPECT_NEAR(samples[7], 0.698691899, 1e-7);
  EXPECT_NEAR(samples[100], -0.75, 1e-7);
  double energy = 0.0;
  for (const float sample : samples) energy += static_cast<double>(sample) * sample;
  EXPECT_NEAR(energy, 2500.0, 1e-3);
}

TEST(LogMelGolden, FeaturesOf32kHzFrom16kHzAgreeWithNative32kHz) {
  const LogMel native(FrontEnd::kPanns32k);
  const LogMel derived(FrontEnd::kPanns32kFrom16k);
  const std::vector<float> at_32k = testing::two_tones(32000, 32000);
  const std::vector<float> at_16k = testing::two_tones(16000, 16000);
  const std::vector<float> expected = native.compute(at_32k.data(), at_32k.size());
  const std::vector<float> actual = derived.compute(at_16k.data(), at_16k.size());
  ASSERT_EQ(actual.size(), expected.size());
  int compared = 0;
  for (std::size_t i = 3 * kMelBands; i < 98 * kMelBands; ++i) {
    if (expected[i] < -50.0f) continue;
    EXPECT_NEAR(actual[i], expected[i], 2e-3) << "frame " << i / kMelBands;
    ++compared;
  }
  EXPECT_GT(compared, 95 * 8);
}

}  // namespace
}  // namespace lightavseg::dsp
