// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/mask_meta.h"

#include <gst/gst.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/gst/mask_buffers.h"

namespace lightavseg::gst {
namespace {

using test::block_mask;
using test::box_of_meta;
using test::Buffer;
using test::frame_with;
using test::Line;
using test::sample_of_meta;
using Box = std::vector<int>;

class MaskMeta : public testing::Test {
 protected:
  void SetUp() override { register_mask_meta(); }
};

double number(const GstStructure* fields, const char* name) {
  double value = -1000;
  EXPECT_TRUE(gst_structure_get_double(fields, name, &value)) << name;
  return value;
}

guint64 time_field(const GstStructure* fields, const char* name) {
  guint64 value = 0;
  EXPECT_TRUE(gst_structure_get_uint64(fields, name, &value)) << name;
  return value;
}

struct Region {
  std::string type;
  Box box;
  const GstStructure* figures;
};

std::vector<Region> regions_of(GstBuffer* buffer) {
  std::vector<Region> regions;
  gpointer state = nullptr;
  while (GstMeta* meta = gst_buffer_iterate_meta_filtered(
             buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) {
    auto* region = reinterpret_cast<GstVideoRegionOfInterestMeta*>(meta);
    regions.push_back({g_quark_to_string(region->roi_type),
                       {static_cast<int>(region->x), static_cast<int>(region->y),
                        static_cast<int>(region->w), static_cast<int>(region->h)},
                       gst_video_region_of_interest_meta_get_param(region, "lightavseg")});
  }
  return regions;
}

TEST_F(MaskMeta, CarriesEveryField) {
  const auto model = test::model_that_names({"dog", "steam train"});
  const MaskPtr mask = block_mask(model, 2);
  const Buffer buffer(frame_with(video_info(GST_VIDEO_FORMAT_I420, 64, 32), mask.get()));

  const GstStructure* fields = mask_meta_of(buffer.get());
  ASSERT_NE(fields, nullptr);
  EXPECT_STREQ(gst_structure_get_name(fields), "LightAVSegMask");
  EXPECT_EQ(gst_structure_n_fields(fields), 11);
  EXPECT_EQ(sample_of_meta(buffer.get()), mask->sample);
  EXPECT_EQ(time_field(fields, "mask-pts"), 3 * GST_SECOND);
  EXPECT_EQ(time_field(fields, "age"), 5 * GST_MSECOND);
  EXPECT_FLOAT_EQ(number(fields, "score"), 0.75);
  EXPECT_FLOAT_EQ(number(fields, "area"), 8.0 / 128);
  EXPECT_EQ(box_of_meta(buffer.get()), Box({16, 8, 16, 8}));
  EXPECT_EQ(number(fields, "audio-level"), -17.5);
  EXPECT_EQ(number(fields, "audio-fill"), 0.75);
  EXPECT_STREQ(gst_structure_get_string(fields, "model"), "two-rooms");
  int version = 0;
  EXPECT_TRUE(gst_structure_get_int(fields, "version", &version));
  EXPECT_EQ(version, 1);

  const GValue* value = gst_structure_get_value(fields, "labels");
  ASSERT_TRUE(value && GST_VALUE_HOLDS_STRUCTURE(value));
  const GstStructure* labels = gst_value_get_structure(value);
  EXPECT_STREQ(gst_structure_get_name(labels), "labels");
  EXPECT_EQ(gst_structure_n_fields(labels), 1);
  EXPECT_EQ(number(labels, "steam train"), 1);
}

TEST_F(MaskMeta, OfAnEmptyMaskHasZerosAndNoModel) {
  const MaskPtr mask = empty_mask(8, 16, 7 * GST_SECOND, 7 * GST_SECOND, nullptr);
  const Buffer buffer(frame_with(video_info(GST_VIDEO_FORMAT_GRAY8, 17, 31), mask.get()));
  const GstStructure* fields = mask_meta_of(buffer.get());
  ASSERT_NE(fields, nullptr);
  EXPECT_EQ(number(fields, "score"), 0);
  EXPECT_EQ(number(fields, "area"), 0);
  EXPECT_EQ(box_of_meta(buffer.get()), Box({0, 0, 0, 0}));
  EXPECT_STREQ(gst_structure_get_string(fields, "model"), "");
  EXPECT_EQ(
      gst_structure_n_fields(gst_value_get_structure(gst_structure_get_value(fields, "labels"))),
      0);
  EXPECT_TRUE(regions_of(buffer.get()).empty());
}

TEST_F(MaskMeta, AddsARegionOfInterestForEveryRegion) {
  const auto model = test::model_that_names({"dog"});
  const Buffer named(
      frame_with(video_info(GST_VIDEO_FORMAT_NV12, 160, 80), block_mask(model, 1).get()));
  auto regions = regions_of(named.get());
  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(regions[0].type, "dog");
  EXPECT_EQ(regions[0].box, Box({40, 20, 40, 20}));
  ASSERT_NE(regions[0].figures, nullptr);
  EXPECT_FLOAT_EQ(number(regions[0].figures, "score"), 0.75);
  EXPECT_FLOAT_EQ(number(regions[0].figures, "area"), 8.0 / 128);

  const Buffer nameless(frame_with(video_info(GST_VIDEO_FORMAT_NV12, 160, 80), block_mask().get()));
  regions = regions_of(nameless.get());
  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(regions[0].type, "sounding");
}

TEST_F(MaskMeta, ReplacesAnEarlierOneAndLeavesForeignRegions) {
  const GstVideoInfo info = video_info(GST_VIDEO_FORMAT_RGB, 64, 32);
  const Buffer buffer(frame_with(info, nullptr));
  gst_buffer_add_video_region_of_interest_meta(buffer.get(), "face", 1, 2, 3, 4);
  attach_mask_meta(buffer.get(), info, *block_mask(), 0);
  const MaskPtr second = block_mask();
  attach_mask_meta(buffer.get(), info, *second, 0);

  EXPECT_EQ(sample_of_meta(buffer.get()), second->sample);
  const auto regions = regions_of(buffer.get());
  ASSERT_EQ(regions.size(), 2u);
  EXPECT_EQ(regions[0].type, "face");
  EXPECT_EQ(regions[1].type, "sounding");
  EXPECT_EQ(gst_buffer_get_n_meta(buffer.get(), gst_meta_get_info(kMaskMetaName)->api), 1u);
}

TEST_F(MaskMeta, IsNullWhereThereIsNone) {
  const Buffer buffer(gst_buffer_new());
  EXPECT_EQ(mask_meta_of(buffer.get()), nullptr);
}

TEST_F(MaskMeta, RegistersOnceHoweverManyAsk) {
  const GstMetaInfo* info = gst_meta_get_info(kMaskMetaName);
  ASSERT_NE(info, nullptr);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(register_mask_meta);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(gst_meta_get_info(kMaskMetaName), info);
}

TEST_F(MaskMeta, SharesTheMaskPictureAndReleasesIt) {
  const GstVideoInfo info = video_info(GST_VIDEO_FORMAT_GRAY8, 64, 32);
  MaskPtr mask = block_mask();
  GstSample* sample = mask->sample;
  int gone = 0;
  gst_mini_object_weak_ref(
      GST_MINI_OBJECT(sample), [](gpointer count, GstMiniObject*) { ++*static_cast<int*>(count); },
      &gone);
  {
    const Buffer first(frame_with(info, mask.get()));
    const Buffer second(frame_with(info, mask.get()));
    const Buffer copy(gst_buffer_copy(first.get()));
    EXPECT_EQ(sample_of_meta(first.get()), sample);
    EXPECT_EQ(sample_of_meta(second.get()), sample);
    EXPECT_EQ(sample_of_meta(copy.get()), sample);
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(sample), 4);
    mask.reset();
    EXPECT_EQ(gone, 0);
  }
  EXPECT_EQ(gone, 1);
}

TEST_F(MaskMeta, SurvivesCopiesOfTheFrameButNotOfAPart) {
  const Buffer buffer(frame_with(video_info(GST_VIDEO_FORMAT_GRAY8, 64, 32), block_mask().get()));
  const Buffer deep(gst_buffer_copy_deep(buffer.get()));
  ASSERT_NE(mask_meta_of(deep.get()), nullptr);
  EXPECT_TRUE(gst_structure_is_equal(mask_meta_of(deep.get()), mask_meta_of(buffer.get())));
  const Buffer part(gst_buffer_copy_region(buffer.get(), GST_BUFFER_COPY_ALL, 64, 64));
  EXPECT_EQ(mask_meta_of(part.get()), nullptr);
}

TEST_F(MaskMeta, IsDroppedByTransformationsItDoesNotKnow) {
  const Buffer from(frame_with(video_info(GST_VIDEO_FORMAT_GRAY8, 64, 32), block_mask().get()));
  const Buffer to(gst_buffer_new());
  GstMeta* meta = reinterpret_cast<GstMeta*>(gst_buffer_get_custom_meta(from.get(), kMaskMetaName));
  EXPECT_FALSE(meta->info->transform_func(to.get(), meta, from.get(),
                                          g_quark_from_static_string("turn-upside-down"), nullptr));
  EXPECT_EQ(mask_meta_of(to.get()), nullptr);
}

TEST_F(MaskMeta, HasABoxInsideTheFrameForAnySize) {
  const MaskPtr mask = block_mask();
  const GstVideoInfo small = video_info(GST_VIDEO_FORMAT_GRAY8, 16, 16);
  for (int width = 16; width <= 4096; width = width * 5 / 3) {
    for (int height = 16; height <= 4096; height = height * 7 / 4) {
      const GstVideoInfo info = video_info(GST_VIDEO_FORMAT_GRAY8, width, height);
      const Buffer buffer(gst_buffer_new());
      attach_mask_meta(buffer.get(), info, *mask, 0);
      const Box box = box_of_meta(buffer.get());
      SCOPED_TRACE(testing::Message() << width << "x" << height);
      EXPECT_NEAR(box[0], width / 4.0, 0.5);
      EXPECT_NEAR(box[1], height / 4.0, 0.5);
      EXPECT_NEAR(box[0] + box[2], width / 2.0, 0.5);
      EXPECT_NEAR(box[1] + box[3], height / 2.0, 0.5);

      const Buffer scaled(gst_buffer_new());
      GstMeta* meta =
          reinterpret_cast<GstMeta*>(gst_buffer_get_custom_meta(buffer.get(), kMaskMetaName));
      GstVideoMetaTransform sizes{const_cast<GstVideoInfo*>(&info),
                                  const_cast<GstVideoInfo*>(&small)};
      ASSERT_TRUE(meta->info->transform_func(scaled.get(), meta, buffer.get(),
                                             gst_video_meta_transform_scale_get_quark(), &sizes));
      const Box scaled_box = box_of_meta(scaled.get());
      EXPECT_NEAR(scaled_box[0], 4, 1);
      EXPECT_NEAR(scaled_box[1], 4, 1);
      EXPECT_GE(scaled_box[2], 1);
      EXPECT_GE(scaled_box[3], 1);
      EXPECT_LE(scaled_box[0] + scaled_box[2], 16);
      EXPECT_LE(scaled_box[1] + scaled_box[3], 16);
    }
  }
}

TEST_F(MaskMeta, KeepsAPixelOfASmallMaskInASmallerFrame) {
  std::vector<float> probability(224 * 224);
  probability[223 * 224 + 223] = 1;  // the very corner
  const MaskPtr mask = test::mask_of(std::move(probability), 224, 224);
  const Buffer buffer(frame_with(video_info(GST_VIDEO_FORMAT_GRAY8, 16, 16), mask.get()));
  EXPECT_EQ(box_of_meta(buffer.get()), Box({15, 15, 1, 1}));
}

// What GStreamer's own elements do with it; docs/metadata.md has the same table.
struct Passage {
  const char* name;
  const char* middle;
  Box box;  // empty: the metadata is gone
};

std::ostream& operator<<(std::ostream& out, const Passage& passage) {
  return out << passage.name;
}

class MaskMetaThrough : public testing::TestWithParam<Passage> {};

TEST_P(MaskMetaThrough, Element) {
  register_mask_meta();
  GstVideoInfo info = video_info(GST_VIDEO_FORMAT_RGBA, 64, 32);
  info.fps_n = 25;
  const MaskPtr mask = block_mask();
  Line line(GetParam().middle, info);
  for (int i = 0; i < 3; ++i) line.push_frame(mask.get());
  const test::Sample sample = line.pull();
  ASSERT_NE(sample, nullptr);
  GstBuffer* buffer = gst_sample_get_buffer(sample.get());
  EXPECT_EQ(box_of_meta(buffer), GetParam().box);
  // The regions go the same way (GStreamer 1.22 loses their figures where it scales).
  const auto regions = regions_of(buffer);
  ASSERT_EQ(regions.size(), GetParam().box.empty() ? 0u : 1u);
  if (!regions.empty()) {
    EXPECT_EQ(regions[0].box, GetParam().box);
    EXPECT_EQ(sample_of_meta(buffer), mask->sample);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Elements, MaskMetaThrough,
    testing::Values(
        Passage{"queue", "queue", {16, 8, 16, 8}}, Passage{"tee", "tee ! queue", {16, 8, 16, 8}},
        Passage{"identity", "tee ! identity", {16, 8, 16, 8}},
        Passage{"imagefreeze", "imagefreeze", {16, 8, 16, 8}},
        Passage{"alphacolor", "alphacolor ! video/x-raw,format=AYUV", {16, 8, 16, 8}},
        Passage{"gamma", "tee ! gamma gamma=2", {16, 8, 16, 8}},
        Passage{"videorate", "videorate ! video/x-raw,framerate=50/1", {16, 8, 16, 8}},
        Passage{"videobalance", "tee ! videobalance saturation=0", {16, 8, 16, 8}},
        Passage{"videoconvert", "videoconvert ! video/x-raw,format=I420", {16, 8, 16, 8}},
        Passage{"videoscale_up", "videoscale ! video/x-raw,width=128,height=64", {32, 16, 32, 16}},
        Passage{"videoscale_down", "videoscale ! video/x-raw,width=32,height=16", {8, 4, 8, 4}},
        Passage{"videoconvertscale",
                "videoconvertscale add-borders=false ! "
                "video/x-raw,width=16,height=64,format=NV12,pixel-aspect-ratio=1/1",
                {4, 16, 4, 16}},
        // Neither box nor mask knows of the borders, which would leave {8, 12, 8, 4}.
        Passage{"videoscale_with_borders",
                "videoscale ! video/x-raw,width=32,height=32,pixel-aspect-ratio=1/1",
                {8, 8, 8, 8}},
        Passage{"videocrop", "videocrop left=16", {}},
        Passage{"videocrop_nothing", "videocrop", {16, 8, 16, 8}},
        Passage{"videoflip", "videoflip video-direction=horiz", {}},
        Passage{"videobox", "videobox left=-16", {}},
        Passage{"videobox_nothing", "videobox", {16, 8, 16, 8}},
        Passage{"jpeg", "videoconvert ! jpegenc ! jpegdec", {16, 8, 16, 8}},
        Passage{"vp8", "videoconvert ! vp8enc deadline=1 ! vp8dec", {16, 8, 16, 8}},
        Passage{"rawvideoparse", "rawvideoparse width=64 height=32 format=rgba", {}},
        Passage{"alpha", "alpha method=set alpha=0.5", {}},
        Passage{"deinterlace_progressive", "deinterlace", {16, 8, 16, 8}},
        Passage{"deinterlace_forced", "deinterlace mode=interlaced", {}},
        Passage{"compositor", "compositor", {}}),
    [](const auto& passage) { return std::string(passage.param.name); });

TEST_F(MaskMeta, FeedsEveryBranchOfATee) {
  const MaskPtr mask = block_mask();
  Line line(
      "tee name=t ! queue ! videoscale ! video/x-raw,width=32,height=16 ! "
      "appsink name=out sync=false "
      "t. ! queue ! videocrop top=8 ! appsink name=cropped sync=false "
      "t. ! queue ! appsink name=plain sync=false",
      video_info(GST_VIDEO_FORMAT_I420, 64, 32));
  line.push_frame(mask.get());
  const test::Sample scaled = line.pull();
  const test::Sample cropped = line.pull("cropped");
  const test::Sample plain = line.pull("plain");
  ASSERT_TRUE(scaled && cropped && plain);
  EXPECT_EQ(box_of_meta(gst_sample_get_buffer(scaled.get())), Box({8, 4, 8, 4}));
  EXPECT_EQ(mask_meta_of(gst_sample_get_buffer(cropped.get())), nullptr);
  EXPECT_EQ(box_of_meta(gst_sample_get_buffer(plain.get())), Box({16, 8, 16, 8}));
  EXPECT_EQ(sample_of_meta(gst_sample_get_buffer(scaled.get())), mask->sample);
}

}  // namespace
}  // namespace lightavseg::gst
