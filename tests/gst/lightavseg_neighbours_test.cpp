// SPDX-License-Identifier: LGPL-2.1-or-later
// What the elements before and behind lightavseg rely on: formats that are agreed on anew, colours
// that stay, rows that lie where the caps say.
#include <fmt/format.h>
#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/navigation.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/gst/mask_fields.h"
#include "tests/gst/run_pipeline.h"
#include "tests/gst/stub_test.h"
#include "tests/gst/test_frames.h"

namespace lightavseg::gst::test {
namespace {

class Neighbours : public StubTest {};

std::string format_of(GstSample* sample) {
  return gst_structure_get_string(gst_caps_get_structure(gst_sample_get_caps(sample), 0), "format");
}

// Who wants another format than what it gets asks for it, and only upstream can give it.
TEST_F(Neighbours, AFormatThatDownstreamAsksForComesFromUpstream) {
  for (const char* output : {"overlay", "metadata"}) {
    Pipeline p(
        fmt::format("videotestsrc ! video/x-raw,width=64,height=48,framerate=25/1 ! videoconvert ! "
                    "lightavseg name=l output={} ! capsfilter name=f caps=video/x-raw,format=I420 "
                    "caps-change-mode=delayed ! {}",
                    output, kRecordedOut));
    ASSERT_TRUE(p.reach(GST_STATE_PLAYING)) << p.error();
    p.collect(100);
    ASSERT_FALSE(p.samples().empty());
    EXPECT_EQ(format_of(p.samples().back()), "I420");
    gst_util_set_object_arg(G_OBJECT(p.element("f")), "caps", "video/x-raw,format=GRAY8");
    for (int turn = 0; turn < 200 && format_of(p.samples().back()) != "GRAY8"; ++turn) {
      const auto before = p.samples().size();
      p.collect(20);
      ASSERT_GT(p.samples().size() + 1, before);
    }
    EXPECT_EQ(format_of(p.samples().back()), "GRAY8") << output;
    EXPECT_TRUE(p.error().empty()) << p.error();
  }
}

TEST_F(Neighbours, WhatAMouseDoesReachesUpstream) {
  Pipeline p(red_video(5) + tone(1) + "lightavseg name=l ! " + kRecordedOut);
  int moves = 0;
  GstPad* sink = gst_element_get_static_pad(p.element("l"), "video_sink");
  GstPad* source = gst_pad_get_peer(sink);
  gst_pad_add_probe(
      source, GST_PAD_PROBE_TYPE_EVENT_UPSTREAM,
      [](GstPad*, GstPadProbeInfo* info, gpointer moves) {
        *static_cast<int*>(moves) +=
            GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_NAVIGATION;
        return GST_PAD_PROBE_OK;
      },
      &moves, nullptr);
  ASSERT_TRUE(p.reach(GST_STATE_PAUSED)) << p.error();
  GstPad* src = gst_element_get_static_pad(p.element("l"), "src");
  gst_pad_send_event(
      src, gst_event_new_navigation(gst_structure_new(
               "application/x-gst-navigation", "event", G_TYPE_STRING, "mouse-move", "pointer_x",
               G_TYPE_DOUBLE, 1.0, "pointer_y", G_TYPE_DOUBLE, 2.0, nullptr)));
  EXPECT_EQ(moves, 1);
  for (auto* pad : {src, source, sink}) gst_object_unref(pad);
}

// Planes of YUV in, the same planes with alpha out, whatever the usual colours of that size are.
TEST_F(Neighbours, ColoursOfYuvStayWhenAlphaIsAdded) {
  const struct {
    const char *input, *output, *colorimetry;
  } cases[] = {{"I420,width=160,height=90,colorimetry=bt709", "A420", "bt709"},
               {"I420,width=160,height=90,colorimetry=1:4:7:1", "A420", "1:4:7:1"},
               {"I420,width=1280,height=720,colorimetry=bt601", "AYUV", "bt601"},
               {"P010_10LE,width=160,height=90,colorimetry=bt2100-pq", "A444_10LE", "bt2100-pq"}};
  for (const auto& c : cases) {
    for (const char* output : {"alpha", "cutout"}) {
      Pipeline p(
          fmt::format("videotestsrc num-buffers=2 pattern=smpte ! "
                      "video/x-raw,format={},framerate=25/1 ! tee name=t "
                      "t. ! queue ! l.video_sink lightavseg name=l output={} invert=true ! "
                      "video/x-raw,format={} ! appsink name=out sync=false "
                      "t. ! queue ! appsink name=in sync=false wait-on-eos=false",
                      c.input, output, c.output));
      ASSERT_TRUE(p.run()) << p.error();
      GstSample* sample = p.samples().at(0);
      const auto* caps = gst_caps_get_structure(gst_sample_get_caps(sample), 0);
      EXPECT_STREQ(gst_structure_get_string(caps, "colorimetry"), c.colorimetry) << c.input;
      if (std::string(c.output) != "A420" || std::string(output) != "alpha") continue;
      // Nothing was converted: brightness and colour are the same bytes.
      GstSample* before = nullptr;
      g_signal_emit_by_name(p.element("in"), "try-pull-sample", GST_SECOND, &before);
      ASSERT_NE(before, nullptr);
      GstMapInfo in, out;
      ASSERT_TRUE(gst_buffer_map(gst_sample_get_buffer(before), &in, GST_MAP_READ));
      ASSERT_TRUE(gst_buffer_map(gst_sample_get_buffer(sample), &out, GST_MAP_READ));
      ASSERT_GT(out.size, in.size);
      EXPECT_EQ(std::memcmp(in.data, out.data, in.size), 0) << c.input;
      gst_buffer_unmap(gst_sample_get_buffer(before), &in);
      gst_buffer_unmap(gst_sample_get_buffer(sample), &out);
      gst_sample_unref(before);
    }
  }
}

// A plain appsink does not say that it looks at GstVideoMeta. Decoders pad rows.
TEST_F(Neighbours, PaddedRowsArePackedForWhoeverKnowsOnlyCaps) {
  for (const char* output : {"metadata", "overlay"}) {
    Pipeline p(
        fmt::format("appsrc name=v format=time "
                    "caps=video/x-raw,format=I420,width=161,height=97,framerate=25/1 ! "
                    "lightavseg name=l output={} ! {}",
                    output, kRecordedOut));
    GstVideoInfo info;
    gst_video_info_set_format(&info, GST_VIDEO_FORMAT_I420, 161, 97);
    GstBuffer* plain = gst_buffer_new_allocate(nullptr, info.size, nullptr);
    GstMapInfo map;
    ASSERT_TRUE(gst_buffer_map(plain, &map, GST_MAP_WRITE));
    for (gsize i = 0; i < map.size; ++i) map.data[i] = guint8(i * 31 % 251);
    gst_buffer_unmap(plain, &map);
    BufferPtr frame = padded(plain, info);
    GST_BUFFER_PTS(frame.get()) = 0;
    GST_BUFFER_DURATION(frame.get()) = 40 * GST_MSECOND;
    ASSERT_NE(gst_buffer_get_size(frame.get()), info.size);
    gst_app_src_push_buffer(GST_APP_SRC(p.element("v")), frame.release());
    gst_app_src_end_of_stream(GST_APP_SRC(p.element("v")));
    ASSERT_TRUE(p.run()) << p.error();
    ASSERT_EQ(p.samples().size(), 1u);
    GstBuffer* out = p.buffer(0);
    ASSERT_EQ(gst_buffer_get_size(out), info.size) << output;
    EXPECT_EQ(area(out), 0);  // the metadata of the mask came along
    EXPECT_EQ(GST_BUFFER_PTS(out), 0u);
    GstVideoFrame a, b;
    ASSERT_TRUE(gst_video_frame_map(&a, &info, plain, GST_MAP_READ));
    ASSERT_TRUE(gst_video_frame_map(&b, &info, out, GST_MAP_READ));
    for (guint plane = 0; plane < 3; ++plane) {
      EXPECT_EQ(b.info.stride[plane], info.stride[plane]);
      const int width = plane ? 81 : 161, height = plane ? 49 : 97;
      for (int y = 0; y < height; ++y)
        ASSERT_EQ(std::memcmp(static_cast<guint8*>(a.data[plane]) + y * a.info.stride[plane],
                              static_cast<guint8*>(b.data[plane]) + y * b.info.stride[plane],
                              size_t(width)),
                  0)
            << output << " plane " << plane << " row " << y;
    }
    gst_video_frame_unmap(&a);
    gst_video_frame_unmap(&b);
    gst_buffer_unref(plain);
  }
}

// A meta that tells of rows outside of the buffer is nobody's business where frames only pass.
TEST_F(Neighbours, AFrameThatDoesNotHoldItsRowsPassesAsItIs) {
  Pipeline p(std::string("appsrc name=v format=time "
                         "caps=video/x-raw,format=I420,width=161,height=97,framerate=25/1 ! "
                         "lightavseg name=l output=metadata ! ") +
             kRecordedOut);
  const auto info = video_info(GST_VIDEO_FORMAT_I420, 161, 97);
  BufferPtr frame = padded(empty_frame(info).get(), info);
  gst_buffer_get_video_meta(frame.get())->stride[2] = 1 << 20;
  GST_BUFFER_PTS(frame.get()) = 0;
  const gsize size = gst_buffer_get_size(frame.get());
  gst_app_src_push_buffer(GST_APP_SRC(p.element("v")), frame.release());
  gst_app_src_end_of_stream(GST_APP_SRC(p.element("v")));
  ASSERT_TRUE(p.run()) << p.error();
  ASSERT_EQ(p.samples().size(), 1u);
  EXPECT_EQ(gst_buffer_get_size(p.buffer(0)), size);
}

}  // namespace
}  // namespace lightavseg::gst::test
