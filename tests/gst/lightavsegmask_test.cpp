// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/lightavsegmask.h"

#include <gst/check/gstharness.h>
#include <gst/gst.h>
#include <gst/video/gstvideometa.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "gst/mask_meta.h"
#include "tests/gst/mask_buffers.h"

namespace lightavseg::gst {
namespace {

using test::block_mask;
using test::Line;
using test::plane;
using Pixels = std::vector<std::uint8_t>;

constexpr auto kTold = static_cast<GstMessageType>(GST_MESSAGE_WARNING | GST_MESSAGE_INFO);

class LightAVSegMask : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    register_mask_meta();
    gst_element_register(nullptr, "lightavsegmask", GST_RANK_NONE, GST_TYPE_LIGHTAVSEG_MASK);
  }
};

// [8, 16] with the given probability everywhere.
MaskPtr flat_mask(float probability) {
  return test::mask_of(std::vector<float>(8 * 16, probability), 8, 16);
}

// [8, 16] with four columns each of probabilities that are exact in 8 bits.
MaskPtr steps_mask() {
  std::vector<float> probability;
  for (int y = 0; y < 8; ++y) {
    for (const float value : {0.0f, 64.0f, 128.0f, 255.0f}) {
      probability.insert(probability.end(), 4, value / 255);
    }
  }
  return test::mask_of(std::move(probability), 8, 16);
}

Pixels steps_pixels() {
  Pixels pixels;
  for (int y = 0; y < 8; ++y) {
    for (const std::uint8_t value : {0, 64, 128, 255}) pixels.insert(pixels.end(), 4, value);
  }
  return pixels;
}

std::string caps_of(GstSample* sample) {
  gchar* text = gst_caps_to_string(gst_sample_get_caps(sample));
  std::string result = text;
  g_free(text);
  return result;
}

TEST_F(LightAVSegMask, MakesAFullRangeMatteOfTheFrameSize) {
  GstVideoInfo info = video_info(GST_VIDEO_FORMAT_I420, 161, 91);
  info.fps_n = 25;
  info.par_n = 4;
  info.par_d = 3;
  Line line("lightavsegmask", info);
  line.push_frame(block_mask().get());
  const test::Sample sample = line.pull();
  ASSERT_NE(sample, nullptr);

  GstVideoInfo out;
  ASSERT_TRUE(gst_video_info_from_caps(&out, gst_sample_get_caps(sample.get())));
  EXPECT_EQ(GST_VIDEO_INFO_FORMAT(&out), GST_VIDEO_FORMAT_GRAY8);
  EXPECT_EQ(GST_VIDEO_INFO_WIDTH(&out), 161);
  EXPECT_EQ(GST_VIDEO_INFO_HEIGHT(&out), 91);
  EXPECT_EQ(GST_VIDEO_INFO_FPS_N(&out), 25);
  EXPECT_EQ(GST_VIDEO_INFO_PAR_N(&out), 4);
  EXPECT_EQ(out.colorimetry.range, GST_VIDEO_COLOR_RANGE_0_255);
  EXPECT_NE(caps_of(sample.get()).find("colorimetry=(string)1:4:0:0"), std::string::npos);

  const Pixels pixels = plane(sample.get());
  ASSERT_EQ(pixels.size(), 161u * 91);
  EXPECT_EQ(pixels[34 * 161 + 60], 255);  // middle of the block
  EXPECT_EQ(pixels[34 * 161 + 20], 0);
  EXPECT_EQ(pixels[80 * 161 + 60], 0);
}

TEST_F(LightAVSegMask, KeepsTimesFlagsAndMetadata) {
  const GstVideoInfo info = video_info(GST_VIDEO_FORMAT_RGBA, 64, 32);
  Line line("lightavsegmask", info);
  const MaskPtr mask = block_mask();
  GstBuffer* buffer = test::frame_with(info, mask.get(), 7 * GST_SECOND);
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_MARKER);
  gst_buffer_add_video_meta(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGBA, 64, 32);
  line.push(buffer);
  const test::Sample sample = line.pull();
  ASSERT_NE(sample, nullptr);
  GstBuffer* matte = gst_sample_get_buffer(sample.get());
  EXPECT_EQ(GST_BUFFER_PTS(matte), 7 * GST_SECOND);
  EXPECT_EQ(GST_BUFFER_DURATION(matte), 40 * GST_MSECOND);
  EXPECT_TRUE(GST_BUFFER_FLAG_IS_SET(matte, GST_BUFFER_FLAG_MARKER));
  EXPECT_EQ(test::sample_of_meta(matte), mask->sample);
  EXPECT_NE(gst_buffer_get_video_region_of_interest_meta(matte), nullptr);
  // What describes the pixels of the frame does not describe those of the matte.
  const GstVideoMeta* layout = gst_buffer_get_video_meta(matte);
  EXPECT_TRUE(!layout || layout->format == GST_VIDEO_FORMAT_GRAY8);
}

TEST_F(LightAVSegMask, NeedsNoTimeSegment) {
  const GstVideoInfo info = video_info(GST_VIDEO_FORMAT_RGBA, 64, 32);
  Line line("lightavsegmask name=m", info);
  GstSegment bytes;
  gst_segment_init(&bytes, GST_FORMAT_BYTES);
  GstPad* sink = gst_element_get_static_pad(line.element("m"), "sink");
  gst_pad_add_probe(
      sink, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
      [](GstPad*, GstPadProbeInfo* info, gpointer segment) {
        GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
        if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT) {
          GST_PAD_PROBE_INFO_DATA(info) =
              gst_event_new_segment(static_cast<const GstSegment*>(segment));
          gst_event_unref(event);
        }
        return GST_PAD_PROBE_OK;
      },
      &bytes, nullptr);
  gst_object_unref(sink);
  line.push_frame(block_mask().get());
  const test::Sample sample = line.pull();
  ASSERT_NE(sample, nullptr);
  EXPECT_EQ(plane(sample.get()).size(), 64u * 32);
}

TEST_F(LightAVSegMask, DropsOverlaysOfTheFrame) {
  const GstVideoInfo info = video_info(GST_VIDEO_FORMAT_RGBA, 64, 32);
  Line line("lightavsegmask", info);
  GstBuffer* dot = gst_buffer_new_allocate(nullptr, 16 * 16 * 4, nullptr);
  gst_buffer_add_video_meta(dot, GST_VIDEO_FRAME_FLAG_NONE,
                            GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, 16, 16);
  GstVideoOverlayRectangle* rectangle =
      gst_video_overlay_rectangle_new_raw(dot, 0, 0, 16, 16, GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE);
  GstVideoOverlayComposition* overlay = gst_video_overlay_composition_new(rectangle);
  GstBuffer* buffer = test::frame_with(info, block_mask().get());
  gst_buffer_add_video_overlay_composition_meta(buffer, overlay);
  gst_video_overlay_composition_unref(overlay);
  gst_video_overlay_rectangle_unref(rectangle);
  gst_buffer_unref(dot);
  line.push(buffer);
  const test::Sample sample = line.pull();
  ASSERT_NE(sample, nullptr);
  EXPECT_EQ(gst_buffer_get_video_overlay_composition_meta(gst_sample_get_buffer(sample.get())),
            nullptr);
}

TEST_F(LightAVSegMask, GivesTheProbabilitiesUnchangedAtThresholdZero) {
  for (const char* middle :
       {"lightavsegmask threshold=0 feather=0",
        "lightavsegmask threshold=0 feather=0 ! videoconvert",
        "lightavsegmask threshold=0 feather=0 ! videoconvert ! video/x-raw,format=GRAY8",
        "lightavsegmask threshold=0 feather=0 ! videoconvert ! "
        "video/x-raw,format=I420,colorimetry=(string)1:4:0:0"}) {
    SCOPED_TRACE(middle);
    Line line(middle, video_info(GST_VIDEO_FORMAT_NV12, 16, 8));
    line.push_frame(steps_mask().get());
    const test::Sample sample = line.pull();
    ASSERT_NE(sample, nullptr);
    EXPECT_EQ(plane(sample.get()), steps_pixels());
  }
}

TEST_F(LightAVSegMask, MakesDeepMattesThatAgree) {
  Line line("lightavsegmask threshold=0 feather=0 ! video/x-raw,format=GRAY16_LE",
            video_info(GST_VIDEO_FORMAT_NV12, 16, 8));
  line.push_frame(steps_mask().get());
  const test::Sample sample = line.pull();
  ASSERT_NE(sample, nullptr);
  Pixels twice;
  for (const std::uint8_t value : steps_pixels()) twice.insert(twice.end(), 2, value);
  EXPECT_EQ(plane(sample.get()), twice);  // v * 257
}

TEST_F(LightAVSegMask, ScalesBilinearly) {
  // Centres of pixels coincide: of every four new pixels between two old ones the weights are
  // 1/8, 3/8, 5/8 and 7/8.
  Line line("lightavsegmask threshold=0 feather=0", video_info(GST_VIDEO_FORMAT_RGB, 64, 32));
  line.push_frame(steps_mask().get());
  const test::Sample sample = line.pull();
  ASSERT_NE(sample, nullptr);
  const Pixels pixels = plane(sample.get());
  const Pixels edge(pixels.begin() + 12, pixels.begin() + 20);
  EXPECT_EQ(edge, Pixels({0, 0, 8, 24, 40, 56, 64, 64}));
}

TEST_F(LightAVSegMask, AppliesThresholdAndInvert) {
  struct Case {
    float probability;
    const char* settings;
    std::uint8_t want;
  };
  for (const Case& c : {Case{0.7f, "", 255}, Case{0.3f, "", 0}, Case{0.7f, "invert=true", 0},
                        Case{0.3f, "invert=true", 255}, Case{0.7f, "threshold=0.9", 0},
                        Case{0.3f, "threshold=0.1", 255}, Case{0, "threshold=0 invert=true", 255},
                        Case{1, "threshold=0 feather=0", 255}}) {
    SCOPED_TRACE(c.settings);
    Line line(std::string("lightavsegmask ") + c.settings,
              video_info(GST_VIDEO_FORMAT_GRAY8, 32, 32));
    line.push_frame(flat_mask(c.probability).get());
    const test::Sample sample = line.pull();
    ASSERT_NE(sample, nullptr);
    EXPECT_EQ(plane(sample.get()), Pixels(32 * 32, c.want));
  }
}

// How many pixels of the row through the block are neither black nor white.
std::ptrdiff_t soft_pixels(const char* settings, int scale) {
  Line line(std::string("lightavsegmask ") + settings,
            video_info(GST_VIDEO_FORMAT_GRAY8, 224 * scale, 224 * scale));
  std::vector<float> probability(224 * 224);
  for (std::size_t i = 0; i < probability.size(); ++i) probability[i] = i % 224 >= 112 ? 1.0f : 0;
  line.push_frame(test::mask_of(std::move(probability), 224, 224).get());
  const test::Sample sample = line.pull();
  if (!sample) return -1;
  const Pixels pixels = plane(sample.get());
  return std::count_if(pixels.begin(), pixels.begin() + 224 * scale,
                       [](std::uint8_t value) { return value > 2 && value < 253; });
}

TEST_F(LightAVSegMask, FeathersInPixelsOfTheVideo) {
  EXPECT_EQ(soft_pixels("feather=0", 1), 0);
  // An edge blurred by a Gaussian of s is between 1 % and 99 % over 4.65 s.
  EXPECT_NEAR(static_cast<double>(soft_pixels("feather=4", 1)), 4.65 * 4, 4);
  EXPECT_NEAR(static_cast<double>(soft_pixels("feather=12", 3)), 4.65 * 12, 10);
}

TEST_F(LightAVSegMask, ChangesItsSettingsWhilePlaying) {
  Line line("lightavsegmask name=m", video_info(GST_VIDEO_FORMAT_GRAY8, 32, 32));
  const MaskPtr mask = flat_mask(0.7f);
  line.push_frame(mask.get());
  EXPECT_EQ(plane(line.pull().get())[0], 255);
  // The same mask picture again: only the settings differ.
  g_object_set(line.element("m"), "invert", TRUE, nullptr);
  line.push_frame(mask.get());
  EXPECT_EQ(plane(line.pull().get())[0], 0);
  g_object_set(line.element("m"), "threshold", 0.9, nullptr);
  line.push_frame(mask.get());
  EXPECT_EQ(plane(line.pull().get())[0], 255);
  gboolean invert = FALSE;
  double threshold = 0, feather = -1;
  g_object_get(line.element("m"), "invert", &invert, "threshold", &threshold, "feather", &feather,
               nullptr);
  EXPECT_TRUE(invert);
  EXPECT_EQ(threshold, 0.9);
  EXPECT_EQ(feather, 2);
}

TEST_F(LightAVSegMask, FollowsMaskAndFrameSizes) {
  GstHarness* harness = gst_harness_new("lightavsegmask");
  int counter = 0;
  for (const char* caps : {"video/x-raw,format=GRAY8,width=32,height=16,framerate=25/1",
                           "video/x-raw,format=I420,width=48,height=64,framerate=0/1",
                           "video/x-raw,format=v210,width=96,height=16,framerate=25/1"}) {
    gst_harness_set_src_caps_str(harness, caps);
    GstCaps* parsed = gst_caps_from_string(caps);
    GstVideoInfo info;
    ASSERT_TRUE(gst_video_info_from_caps(&info, parsed));
    gst_caps_unref(parsed);
    for (const float probability : {1.0f, 0.0f}) {
      GstBuffer* matte = gst_harness_push_and_pull(
          harness, test::frame_with(info, flat_mask(probability).get(),
                                    40 * GST_MSECOND * static_cast<guint64>(counter++)));
      ASSERT_NE(matte, nullptr);
      const auto pixels = static_cast<gsize>(GST_VIDEO_INFO_WIDTH(&info)) *
                          static_cast<gsize>(GST_VIDEO_INFO_HEIGHT(&info));
      EXPECT_EQ(gst_buffer_get_size(matte), pixels);
      const Pixels want(pixels, probability > 0 ? 255 : 0);
      EXPECT_EQ(gst_buffer_memcmp(matte, 0, want.data(), want.size()), 0) << caps;
      gst_buffer_unref(matte);
    }
  }
  gst_harness_teardown(harness);
}

TEST_F(LightAVSegMask, TakesPaddedInputFrames) {
  const GstVideoInfo info = video_info(GST_VIDEO_FORMAT_GRAY8, 32, 16);
  Line line("lightavsegmask", info);
  // Larger than the caps say, as decoders hand out with GstVideoMeta.
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, 100 * 40 + 13, nullptr);
  GST_BUFFER_PTS(buffer) = 0;
  attach_mask_meta(buffer, info, *flat_mask(1), 0);
  line.push(buffer);
  const test::Sample sample = line.pull();
  ASSERT_NE(sample, nullptr);
  EXPECT_EQ(plane(sample.get()), Pixels(32 * 16, 255));
}

TEST_F(LightAVSegMask, WritesIntoPaddedOutputBuffers) {
  // A pool of downstream's that aligns rows to 64 bytes.
  Line line("lightavsegmask threshold=0 feather=0 ! identity name=after",
            video_info(GST_VIDEO_FORMAT_I420, 16, 8));
  GstPad* pad = gst_element_get_static_pad(line.element("after"), "sink");
  gst_pad_add_probe(
      pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
      [](GstPad*, GstPadProbeInfo* probe, gpointer) {
        GstQuery* query = GST_PAD_PROBE_INFO_QUERY(probe);
        if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION) return GST_PAD_PROBE_OK;
        GstCaps* caps = nullptr;
        gst_query_parse_allocation(query, &caps, nullptr);
        GstVideoInfo info;
        if (!caps || !gst_video_info_from_caps(&info, caps)) return GST_PAD_PROBE_OK;
        GstVideoAlignment align;
        gst_video_alignment_reset(&align);
        align.stride_align[0] = 63;
        align.padding_right = 5;
        GstBufferPool* pool = gst_video_buffer_pool_new();
        GstStructure* config = gst_buffer_pool_get_config(pool);
        gst_buffer_pool_config_set_params(config, caps, static_cast<guint>(info.size), 0, 0);
        gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
        gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
        gst_buffer_pool_config_set_video_alignment(config, &align);
        gst_buffer_pool_set_config(pool, config);
        gst_query_add_allocation_pool(query, pool, static_cast<guint>(info.size), 0, 0);
        gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
        gst_object_unref(pool);
        return GST_PAD_PROBE_HANDLED;
      },
      nullptr, nullptr);
  gst_object_unref(pad);
  line.push_frame(steps_mask().get());
  const test::Sample sample = line.pull();
  ASSERT_NE(sample, nullptr);
  EXPECT_EQ(plane(sample.get()), steps_pixels());
}

TEST_F(LightAVSegMask, SaysOncePerChangeThatMasksAreMissing) {
  Line line("lightavsegmask", video_info(GST_VIDEO_FORMAT_GRAY8, 32, 32));
  const MaskPtr mask = flat_mask(1);
  const auto next_is = [&line](const Mask* carried, std::uint8_t want) {
    line.push_frame(carried);
    const test::Sample sample = line.pull();
    ASSERT_NE(sample, nullptr);
    EXPECT_EQ(plane(sample.get()), Pixels(32 * 32, want));
  };

  next_is(mask.get(), 255);
  EXPECT_TRUE(line.messages(kTold).empty());
  for (int i = 0; i < 3; ++i) next_is(nullptr, 0);
  const auto warnings = line.messages(GST_MESSAGE_WARNING);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("upstream has no lightavseg"), std::string::npos) << warnings[0];
  for (int i = 0; i < 2; ++i) next_is(mask.get(), 255);
  EXPECT_EQ(line.messages(kTold).size(), 1u);
  for (int i = 0; i < 2; ++i) next_is(nullptr, 0);
  EXPECT_EQ(line.messages(kTold).size(), 1u);
}

TEST_F(LightAVSegMask, GivesWhiteForFramesWithoutMasksWhenInverted) {
  for (const char* format : {"GRAY8", "GRAY16_LE"}) {
    Line line(std::string("lightavsegmask invert=true ! video/x-raw,format=") + format,
              video_info(GST_VIDEO_FORMAT_GRAY8, 32, 32));
    line.push_frame(nullptr);
    const test::Sample sample = line.pull();
    ASSERT_NE(sample, nullptr);
    const Pixels pixels = plane(sample.get());
    EXPECT_EQ(pixels, Pixels(pixels.size(), 255)) << format;
  }
}

TEST_F(LightAVSegMask, TakesAMetaWithoutPictureAsNone) {
  const GstVideoInfo info = video_info(GST_VIDEO_FORMAT_GRAY8, 32, 32);
  GstCaps* text_caps = gst_caps_new_empty_simple("text/x-raw");
  GstSample* text = gst_sample_new(nullptr, text_caps, nullptr, nullptr);
  gst_caps_unref(text_caps);
  for (const bool has_sample : {false, true}) {
    Line line("lightavsegmask", info);
    GstBuffer* buffer = test::frame_with(info, nullptr);
    GstCustomMeta* meta = gst_buffer_add_custom_meta(buffer, kMaskMetaName);
    if (has_sample) {
      gst_structure_set(gst_custom_meta_get_structure(meta), "mask", GST_TYPE_SAMPLE, text,
                        nullptr);
    }
    line.push(buffer);
    const test::Sample sample = line.pull();
    ASSERT_NE(sample, nullptr);
    EXPECT_EQ(plane(sample.get()), Pixels(32 * 32, 0));
    EXPECT_EQ(line.messages(GST_MESSAGE_WARNING).size(), 1u);
  }
  gst_sample_unref(text);
}

TEST_F(LightAVSegMask, MakesAMatteBehindATeeAndAfterScaling) {
  Line line(
      "tee name=t ! queue ! videoscale ! video/x-raw,width=32,height=16 ! lightavsegmask feather=0 "
      "! "
      "appsink name=out sync=false "
      "t. ! queue ! videoconvert ! video/x-raw,format=RGB ! appsink name=picture sync=false "
      "t. ! queue ! videocrop left=8 ! lightavsegmask ! appsink name=cropped sync=false",
      video_info(GST_VIDEO_FORMAT_I420, 64, 32));
  line.push_frame(block_mask().get());
  const test::Sample matte = line.pull();
  const test::Sample picture = line.pull("picture");
  const test::Sample cropped = line.pull("cropped");
  ASSERT_TRUE(matte && picture && cropped);
  const Pixels pixels = plane(matte.get());
  EXPECT_EQ(pixels[5 * 32 + 11], 255);
  EXPECT_EQ(pixels[5 * 32 + 20], 0);
  EXPECT_EQ(plane(picture.get()).size(), 64u * 32 * 3);
  // The crop has dropped the mask, and the element says so.
  EXPECT_EQ(plane(cropped.get()), Pixels(56 * 32, 0));
  EXPECT_EQ(line.messages(GST_MESSAGE_WARNING).size(), 1u);
}

TEST_F(LightAVSegMask, TakesOtherMemoryButNotSingleFields) {
  GstElement* element = gst_element_factory_make("lightavsegmask", nullptr);
  GstPad* pad = gst_element_get_static_pad(element, "sink");
  const auto accepts = [pad](const char* text) {
    GstCaps* caps = gst_caps_from_string(text);
    const bool result = gst_pad_query_accept_caps(pad, caps);
    gst_caps_unref(caps);
    return result;
  };
  EXPECT_TRUE(accepts("video/x-raw,format=RGB,width=64,height=32,framerate=1/1"));
  EXPECT_TRUE(accepts("video/x-raw(memory:DMABuf),format=NV12,width=64,height=32,framerate=1/1"));
  EXPECT_TRUE(
      accepts("video/x-raw(memory:SystemMemory,meta:GstVideoOverlayComposition),"
              "format=NV12,width=64,height=32,framerate=1/1"));
  EXPECT_FALSE(accepts("audio/x-raw,format=S16LE,rate=8000,channels=1"));
  EXPECT_FALSE(
      accepts("video/x-raw(format:Interlaced),format=NV12,width=64,height=32,framerate=1/1,"
              "interlace-mode=alternate"));
  gst_object_unref(pad);
  gst_object_unref(element);
}

TEST_F(LightAVSegMask, OffersUpstreamToLeaveOverlaysUnblended) {
  GstHarness* harness = gst_harness_new("lightavsegmask");
  gst_harness_set_src_caps_str(harness, "video/x-raw,format=RGBA,width=32,height=16,framerate=1/1");
  GstCaps* caps = gst_pad_get_current_caps(harness->srcpad);
  GstQuery* query = gst_query_new_allocation(caps, TRUE);
  gst_caps_unref(caps);
  ASSERT_TRUE(gst_pad_peer_query(harness->srcpad, query));
  EXPECT_TRUE(gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr));
  EXPECT_TRUE(
      gst_query_find_allocation_meta(query, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, nullptr));
  gst_query_unref(query);
  gst_harness_teardown(harness);
}

TEST_F(LightAVSegMask, DescribesItsProperties) {
  GstElement* element = gst_element_factory_make("lightavsegmask", nullptr);
  for (const char* name : {"threshold", "feather", "invert"}) {
    GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), name);
    ASSERT_NE(spec, nullptr) << name;
    EXPECT_TRUE(spec->flags & GST_PARAM_CONTROLLABLE) << name;
    EXPECT_TRUE(spec->flags & GST_PARAM_MUTABLE_PLAYING) << name;
    const std::string blurb = g_param_spec_get_blurb(spec);
    EXPECT_NE(blurb.find("Takes effect with the next frame"), std::string::npos) << name;
  }
  GstElementFactory* factory = gst_element_get_factory(element);
  EXPECT_STREQ(gst_element_factory_get_metadata(factory, GST_ELEMENT_METADATA_KLASS),
               "Filter/Converter/Video");
  EXPECT_STREQ(G_OBJECT_TYPE_NAME(element), "GstLightAVSegMask");
  gst_object_unref(element);
}

TEST_F(LightAVSegMask, ReleasesElementsBuffersAndMasks) {
  const auto count = [](gpointer gone, auto*) { ++*static_cast<int*>(gone); };
  const GstVideoInfo info = video_info(GST_VIDEO_FORMAT_GRAY8, 32, 16);
  int masks = 0, elements = 0;
  for (int i = 0; i < 3; ++i) {
    MaskPtr mask = flat_mask(1);
    GstSample* picture = mask->sample;
    gst_mini_object_weak_ref(GST_MINI_OBJECT(picture), count, &masks);
    GstHarness* harness = gst_harness_new("lightavsegmask");
    g_object_weak_ref(G_OBJECT(harness->element), count, &elements);
    gst_harness_set_src_caps_str(harness, "video/x-raw,format=GRAY8,width=32,height=16");
    for (int frame = 0; frame < 2; ++frame) {
      GstBuffer* matte = gst_harness_push_and_pull(harness, test::frame_with(info, mask.get()));
      ASSERT_NE(matte, nullptr);
      gst_buffer_unref(matte);
    }
    // The matte that is kept for the next frame holds its mask, as long as the element streams.
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(picture), 2);
    gst_element_set_state(harness->element, GST_STATE_READY);
    EXPECT_EQ(GST_MINI_OBJECT_REFCOUNT_VALUE(picture), 1);
    mask.reset();
    gst_harness_teardown(harness);
  }
  EXPECT_EQ(masks, 3);
  EXPECT_EQ(elements, 3);
}

TEST_F(LightAVSegMask, TakesEightBitsUnlessDownstreamWantsSixteen) {
  const std::pair<const char*, const char*> cases[] = {
      {"lightavsegmask", "GRAY8"},
      {"lightavsegmask ! video/x-raw,format={GRAY16_LE,GRAY8}", "GRAY8"},
      {"lightavsegmask ! video/x-raw,format=GRAY16_LE", "GRAY16_LE"},
  };
  for (const auto& [middle, format] : cases) {
    Line line(middle, video_info(GST_VIDEO_FORMAT_RGB, 32, 16));
    line.push_frame(flat_mask(1).get());
    const test::Sample sample = line.pull();
    ASSERT_NE(sample, nullptr) << middle;
    EXPECT_STREQ(gst_structure_get_string(
                     gst_caps_get_structure(gst_sample_get_caps(sample.get()), 0), "format"),
                 format)
        << middle;
  }
}

TEST_F(LightAVSegMask, GoesUpAndDownAHundredTimes) {
  Line line("lightavsegmask name=m", video_info(GST_VIDEO_FORMAT_GRAY8, 32, 32));
  for (int i = 0; i < 100; ++i) {
    ASSERT_NE(gst_element_set_state(line.pipeline(), GST_STATE_READY), GST_STATE_CHANGE_FAILURE);
    ASSERT_NE(gst_element_set_state(line.pipeline(), GST_STATE_PLAYING), GST_STATE_CHANGE_FAILURE);
  }
  line.push_frame(flat_mask(1).get());
  const test::Sample sample = line.pull();
  ASSERT_NE(sample, nullptr);
  EXPECT_EQ(plane(sample.get())[0], 255);
}

}  // namespace
}  // namespace lightavseg::gst
