// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/data/avsbench.h"

#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/imgcodecs.hpp>
#include <thread>

#include "model/data/avsbench_classes.h"
#include "model/data/avsbench_writer.h"
#include "tests/model/data/avsbench_samples.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg {
namespace {

AvsOptions sized(int size) {
  AvsOptions options;
  options.size = size;
  return options;
}

// Dominant pitch of a second by the energy at candidate tones, Hz.
double pitch(const std::vector<float>& audio) {
  double best_hz = 0;
  double best = 1e-3;  // silence has none
  for (double hz = 200; hz <= 1500; hz += 50) {
    double re = 0;
    double im = 0;
    for (size_t i = 0; i < audio.size(); ++i) {
      const double angle = 2 * M_PI * hz * static_cast<double>(i) / 16000;
      re += audio[i] * std::cos(angle);
      im += audio[i] * std::sin(angle);
    }
    const double amplitude = 2 * std::hypot(re, im) / static_cast<double>(audio.size());
    if (amplitude > best) {
      best = amplitude;
      best_hz = hz;
    }
  }
  return best_hz;
}

double intersection_over_union(const cv::Mat& a, const cv::Mat& b) {
  return static_cast<double>(cv::countNonZero(a & b)) / cv::countNonZero(a | b);
}

TEST(AvsBench, ReadsS4AtItsOwnSizeUnchanged) {
  const TemporaryFolder folder;
  AvsClipContent clip = disc_clip("vid", "val", AvsSubset::kS4, {224, 224});
  clip.masks[0].setTo(1, clip.masks[0]);  // any value but 0 is foreground
  write_s4(folder.path(), {clip});
  const AvsBench bench = AvsBench::open_s4(folder.path(), "val");
  EXPECT_EQ(bench.set(), AvsSet::kS4);
  EXPECT_EQ(bench.split(), "val");
  EXPECT_TRUE(bench.class_names().empty());
  EXPECT_TRUE(bench.problems().empty());
  ASSERT_EQ(bench.clips().size(), 1U);
  const AvsClip& read = bench.clips()[0];
  EXPECT_EQ(read.name, "vid");
  EXPECT_EQ(read.category, "helicopter");
  EXPECT_EQ(read.split, "val");
  EXPECT_EQ(read.subset, AvsSubset::kS4);
  EXPECT_EQ(read.sample_rate, 16000);
  EXPECT_EQ(read.frame_size, cv::Size(224, 224));
  ASSERT_EQ(read.slots(), 5);
  for (int i = 0; i < 5; ++i) {
    const AvsFrame frame = bench.load(read, i);
    const auto k = static_cast<size_t>(i);
    EXPECT_EQ(cv::norm(frame.image, clip.frames[k], cv::NORM_INF), 0) << i;
    EXPECT_EQ(cv::norm(frame.mask, clip.masks[k] != 0, cv::NORM_INF), 0) << i;
    EXPECT_EQ(pitch(frame.audio), step_hz(i));
    ASSERT_EQ(frame.audio.size(), 16000U);
    for (size_t s = 0; s < 16000; ++s) {
      ASSERT_NEAR(frame.audio[s], clip.audio[k * 16000 + s], 1.0 / 32768) << s;
    }
    EXPECT_TRUE(frame.annotated);
    EXPECT_FALSE(frame.padding);
  }
}

TEST(AvsBench, S4TrainAnnotatesTheFirstFrameOnly) {
  const TemporaryFolder folder;
  write_s4(folder.path(), {disc_clip("vid", "train", AvsSubset::kS4)});
  const AvsBench bench = AvsBench::open_s4(folder.path(), "train", sized(64));
  const AvsClip& clip = bench.clips().at(0);
  EXPECT_EQ(clip.annotated, (std::vector<bool>{true, false, false, false, false}));
  EXPECT_FALSE(clip.mask_paths[0].empty());
  EXPECT_TRUE(clip.mask_paths[1].empty());
  EXPECT_GT(cv::countNonZero(bench.load(clip, 0).mask), 0);
  const AvsFrame second = bench.load(clip, 1);
  EXPECT_FALSE(second.annotated);
  EXPECT_FALSE(second.padding);
  EXPECT_EQ(cv::countNonZero(second.mask), 0);
  EXPECT_GT(cv::countNonZero(second.image.reshape(1)), 0);
  EXPECT_EQ(pitch(second.audio), step_hz(1));
}

TEST(AvsBench, ResizesPictureAndMaskAlike) {
  const TemporaryFolder folder;
  write_ms3(folder.path(), {disc_clip("vid", "train", AvsSubset::kMs3, {320, 180})});
  const AvsBench bench = AvsBench::open_ms3(folder.path(), "train", sized(128));
  const AvsFrame frame = bench.load(bench.clips().at(0), 3);
  ASSERT_EQ(frame.image.size(), cv::Size(128, 128));
  ASSERT_EQ(frame.mask.size(), cv::Size(128, 128));
  // The disc is the only thing red in the picture.
  std::vector<cv::Mat> channels;
  cv::split(frame.image, channels);
  const cv::Mat red = (channels[0] > 215) & (channels[1] < 100);
  EXPECT_GT(intersection_over_union(red, frame.mask), 0.9);
  EXPECT_EQ(cv::countNonZero((frame.mask != 0) & (frame.mask != 255)), 0);
}

TEST(AvsBench, Ms3AnnotatesAllFramesAlsoEmptyOnes) {
  const TemporaryFolder folder;
  AvsClipContent clip = disc_clip("vid", "train", AvsSubset::kMs3);
  clip.masks[2].setTo(0);
  write_ms3(folder.path(), {clip});
  const AvsBench bench = AvsBench::open_ms3(folder.path(), "train", sized(64));
  const AvsClip& read = bench.clips().at(0);
  EXPECT_EQ(read.annotated, std::vector<bool>(5, true));
  EXPECT_EQ(read.category, "");
  const AvsFrame frame = bench.load(read, 2);
  EXPECT_TRUE(frame.annotated);
  EXPECT_EQ(cv::countNonZero(frame.mask), 0);
  EXPECT_GT(cv::countNonZero(bench.load(read, 1).mask), 0);
}

TEST(AvsBench, AvssPadsShortClipsToTenFrames) {
  const TemporaryFolder folder;
  for (const std::string split : {"train", "test"}) {
    const auto root = folder.path() / split;
    write_avss(root, {disc_clip("s", split, AvsSubset::kV1s, {64, 48}, 35),
                      disc_clip("m", split, AvsSubset::kV1m, {64, 48}, 17),
                      disc_clip("l", split, AvsSubset::kV2, {64, 48}, 70)});
    const AvsBench bench = AvsBench::open_avss(root, split, sized(48));
    ASSERT_EQ(bench.clips().size(), 3U);
    const int classes[] = {35, 17, 70};
    const int real[] = {5, 5, 10};
    const int annotated[] = {split == "train" ? 1 : 5, 5, 10};
    for (size_t c = 0; c < 3; ++c) {
      const AvsClip& clip = bench.clips()[c];
      ASSERT_EQ(clip.slots(), 10);
      for (int i = 0; i < 10; ++i) {
        const AvsFrame frame = bench.load(clip, i);
        SCOPED_TRACE(split + " " + clip.name + " " + std::to_string(i));
        EXPECT_EQ(frame.padding, i >= real[c]);
        EXPECT_EQ(frame.annotated, i < annotated[c]);
        EXPECT_EQ(frame.image.type(), CV_8UC3);
        EXPECT_EQ(frame.image.size(), cv::Size(48, 48));
        EXPECT_EQ(frame.mask.type(), CV_8UC1);
        EXPECT_EQ(frame.mask.size(), cv::Size(48, 48));
        EXPECT_EQ(frame.audio.size(), 16000U);
        EXPECT_EQ(cv::countNonZero(frame.mask == classes[c]) > 0, i < annotated[c]);
        EXPECT_EQ(cv::countNonZero(frame.image.reshape(1)) > 0, i < real[c]);
        EXPECT_EQ(pitch(frame.audio), i < real[c] ? step_hz(i) : 0);
      }
    }
  }
}

TEST(AvsBench, AvssCropsTheMiddleInTrainOnly) {
  const TemporaryFolder folder;
  // Class 1 fills the left quarter, which the square in the middle of 96 x 48 just misses.
  const auto striped = [](const std::string& split) {
    AvsClipContent clip = disc_clip("vid-" + split, split, AvsSubset::kV1m, {96, 48}, 17);
    for (cv::Mat& mask : clip.masks) {
      mask.setTo(2);
      mask.colRange(0, 24).setTo(1);
    }
    return clip;
  };
  write_avss(folder.path(), {striped("train"), striped("val")});
  const auto share = [](const AvsBench& bench) {
    const cv::Mat mask = bench.load(bench.clips().at(0), 0).mask;
    return static_cast<double>(cv::countNonZero(mask == 1)) / static_cast<double>(mask.total());
  };
  EXPECT_EQ(share(AvsBench::open_avss(folder.path(), "train", sized(48))), 0);
  EXPECT_EQ(share(AvsBench::open_avss(folder.path(), "val", sized(48))), 0.25);
  AvsOptions plain = sized(48);
  plain.centre_crop_avss_train = false;
  EXPECT_EQ(share(AvsBench::open_avss(folder.path(), "train", plain)), 0.25);
}

TEST(AvsBench, AvssUnknownColoursBecomeBackground) {
  const TemporaryFolder folder;
  write_avss(folder.path(), {disc_clip("vid", "val", AvsSubset::kV1m, {48, 48}, 17)});
  cv::Mat bgr(48, 48, CV_8UC3, cv::Scalar(9, 8, 7));
  bgr.rowRange(0, 10).setTo(cv::Scalar(128, 128, 32));  // class 70, blue first
  cv::imwrite((folder.path() / "v1m/vid/labels_rgb/1.png").string(), bgr);
  const AvsBench bench = AvsBench::open_avss(folder.path(), "val", sized(48));
  const cv::Mat mask = bench.load(bench.clips().at(0), 1).mask;
  EXPECT_EQ(cv::countNonZero(mask == 70), 480);
  EXPECT_EQ(cv::countNonZero(mask == 0), 48 * 48 - 480);
}

TEST(AvsBench, ClassNamesComeFromTheFileOrTheDefault) {
  const TemporaryFolder folder;
  std::vector<std::string> names = default_avss_class_names();
  std::swap(names[1], names[2]);
  write_avss(folder.path(), {disc_clip("vid", "val", AvsSubset::kV1m, {48, 48}, 17)}, names);
  EXPECT_EQ(AvsBench::open_avss(folder.path(), "val").class_names(), names);
  std::filesystem::remove(folder.path() / "label2idx.json");
  EXPECT_EQ(AvsBench::open_avss(folder.path(), "val").class_names(), default_avss_class_names());
}

TEST(AvsBench, MixesAndResamplesStereoRecordings) {
  const TemporaryFolder folder;
  AvsClipContent clip = disc_clip("vid", "test", AvsSubset::kMs3);
  clip.sample_rate = 44100;
  clip.channels = 2;
  clip.audio.clear();
  for (float s : tone_steps(5, 44100)) {
    clip.audio.push_back(s * 1.5F);  // the two differ, their mean is the tone
    clip.audio.push_back(s * 0.5F);
  }
  write_ms3(folder.path(), {clip});
  const AvsBench bench = AvsBench::open_ms3(folder.path(), "test", sized(32));
  EXPECT_EQ(bench.clips().at(0).sample_rate, 44100);
  for (int i = 0; i < 5; ++i) {
    const AvsFrame frame = bench.load(bench.clips()[0], i);
    ASSERT_EQ(frame.audio.size(), 16000U);
    for (size_t s = 100; s < 15900; ++s) {
      ASSERT_NEAR(frame.audio[s],
                  0.5 * std::sin(2 * M_PI * step_hz(i) * static_cast<double>(s) / 16000), 3e-4)
          << "frame " << i << " sample " << s;
    }
  }
}

TEST(AvsBench, ShortRecordingsEndInSilence) {
  const TemporaryFolder folder;
  AvsClipContent clip = disc_clip("vid", "test", AvsSubset::kMs3);
  clip.audio.resize(40000);
  write_ms3(folder.path(), {clip});
  const AvsBench bench = AvsBench::open_ms3(folder.path(), "test", sized(32));
  const std::vector<float> third = bench.load(bench.clips().at(0), 2).audio;
  EXPECT_NE(third[7001], 0);
  for (size_t i = 8000; i < third.size(); ++i) ASSERT_EQ(third[i], 0);
  EXPECT_EQ(pitch(bench.load(bench.clips()[0], 3).audio), 0);
}

TEST(AvsBench, KeepsTheOrderOfTheCsvAndTheSplit) {
  const TemporaryFolder folder;
  write_ms3(folder.path(),
            {disc_clip("b", "train", AvsSubset::kMs3), disc_clip("x", "val", AvsSubset::kMs3),
             disc_clip("a", "train", AvsSubset::kMs3)});
  const AvsBench bench = AvsBench::open_ms3(folder.path(), "train", sized(32));
  ASSERT_EQ(bench.clips().size(), 2U);
  EXPECT_EQ(bench.clips()[0].name, "b");
  EXPECT_EQ(bench.clips()[1].name, "a");
}

TEST(AvsBench, LoadsTheSameFromSeveralThreads) {
  const TemporaryFolder folder;
  AvsClipContent clip = disc_clip("vid", "test", AvsSubset::kMs3);
  clip.sample_rate = 22050;
  clip.audio = tone_steps(5, 22050);
  write_ms3(folder.path(), {clip});
  const AvsBench bench = AvsBench::open_ms3(folder.path(), "test", sized(32));
  std::vector<AvsFrame> frames(5);
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back(
        [&bench, &frames, i] { frames[static_cast<size_t>(i)] = bench.load(bench.clips()[0], i); });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 5; ++i) {
    const AvsFrame again = bench.load(bench.clips()[0], i);
    EXPECT_EQ(again.audio, frames[static_cast<size_t>(i)].audio);
    EXPECT_EQ(cv::norm(again.image, frames[static_cast<size_t>(i)].image, cv::NORM_INF), 0);
  }
}

TEST(AvsBench, NamesFramesOutOfRangeAndVanishedFiles) {
  const TemporaryFolder folder;
  write_ms3(folder.path(), {disc_clip("vid", "test", AvsSubset::kMs3)});
  const AvsBench bench = AvsBench::open_ms3(folder.path(), "test", sized(32));
  const AvsClip& clip = bench.clips().at(0);
  EXPECT_EQ(error_of([&] { bench.load(clip, 5); }),
            "clip vid has the frames 0 to 4; 5 was asked for");
  EXPECT_EQ(error_of([&] { bench.load(clip, -1); }),
            "clip vid has the frames 0 to 4; -1 was asked for");
  std::filesystem::remove(clip.frame_paths[1]);
  EXPECT_NE(error_of([&] { bench.load(clip, 1); }).find(clip.frame_paths[1].string()),
            std::string::npos);
}

}  // namespace
}  // namespace lightavseg
