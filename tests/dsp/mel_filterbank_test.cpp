// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dsp/mel_filterbank.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "dsp/log_mel.h"
#include "tests/dsp/signals.h"

namespace lightavseg::dsp {
namespace {

using testing::contains;
using testing::error_of;

double sum_of(const MelFilterbank::Band& band) {
  double sum = 0.0;
  for (int k = 0; k < band.count; ++k) sum += static_cast<double>(band.weights[k]);
  return sum;
}

double sum_of(const MelFilterbank& bank) {
  double sum = 0.0;
  for (int b = 0; b < bank.bands(); ++b) sum += sum_of(bank.band(b));
  return sum;
}

int weights_of(const MelFilterbank& bank) {
  int count = 0;
  for (int b = 0; b < bank.bands(); ++b) count += bank.band(b).count;
  return count;
}

// Golden numbers of librosa.filters.mel with its defaults, computed in double precision.
struct GoldenBand {
  int band, first_bin, last_bin;
  double sum, max;
};

void expect_bands(const MelFilterbank& bank, const std::vector<GoldenBand>& golden) {
  for (const GoldenBand& expected : golden) {
    SCOPED_TRACE("band " + std::to_string(expected.band));
    const MelFilterbank::Band band = bank.band(expected.band);
    EXPECT_EQ(band.first_bin, expected.first_bin);
    EXPECT_EQ(band.first_bin + band.count - 1, expected.last_bin);
    EXPECT_NEAR(sum_of(band), expected.sum, 1e-8);
    EXPECT_NEAR(*std::max_element(band.weights, band.weights + band.count), expected.max, 1e-8);
  }
}

TEST(MelFilterbank, SlaneyAt32kHzMatchesLibrosa) {
  const MelFilterbank bank = MelFilterbank::slaney(32000, 1024, 64, 50, 14000);
  EXPECT_EQ(bank.bands(), 64);
  EXPECT_EQ(bank.bins(), 513);
  EXPECT_EQ(bank.used_bins(), 448);
  EXPECT_NEAR(sum_of(bank), 2.048126181, 1e-6);
  EXPECT_EQ(weights_of(bank), 866);
  expect_bands(bank, {{0, 2, 5, 0.031203872, 0.015011813},
                      {1, 4, 6, 0.033535505, 0.017933569},
                      {2, 6, 8, 0.031793996, 0.016192059},
                      {7, 14, 17, 0.031203872, 0.014018655},
                      {15, 28, 30, 0.031549188, 0.015947251},
                      {31, 68, 75, 0.032042076, 0.007326291},
                      {47, 165, 183, 0.032029916, 0.003263009},
                      {62, 380, 423, 0.031998183, 0.001420471},
                      {63, 401, 447, 0.031993777, 0.001341212}});
}

TEST(MelFilterbank, SlaneyAt16kHzMatchesLibrosa) {
  const MelFilterbank bank = MelFilterbank::slaney(16000, 512, 64, 50, 8000);
  EXPECT_EQ(bank.bands(), 64);
  EXPECT_EQ(bank.bins(), 257);
  EXPECT_NEAR(sum_of(bank), 2.049347810, 1e-6);
  EXPECT_EQ(weights_of(bank), 495);
  expect_bands(bank, {{0, 2, 4, 0.034821760, 0.021006435},
                      {1, 4, 5, 0.028819921, 0.014721148},
                      {2, 5, 7, 0.035444135, 0.021628810},
                      {7, 12, 14, 0.031481914, 0.017666590},
                      {15, 24, 26, 0.035216164, 0.021400840},
                      {31, 52, 56, 0.032283502, 0.011707317},
                      {47, 110, 120, 0.032221733, 0.005888875},
                      {62, 223, 244, 0.032050439, 0.002916321},
                      {63, 234, 255, 0.031957336, 0.002725728}});
}

TEST(MelFilterbank, HtkMatchesVggish) {
  const MelFilterbank bank = MelFilterbank::htk(16000, 512, 64, 125, 7500);
  EXPECT_EQ(bank.bins(), 257);
  // Sums of hundreds of single-precision weights: 1e-6 is meant relative to the total.
  EXPECT_NEAR(sum_of(bank), 230.913599161, 1e-6 * 230.9);
  EXPECT_NEAR(sum_of(bank.band(0)), 0.947690, 1e-6);
  EXPECT_NEAR(sum_of(bank.band(1)), 0.985416, 1e-6);
  EXPECT_NEAR(sum_of(bank.band(31)), 2.889028, 1e-6);
  EXPECT_NEAR(sum_of(bank.band(63)), 8.944183, 1e-6);
  EXPECT_EQ(bank.band(0).first_bin, 5);
  EXPECT_EQ(bank.band(0).count, 1);
  EXPECT_EQ(bank.band(63).first_bin, 223);
  EXPECT_EQ(bank.band(63).count, 17);
}

TEST(MelFilterbank, LowerHalfOfThe32kHzBankLosesItsTopBands) {
  const MelFilterbank bank = LogMel(FrontEnd::kPanns32kFrom16k).filterbank();
  EXPECT_EQ(bank.bins(), 257);
  EXPECT_EQ(bank.bands(), 64);
  EXPECT_NEAR(sum_of(bank.band(54)), 4 * 0.015015816, 1e-7);
  for (int b = 55; b < 64; ++b) EXPECT_EQ(bank.band(b).count, 0) << "band " << b;
  EXPECT_NEAR(sum_of(bank.band(31)), 4 * 0.032042076, 1e-7);
}

TEST(MelFilterbank, RestrictingToAllBinsChangesNothing) {
  const MelFilterbank bank = MelFilterbank::slaney(16000, 512, 64, 50, 8000);
  const MelFilterbank same = bank.restricted(257, 1.0);
  EXPECT_EQ(weights_of(same), weights_of(bank));
  for (int b = 0; b < 64; ++b) {
    const MelFilterbank::Band expected = bank.band(b);
    EXPECT_EQ(same.band(b).first_bin, expected.first_bin);
    EXPECT_TRUE(
        std::equal(expected.weights, expected.weights + expected.count, same.band(b).weights));
  }
}

TEST(MelFilterbank, ApplyIsTheMatrixProduct) {
  const MelFilterbank bank = MelFilterbank::slaney(32000, 1024, 64, 50, 14000);
  std::vector<float> spectrum(513);
  for (std::size_t k = 0; k < spectrum.size(); ++k) {
    spectrum[k] = static_cast<float>((testing::mixed(7, static_cast<std::uint32_t>(k)) % 1000) + 1);
  }
  std::vector<float> out(64);
  bank.apply(spectrum.data(), out.data());
  for (int b = 0; b < 64; ++b) {
    double expected = 0.0;
    const MelFilterbank::Band band = bank.band(b);
    for (int k = 0; k < band.count; ++k) {
      expected += static_cast<double>(band.weights[k]) *
                  spectrum[static_cast<std::size_t>(band.first_bin + k)];
    }
    EXPECT_NEAR(out[static_cast<std::size_t>(b)], expected, 1e-5 * expected) << "band " << b;
  }
}

TEST(MelFilterbank, BandOfNoBinIsSilent) {
  // 64 bands on 9 bins: most bands lie between two bins.
  const MelFilterbank bank = MelFilterbank::slaney(16000, 16, 64, 50, 8000);
  const std::vector<float> spectrum(9, 1.0f);
  std::vector<float> out(64, -1.0f);
  bank.apply(spectrum.data(), out.data());
  int silent = 0;
  for (int b = 0; b < 64; ++b) {
    if (bank.band(b).count == 0) {
      EXPECT_EQ(out[static_cast<std::size_t>(b)], 0.0f);
      ++silent;
    }
  }
  EXPECT_GT(silent, 40);
}

TEST(MelFilterbank, BadArgumentsAreNamed) {
  const auto slaney = [](int rate, int n_fft, int bands, double fmin, double fmax) {
    return error_of([=] { MelFilterbank::slaney(rate, n_fft, bands, fmin, fmax); });
  };
  EXPECT_TRUE(contains(slaney(0, 512, 64, 50, 8000), "sample_rate is 0"));
  EXPECT_TRUE(contains(slaney(16000, 0, 64, 50, 8000), "n_fft is 0"));
  EXPECT_TRUE(contains(slaney(16000, 511, 64, 50, 8000), "n_fft is 511"));
  EXPECT_TRUE(contains(slaney(16000, 512, 0, 50, 8000), "bands is 0"));
  EXPECT_TRUE(contains(slaney(16000, 512, 64, -1, 8000), "fmin -1"));
  EXPECT_TRUE(contains(slaney(16000, 512, 64, 8000, 8000), "fmin < fmax"));
  EXPECT_TRUE(contains(slaney(16000, 512, 64, 50, 8001), "8000"));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(contains(slaney(16000, 512, 64, nan, 8000), "fmin"));
  EXPECT_TRUE(contains(error_of([] { MelFilterbank::htk(16000, 512, 64, 125, 9000); }), "fmax"));

  const MelFilterbank bank = MelFilterbank::slaney(16000, 512, 64, 50, 8000);
  EXPECT_TRUE(contains(error_of([&] { bank.restricted(0, 1.0); }), "1 to 257"));
  EXPECT_TRUE(contains(error_of([&] { bank.restricted(258, 1.0); }), "258"));
}

}  // namespace
}  // namespace lightavseg::dsp
