// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/mask.h"

#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <thread>

namespace lightavseg::gst {
namespace {

// 3 x 5: rows that need padding.
std::unique_ptr<Mask> small_mask() {
  auto mask = std::make_unique<Mask>();
  mask->height = 3;
  mask->width = 5;
  mask->pts = 40 * GST_MSECOND;
  mask->running_time = 50 * GST_MSECOND;
  mask->probability = {0, 0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f, 1, 1, 0, 0, 0};
  return mask;
}

// What a reader of the sample sees, row by row without padding.
std::vector<std::uint8_t> pixels(GstSample* sample, GstVideoInfo* info) {
  std::vector<std::uint8_t> out;
  EXPECT_TRUE(gst_video_info_from_caps(info, gst_sample_get_caps(sample)));
  GstVideoFrame frame;
  if (!gst_video_frame_map(&frame, info, gst_sample_get_buffer(sample), GST_MAP_READ)) {
    ADD_FAILURE() << "the buffer does not fit its caps";
    return out;
  }
  for (int y = 0; y < GST_VIDEO_FRAME_HEIGHT(&frame); ++y) {
    const auto* row = static_cast<const guint8*>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)) +
                      y * GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0);
    out.insert(out.end(), row, row + GST_VIDEO_FRAME_WIDTH(&frame));
  }
  gst_video_frame_unmap(&frame);
  return out;
}

TEST(FinishMask, MakesThePicture) {
  const auto mask = finish_mask(small_mask(), {}, 0.5);
  ASSERT_NE(mask->sample, nullptr);
  GstVideoInfo info;
  const std::vector<std::uint8_t> expected = {0,   26,  51,  77,  102, 128, 153, 179,
                                              204, 230, 255, 255, 0,   0,   0};
  EXPECT_EQ(pixels(mask->sample, &info), expected);
  EXPECT_EQ(GST_VIDEO_INFO_FORMAT(&info), GST_VIDEO_FORMAT_GRAY8);
  EXPECT_EQ(GST_VIDEO_INFO_WIDTH(&info), 5);
  EXPECT_EQ(GST_VIDEO_INFO_HEIGHT(&info), 3);
  EXPECT_EQ(GST_VIDEO_INFO_FPS_N(&info), 0);
  EXPECT_EQ(info.colorimetry.range, GST_VIDEO_COLOR_RANGE_0_255);
  const auto* structure = gst_caps_get_structure(gst_sample_get_caps(mask->sample), 0);
  EXPECT_STREQ(gst_structure_get_string(structure, "colorimetry"), "1:4:0:0");
  EXPECT_TRUE(gst_caps_is_fixed(gst_sample_get_caps(mask->sample)));
  EXPECT_EQ(GST_BUFFER_PTS(gst_sample_get_buffer(mask->sample)), 40 * GST_MSECOND);
}

TEST(FinishMask, PadsRowsWithZeros) {
  auto unfinished = small_mask();
  unfinished->probability.assign(15, 1.0f);
  const auto mask = finish_mask(std::move(unfinished), {}, 0.5);
  GstMapInfo map;
  ASSERT_TRUE(gst_buffer_map(gst_sample_get_buffer(mask->sample), &map, GST_MAP_READ));
  ASSERT_EQ(map.size, 24u);
  for (gsize i = 0; i < map.size; ++i) EXPECT_EQ(map.data[i], i % 8 < 5 ? 255 : 0) << i;
  gst_buffer_unmap(gst_sample_get_buffer(mask->sample), &map);
}

TEST(FinishMask, Summarises) {
  const std::vector<std::uint8_t> labels = {0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 1, 0, 0, 0};
  const auto mask = finish_mask(small_mask(), labels, 0.65);
  EXPECT_NEAR(mask->summary.area, 5.0 / 15, 1e-9);
  EXPECT_NEAR(mask->summary.score, (0.7 + 0.8 + 0.9 + 1 + 1) / 5, 1e-6);
  EXPECT_EQ(mask->summary.box.y, 1);
  EXPECT_EQ(mask->summary.box.label, 2);
  ASSERT_EQ(mask->summary.labels.size(), 2u);
  EXPECT_EQ(mask->summary.labels[0].label, 2);
  EXPECT_NEAR(mask->summary.labels[1].share, 0.2, 1e-9);
}

TEST(FinishMask, KeepsTheRest) {
  auto unfinished = small_mask();
  unfinished->audio_level_db = -12.5;
  unfinished->audio_filled = 0.75;
  auto model = std::make_shared<ModelDescription>();
  unfinished->model = model;
  const auto probability = unfinished->probability;
  const auto mask = finish_mask(std::move(unfinished), {}, 0.5);
  EXPECT_EQ(mask->audio_level_db, -12.5);
  EXPECT_EQ(mask->audio_filled, 0.75);
  EXPECT_EQ(mask->model, model);
  EXPECT_EQ(mask->pts, 40 * GST_MSECOND);
  EXPECT_EQ(mask->running_time, 50 * GST_MSECOND);
  EXPECT_EQ(mask->probability, probability);
}

TEST(FinishMask, SerialsDifferAmongThreads) {
  std::vector<std::vector<std::uint64_t>> serials(4);
  std::vector<std::thread> threads;
  for (auto& own : serials)
    threads.emplace_back([&own] {
      for (int i = 0; i < 200; ++i) own.push_back(finish_mask(small_mask(), {}, 0.5)->serial);
    });
  for (auto& t : threads) t.join();
  std::set<std::uint64_t> all;
  for (const auto& own : serials) all.insert(own.begin(), own.end());
  EXPECT_EQ(all.size(), 800u);
  EXPECT_EQ(all.count(0), 0u);
}

TEST(FinishMask, TheSampleOutlivesTheMask) {
  auto mask = finish_mask(small_mask(), {}, 0.5);
  GstSample* sample = gst_sample_ref(mask->sample);
  mask.reset();
  GstVideoInfo info;
  EXPECT_EQ(pixels(sample, &info).size(), 15u);
  EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(sample), 1);
  gst_sample_unref(sample);
}

TEST(FinishMask, RefusesMapsOfAnotherSize) {
  auto unfinished = small_mask();
  unfinished->probability.resize(14);
  EXPECT_THROW(finish_mask(std::move(unfinished), {}, 0.5), std::runtime_error);
  EXPECT_THROW(finish_mask(small_mask(), {1, 2, 3}, 0.5), std::runtime_error);
}

TEST(EmptyMask, ShowsNothing) {
  auto model = std::make_shared<ModelDescription>();
  const auto mask = empty_mask(224, 224, GST_SECOND, 2 * GST_SECOND, model);
  EXPECT_EQ(mask->height, 224);
  EXPECT_EQ(mask->width, 224);
  EXPECT_EQ(mask->pts, GST_SECOND);
  EXPECT_EQ(mask->running_time, 2 * GST_SECOND);
  EXPECT_EQ(mask->model, model);
  EXPECT_EQ(mask->probability, std::vector<float>(224 * 224, 0.0f));
  EXPECT_EQ(mask->summary.area, 0);
  EXPECT_EQ(mask->summary.score, 0);
  EXPECT_TRUE(mask->summary.regions.empty());
  EXPECT_EQ(mask->audio_level_db, -100);
  EXPECT_EQ(mask->audio_filled, 0);
  GstVideoInfo info;
  EXPECT_EQ(pixels(mask->sample, &info), std::vector<std::uint8_t>(224 * 224, 0));
  EXPECT_NE(mask->serial, empty_mask(1, 1, 0, 0, nullptr)->serial);
}

TEST(EmptyMask, WithoutPixelsThereIsNoPicture) {
  for (int side : {0, -1}) {
    const auto mask = empty_mask(side, side, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE, nullptr);
    EXPECT_EQ(mask->sample, nullptr);
    EXPECT_EQ(mask->height, 0);
    EXPECT_TRUE(mask->probability.empty());
  }
}

}  // namespace
}  // namespace lightavseg::gst
