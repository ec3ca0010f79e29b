// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/mask_meta_analytics.h"

#include <gst/analytics/analytics.h>
#include <gst/gst.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "tests/gst/mask_buffers.h"

namespace lightavseg::gst {
namespace {

using test::block_mask;
using test::Buffer;
using test::frame_with;

class MaskMetaAnalytics : public testing::Test {
 protected:
  void SetUp() override { register_mask_meta(); }

  const GstVideoInfo info_ = video_info(GST_VIDEO_FORMAT_I420, 64, 32);
};

std::vector<GstAnalyticsSegmentationMtd> segmentations_of(GstBuffer* buffer) {
  std::vector<GstAnalyticsSegmentationMtd> found;
  GstAnalyticsRelationMeta* relations = gst_buffer_get_analytics_relation_meta(buffer);
  if (!relations) return found;
  gpointer state = nullptr;
  GstAnalyticsSegmentationMtd one;
  while (gst_analytics_relation_meta_iterate(relations, &state,
                                             gst_analytics_segmentation_mtd_get_mtd_type(), &one))
    found.push_back(one);
  return found;
}

// The picture of region ids, where it lies in the frame.
struct Ids {
  gint x = -1, y = -1;
  guint width = 0, height = 0;
  Buffer buffer;

  explicit Ids(const GstAnalyticsSegmentationMtd& mtd)
      : buffer(gst_analytics_segmentation_mtd_get_mask(&mtd, &x, &y, &width, &height)) {}
};

TEST_F(MaskMetaAnalytics, LaysTheMaskOverTheWholeFrame) {
  const Buffer frame(frame_with(info_, block_mask().get()));
  const auto found = segmentations_of(frame.get());
  ASSERT_EQ(found.size(), 1u);
  ASSERT_EQ(gst_analytics_segmentation_mtd_get_region_count(&found[0]), 2u);
  EXPECT_EQ(gst_analytics_segmentation_mtd_get_region_id(&found[0], 0), 0u);
  EXPECT_EQ(gst_analytics_segmentation_mtd_get_region_id(&found[0], 1), 1u);

  const Ids ids(found[0]);
  EXPECT_EQ(ids.x, 0);
  EXPECT_EQ(ids.y, 0);
  EXPECT_EQ(ids.width, 64u);
  EXPECT_EQ(ids.height, 32u);
  const GstVideoMeta* meta = gst_buffer_get_video_meta(ids.buffer.get());
  ASSERT_NE(meta, nullptr);
  ASSERT_EQ(meta->format, GST_VIDEO_FORMAT_GRAY8);
  ASSERT_EQ(meta->width, 16u);
  ASSERT_EQ(meta->height, 8u);
  GstMapInfo map;
  ASSERT_TRUE(gst_buffer_map(ids.buffer.get(), &map, GST_MAP_READ));
  for (std::size_t y = 0; y < 8; ++y)
    for (std::size_t x = 0; x < 16; ++x)
      EXPECT_EQ(map.data[meta->offset[0] + y * std::size_t(meta->stride[0]) + x],
                y >= 2 && y < 4 && x >= 4 && x < 8)
          << x << ", " << y;
  gst_buffer_unmap(ids.buffer.get(), &map);
}

TEST_F(MaskMetaAnalytics, FramesOfOneMaskShareItsPicture) {
  const MaskPtr mask = block_mask();
  const Buffer first(frame_with(info_, mask.get())), second(frame_with(info_, mask.get()));
  const auto a = segmentations_of(first.get()), b = segmentations_of(second.get());
  ASSERT_EQ(a.size(), 1u);
  ASSERT_EQ(b.size(), 1u);
  EXPECT_EQ(Ids(a[0]).buffer.get(), Ids(b[0]).buffer.get());
}

TEST_F(MaskMetaAnalytics, LeavesWhatOthersFound) {
  const Buffer frame(frame_with(info_, nullptr));
  GstAnalyticsODMtd object;
  ASSERT_TRUE(gst_analytics_relation_meta_add_od_mtd(
      gst_buffer_add_analytics_relation_meta(frame.get()), g_quark_from_string("face"), 1, 2, 3, 4,
      0.5f, &object));
  attach_mask_meta(frame.get(), info_, *block_mask(), 0);
  EXPECT_EQ(segmentations_of(frame.get()).size(), 1u);
  gpointer state = nullptr;
  GstAnalyticsODMtd found;
  EXPECT_TRUE(
      gst_analytics_relation_meta_iterate(gst_buffer_get_analytics_relation_meta(frame.get()),
                                          &state, gst_analytics_od_mtd_get_mtd_type(), &found));
}

}  // namespace
}  // namespace lightavseg::gst
