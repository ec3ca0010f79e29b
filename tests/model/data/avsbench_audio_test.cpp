// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <sndfile.h>

#include <algorithm>
#include <cmath>

#include "model/data/avsbench_resample.h"
#include "model/data/avsbench_wav.h"
#include "tests/model/data/avsbench_samples.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

// Input for `count` output samples from `first` on, of the signal f(seconds).
template <typename Signal>
std::vector<float> resampled(const SincResampler& resampler, int in_rate, int64_t first, int count,
                             Signal signal) {
  std::vector<float> input;
  for (int64_t i = resampler.first_input(first); i < resampler.end_input(first + count - 1); ++i) {
    input.push_back(static_cast<float>(signal(static_cast<double>(i) / in_rate)));
  }
  return resampler.resample(input, first, count);
}

double peak(const std::vector<float>& samples) {
  double result = 0;
  for (float s : samples) result = std::max(result, std::abs(static_cast<double>(s)));
  return result;
}

class SincResamplerRates : public ::testing::TestWithParam<int> {};

TEST_P(SincResamplerRates, KeepsTonesAndTheirPhase) {
  const int rate = GetParam();
  const SincResampler resampler(rate, 16000);
  const double top = 0.87 * std::min(rate, 16000) / 2;
  for (double hz : {0.0, 50.0, 1000.0, top}) {
    const auto tone = [hz](double t) { return std::cos(2 * M_PI * hz * t); };
    const std::vector<float> output = resampled(resampler, rate, 777, 2000, tone);
    double worst = 0;
    for (size_t i = 0; i < output.size(); ++i) {
      worst = std::max(worst, std::abs(output[i] - tone((777.0 + static_cast<double>(i)) / 16000)));
    }
    EXPECT_LT(worst, 2e-4) << rate << " Hz to 16 kHz, tone of " << hz << " Hz";
  }
}

TEST_P(SincResamplerRates, RejectsWhatWouldAlias) {
  const int rate = GetParam();
  if (rate <= 16000) return;  // nothing above the new Nyquist frequency to begin with
  const SincResampler resampler(rate, 16000);
  for (double hz : {8000.0, 9000.0, 0.49 * rate}) {
    const auto tone = [hz](double t) { return std::cos(2 * M_PI * hz * t + 0.4); };
    EXPECT_LT(peak(resampled(resampler, rate, 100, 1000, tone)), 1e-4) << hz << " Hz";
  }
}

INSTANTIATE_TEST_SUITE_P(Rates, SincResamplerRates,
                         ::testing::Values(8000, 11025, 22050, 32000, 44100, 48000));

TEST(SincResampler, PiecesJoinWithoutASeam) {
  const SincResampler resampler(44100, 16000);
  const auto chirp = [](double t) { return std::sin(2 * M_PI * (300 + 900 * t) * t); };
  const std::vector<float> whole = resampled(resampler, 44100, 0, 3000, chirp);
  std::vector<float> joined;
  for (int64_t first = 0; first < 3000; first += 500) {
    const std::vector<float> part = resampled(resampler, 44100, first, 500, chirp);
    joined.insert(joined.end(), part.begin(), part.end());
  }
  EXPECT_EQ(joined, whole);
}

TEST(SincResampler, RefusesBadRatesAndShortInput) {
  EXPECT_EQ(error_of([] { SincResampler(0, 16000); }),
            "SincResampler: both rates must be above 0 Hz");
  EXPECT_EQ(error_of([] {
              SincResampler(44100, 16000).resample({0, 0, 0}, 0, 100);
            }),
            "SincResampler: the input ends before the last output sample");
  EXPECT_TRUE(SincResampler(44100, 16000).resample({}, 0, 0).empty());
}

void write_wav(const std::filesystem::path& path, const std::vector<float>& samples, int rate,
               int channels, int format = SF_FORMAT_WAV | SF_FORMAT_FLOAT) {
  SF_INFO info{};
  info.samplerate = rate;
  info.channels = channels;
  info.format = format;
  SNDFILE* file = sf_open(path.c_str(), SFM_WRITE, &info);
  ASSERT_NE(file, nullptr);
  sf_write_float(file, samples.data(), static_cast<sf_count_t>(samples.size()));
  sf_close(file);
}

TEST(AvsBenchWav, ReadsTheHeader) {
  const TemporaryFolder folder;
  write_wav(folder.path() / "a.wav", std::vector<float>(600, 0.1F), 22050, 2);
  const AvsWavInfo info = read_avs_wav_info(folder.path() / "a.wav");
  EXPECT_EQ(info.frames, 300);
  EXPECT_EQ(info.sample_rate, 22050);
  EXPECT_EQ(info.channels, 2);
}

TEST(AvsBenchWav, NamesWhatIsWrongWithAHeader) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.wav";
  const auto text = [&] { return error_of([&] { read_avs_wav_info(path); }); };
  EXPECT_EQ(text(), path.string() + " is missing");
  write_text(path, "RIFF, but no more");
  EXPECT_NE(text().find(path.string() + " has no readable wav header ("), std::string::npos);
  write_wav(path, {}, 16000, 1);
  EXPECT_EQ(text(), path.string() + " holds no samples");
  write_wav(path, std::vector<float>(9, 0.0F), 16000, 9);
  EXPECT_EQ(text(), path.string() + " has 9 channels instead of 1 to 8");
  write_wav(path, {0, 0}, 2000, 1);
  EXPECT_EQ(text(), path.string() + " has the rate 2000 Hz instead of 4000 to 192000 Hz");
}

TEST(AvsBenchWav, AveragesChannelsAndPadsWithSilence) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.wav";
  std::vector<float> stereo;
  for (int i = 0; i < 24000; ++i) {
    stereo.push_back(0.5F);
    stereo.push_back(static_cast<float>(i % 4) * 0.25F);
  }
  write_wav(path, stereo, 16000, 2);
  const std::vector<float> second = read_avs_second(path, 1, nullptr);
  ASSERT_EQ(second.size(), 16000U);
  for (size_t i = 0; i < 8000; ++i) {
    ASSERT_EQ(second[i], (0.5F + static_cast<float>(i % 4) * 0.25F) / 2) << i;
  }
  EXPECT_TRUE(std::all_of(second.begin() + 8000, second.end(), [](float s) { return s == 0; }));
  EXPECT_EQ(peak(read_avs_second(path, 7, nullptr)), 0);
}

TEST(AvsBenchWav, ResamplesEachSecondOnItsOwn) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.wav";
  write_wav(path, tone_steps(3, 44100), 44100, 1);
  const SincResampler resampler(44100, 16000);
  for (int s = 0; s < 3; ++s) {
    const std::vector<float> second = read_avs_second(path, s, &resampler);
    ASSERT_EQ(second.size(), 16000U);
    double worst = 0;
    // Near the borders the filter hears the neighbouring second, as it should.
    for (size_t i = 100; i < second.size() - 100; ++i) {
      const double expected =
          0.5 * std::sin(2 * M_PI * step_hz(s) * static_cast<double>(i) / 16000);
      worst = std::max(worst, std::abs(second[i] - expected));
    }
    EXPECT_LT(worst, 2e-4) << "second " << s;
  }
}

TEST(AvsBenchWav, SaysWhereARecordingBreaksOff) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.wav";
  // libsndfile goes by content; FLAC's header keeps the full length when the file is cut.
  write_wav(path, tone_steps(3, 16000), 16000, 1, SF_FORMAT_FLAC | SF_FORMAT_PCM_16);
  const std::string whole = read_plainly(path);
  write_text(path, whole.substr(0, whole.size() / 2));
  EXPECT_EQ(read_avs_second(path, 0, nullptr).size(), 16000U);
  const std::string text = error_of([&] { read_avs_second(path, 2, nullptr); });
  EXPECT_EQ(text, path.string() +
                      " breaks off between samples 32000 and 48000 although its header promises "
                      "48000; extract it again");
}

TEST(AvsBenchWav, NamesAVanishedFile) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.wav";
  EXPECT_EQ(error_of([&] { read_avs_second(path, 0, nullptr); }), path.string() + " is missing");
}

}  // namespace
}  // namespace lightavseg
