// SPDX-License-Identifier: LGPL-2.1-or-later
// What leaves lightavseg for other elements: files with alpha, mattes through converters, overlays
// for every kind of sink.
#include <glib/gstdio.h>
#include <gst/app/gstappsrc.h>
#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <ostream>
#include <vector>

#include "tests/gst/mask_fields.h"
#include "tests/gst/run_pipeline.h"
#include "tests/gst/stub_segmenter.h"
#include "tests/gst/test_frames.h"

namespace lightavseg::gst::test {
namespace {

class Export : public testing::Test {
 protected:
  void SetUp() override {
    use_stubs();
    stub().delay_ms = 0;
  }
};

// A folder with one file, gone at the end.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& name) {
    gchar* made = g_dir_make_tmp("lightavseg-export-XXXXXX", nullptr);
    folder_ = made;
    g_free(made);
    path_ = folder_ + "/" + name;
  }
  ~TemporaryFile() {
    g_unlink(path_.c_str());
    g_rmdir(folder_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  std::string folder_, path_;
};

bool have(const char* element) {
  GstElementFactory* factory = gst_element_factory_find(element);
  if (factory) gst_object_unref(factory);
  return factory != nullptr;
}

// ---- Files with alpha

// A ramp from black to white: the stub's masks have every value.
constexpr const char* kRamp =
    "videotestsrc num-buffers=5 pattern=gradient ! "
    "video/x-raw,format=RGB,width=128,height=96,framerate=25/1 ! queue ! l.video_sink ";
constexpr const char* kSoft = "lightavseg name=l output=alpha threshold=0 feather=0 smoothing=0 ! ";

// Alpha of all samples, which are RGBA.
std::vector<std::uint8_t> alpha_of(const Pipeline& p) {
  std::vector<std::uint8_t> alpha;
  for (auto* sample : p.samples()) {
    const auto bytes = bytes_of(gst_sample_get_buffer(sample));
    for (std::size_t i = 3; i < bytes.size(); i += 4) alpha.push_back(bytes[i]);
  }
  return alpha;
}

std::array<int, 256> histogram(const std::vector<std::uint8_t>& values) {
  std::array<int, 256> counts{};
  for (const auto v : values) ++counts[v];
  return counts;
}

struct Codec {
  const char* encoder;
  const char* muxer;
  const char* demuxer;
  const char* decoder;
  int loss;  // of alpha, in steps of 255
};

std::ostream& operator<<(std::ostream& out, const Codec& codec) {
  return out << codec.encoder << " in " << codec.muxer;
}

class AlphaFiles : public testing::TestWithParam<Codec> {};

TEST_P(AlphaFiles, KeepTheMask) {
  const Codec& codec = GetParam();
  if (!have("avenc_ffv1")) GTEST_SKIP() << "gstreamer1.0-libav is not installed";
  use_stubs();
  stub().delay_ms = 0;
  const std::string to_rgba = std::string("video/x-raw,format=RGBA ! ") + kRecordedOut;
  Pipeline direct(kRamp + tone(1) + kSoft + to_rgba);
  ASSERT_TRUE(direct.run()) << direct.error();
  const auto before = alpha_of(direct);
  ASSERT_EQ(before.size(), 5u * 128 * 96);

  const TemporaryFile file("alpha.file");
  Pipeline write(
      kRamp + tone(1) + kSoft +
      fmt::format("{} ! {} ! filesink location={}", codec.encoder, codec.muxer, file.path()));
  ASSERT_TRUE(write.run()) << write.error();
  Pipeline read(fmt::format("filesrc location={} ! {} ! {} ! videoconvert ! {}", file.path(),
                            codec.demuxer, codec.decoder, to_rgba));
  ASSERT_TRUE(read.run()) << read.error();
  const auto after = alpha_of(read);
  ASSERT_EQ(after.size(), before.size());
  int worst = 0;
  for (std::size_t i = 0; i < before.size(); ++i)
    worst = std::max(worst, std::abs(int(before[i]) - int(after[i])));
  EXPECT_LE(worst, codec.loss);
  const auto was = histogram(before), is = histogram(after);
  EXPECT_GT(std::count_if(was.begin(), was.end(), [](int n) { return n > 0; }), 40);
  if (codec.loss == 0) {
    EXPECT_EQ(was, is);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, AlphaFiles,
    testing::Values(Codec{"video/x-raw,format=BGRA ! avenc_ffv1", "matroskamux", "matroskademux",
                          "avdec_ffv1", 0},
                    Codec{"video/x-raw,format=A420 ! avenc_ffv1", "matroskamux", "matroskademux",
                          "avdec_ffv1", 0},
                    // The encoder's own choice of what the element offers.
                    Codec{"avenc_ffv1", "matroskamux", "matroskademux", "avdec_ffv1", 0},
                    // Alpha has 10 bit on the way there and back.
                    Codec{"avenc_prores_ks profile=4444", "qtmux", "qtdemux", "avdec_prores", 1},
                    Codec{"avenc_prores_ks profile=4444", "matroskamux", "matroskademux",
                          "avdec_prores", 1}));

// ---- Mattes

struct MatteTarget {
  const char* caps;
  int bytes;     // of a pixel in the first plane
  int position;  // of the byte that is compared
};

std::ostream& operator<<(std::ostream& out, const MatteTarget& target) {
  return out << target.caps;
}

class Mattes : public testing::TestWithParam<MatteTarget> {};

TEST_P(Mattes, KeepTheirValuesThroughVideoconvert) {
  use_stubs();
  stub().delay_ms = 0;
  for (const int value : {0, 64, 128, 255}) {
    Pipeline p(fmt::format("videotestsrc num-buffers=2 pattern=solid-color foreground-color={} ! "
                           "video/x-raw,format=RGB,width=64,height=48,framerate=25/1 ! queue ! "
                           "l.video_sink ",
                           0xff000000u | unsigned(value) << 16) +
               tone(1) +
               "lightavseg name=l output=matte threshold=0 smoothing=0 ! videoconvert ! " +
               GetParam().caps + " ! " + kRecordedOut);
    ASSERT_TRUE(p.run()) << p.error();
    ASSERT_EQ(p.samples().size(), 2u);
    const auto bytes = bytes_of(p.buffer(1));
    for (int i = 0; i < 64 * 48; ++i)
      ASSERT_EQ(bytes[std::size_t(i * GetParam().bytes + GetParam().position)], value)
          << GetParam().caps << " pixel " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Mattes,
                         testing::Values(MatteTarget{"video/x-raw,format=GRAY8", 1, 0},
                                         MatteTarget{"video/x-raw,format=GRAY16_LE", 2, 1},
                                         MatteTarget{"video/x-raw,format=RGB", 3, 1},
                                         MatteTarget{"video/x-raw,format=BGRA", 4, 2},
                                         MatteTarget{"video/x-raw,format=I420,colorimetry=1:4:0:0",
                                                     1, 0}));

// ---- Overlays into pictures

// Pushes `frames` of `picture` into the appsrc "v".
void push_frames(Pipeline& p, GstBuffer* picture, int frames) {
  GstElement* source = p.element("v");
  for (int i = 0; i < frames; ++i) {
    GstBuffer* frame = gst_buffer_copy_deep(picture);
    GST_BUFFER_PTS(frame) = GstClockTime(i) * 40 * GST_MSECOND;
    GST_BUFFER_DURATION(frame) = 40 * GST_MSECOND;
    ASSERT_EQ(gst_app_src_push_buffer(GST_APP_SRC(source), frame), GST_FLOW_OK);
  }
  gst_app_src_end_of_stream(GST_APP_SRC(source));
}

std::vector<std::uint16_t> overlaid(GstBuffer* picture, const GstVideoInfo& info, double opacity) {
  GstCaps* caps = gst_video_info_to_caps(&info);
  gchar* text = gst_caps_to_string(caps);
  gst_caps_unref(caps);
  Pipeline p(
      fmt::format("appsrc name=v format=time caps=\"{}\" ! queue ! l.video_sink {}"
                  "lightavseg name=l threshold=0 feather=0 smoothing=0 "
                  "overlay-color=0xff0000ff overlay-opacity={} ! {}",
                  text, tone(1), opacity, kRecordedOut));
  g_free(text);
  push_frames(p, picture, 2);
  EXPECT_TRUE(p.run()) << p.error();
  EXPECT_EQ(p.samples().size(), 2u);
  if (p.samples().size() < 2) return {};
  GstVideoInfo out;
  EXPECT_TRUE(gst_video_info_from_caps(&out, gst_sample_get_caps(p.samples()[1])));
  EXPECT_EQ(GST_VIDEO_INFO_FORMAT(&out), GST_VIDEO_INFO_FORMAT(&info));
  return unpacked(p.buffer(1), info);
}

class Overlays : public testing::TestWithParam<std::tuple<GstVideoFormat, std::pair<int, int>>> {};

TEST_P(Overlays, TintTheSameWithPaddedRows) {
  use_stubs();
  stub().delay_ms = 0;
  const auto [format, size] = GetParam();
  const GstVideoInfo info = video_info(format, size.first, size.second);
  const BufferPtr picture = colour_frame(info, 0xff0000);
  const auto before = unpacked(picture.get(), info);
  const auto plain = overlaid(picture.get(), info, 0.5);
  const auto from_padded = overlaid(padded(picture.get(), info).get(), info, 0.5);
  ASSERT_EQ(plain.size(), before.size());
  EXPECT_EQ(plain, from_padded);
  // Everything is red and marked, so everything is half way to blue.
  const auto blue = unpacked(colour_frame(info, 0x0000ff).get(), info);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    if (i % 4 == 0) continue;
    ASSERT_NEAR(plain[i] / 256, (before[i] / 256 + blue[i] / 256) / 2.0, 3) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Overlays,
    testing::Combine(testing::Values(GST_VIDEO_FORMAT_I420, GST_VIDEO_FORMAT_NV12,
                                     GST_VIDEO_FORMAT_RGBx),
                     testing::Values(std::pair(64, 48), std::pair(161, 97), std::pair(17, 33))));

// ---- Overlays that the sink draws

// Answers the ALLOCATION query as a sink that draws compositions does.
GstPadProbeReturn take_composition(GstPad*, GstPadProbeInfo* info, gpointer) {
  auto* query = GST_PAD_PROBE_INFO_QUERY(info);
  if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION) return GST_PAD_PROBE_OK;
  gst_query_add_allocation_meta(query, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, nullptr);
  return GST_PAD_PROBE_HANDLED;
}

class Compositions : public Export {
 protected:
  // `sink` is the description of the appsink; `takes`: it asks for the meta.
  static bool attached(const std::string& sink, bool takes) {
    Pipeline p(red_video(5) + tone(1) + "lightavseg name=l ! " + sink);
    GstPad* pad = gst_element_get_static_pad(p.element("out"), "sink");
    if (takes)
      gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, take_composition, nullptr,
                        nullptr);
    gst_object_unref(pad);
    EXPECT_TRUE(p.run()) << p.error();
    EXPECT_EQ(p.samples().size(), 5u);
    if (p.samples().size() != 5) return false;
    const auto* meta = gst_buffer_get_video_overlay_composition_meta(p.buffer(4));
    const auto* features = gst_caps_get_features(gst_sample_get_caps(p.samples()[4]), 0);
    EXPECT_EQ(bool(gst_caps_features_contains(features,
                                              GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION)),
              meta != nullptr);
    // The picture is tinted exactly when nobody else will do it.
    const auto info = video_info(GST_VIDEO_FORMAT_I420, 160, 90);
    const auto red = unpacked(colour_frame(info, 0xff0000).get(), info);
    const auto out = unpacked(p.buffer(4), info);
    const std::size_t centre = (45 * 160 + 80) * 4 + 1;
    const int change = std::abs(out[centre] / 256 - red[centre] / 256);
    if (meta) {
      EXPECT_LE(change, 2);
      EXPECT_EQ(gst_video_overlay_composition_n_rectangles(meta->overlay), 1u);
    } else {
      EXPECT_GT(change, 10);
    }
    return meta != nullptr;
  }
};

constexpr const char* kBoth =
    "appsink name=out sync=false "
    "caps=\"video/x-raw(memory:SystemMemory,meta:GstVideoOverlayComposition);video/x-raw\"";

TEST_F(Compositions, AreAttachedForSinksThatTakeThem) {
  EXPECT_TRUE(attached(kRecordedOut, true));
  EXPECT_TRUE(attached(kBoth, true));
  EXPECT_TRUE(attached("queue ! " + std::string(kBoth), true));
}

TEST_F(Compositions, AreBlendedForOthers) {
  EXPECT_FALSE(attached(kRecordedOut, false));
  EXPECT_FALSE(attached(kBoth, false));
  EXPECT_FALSE(attached("appsink name=out sync=false caps=video/x-raw", true));
}

TEST_F(Compositions, AreAttachedWhereNothingElseIsTaken) {
  EXPECT_TRUE(
      attached("appsink name=out sync=false "
               "caps=\"video/x-raw(memory:SystemMemory,meta:GstVideoOverlayComposition)\"",
               true));
}

}  // namespace
}  // namespace lightavseg::gst::test
