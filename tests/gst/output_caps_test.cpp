// SPDX-License-Identifier: LGPL-2.1-or-later
// output_caps() and input_caps(): what each output mode can make of what.
#include "gst/renderer.h"
#include "tests/gst/test_frames.h"

namespace lightavseg::gst {
namespace {

constexpr Output kModes[] = {Output::kOverlay, Output::kAlpha, Output::kCutout, Output::kMatte,
                             Output::kMetadata};

CapsPtr caps(const std::string& text) {
  CapsPtr made(gst_caps_from_string(text.c_str()));
  EXPECT_TRUE(made) << text;
  return made;
}

CapsPtr outputs(Output mode, const std::string& input) {
  return CapsPtr(output_caps(mode, caps(input).get()));
}

CapsPtr inputs(Output mode, const std::string& output) {
  return CapsPtr(input_caps(mode, caps(output).get()));
}

bool has(const CapsPtr& all, const std::string& one) {
  return gst_caps_can_intersect(all.get(), caps(one).get());
}

bool is_subset(const std::string& one, const CapsPtr& all) {
  return gst_caps_is_subset(caps(one).get(), all.get());
}

bool same(const CapsPtr& a, const CapsPtr& b) {
  return gst_caps_is_equal(a.get(), b.get());
}

std::string fixed(const std::string& format, const std::string& more = "") {
  return "video/x-raw, format=" + format +
         ", width=161, height=97, framerate=30000/1001, pixel-aspect-ratio=4/3, "
         "interlace-mode=progressive" +
         more;
}

// The first format of the caps that a downstream without wishes would get.
std::string first_choice(const CapsPtr& all) {
  CapsPtr one(gst_caps_fixate(gst_caps_ref(all.get())));
  return gst_structure_get_string(gst_caps_get_structure(one.get(), 0), "format");
}

TEST(OutputCaps, OverlayAndMetadataAreAsTheInput) {
  const std::string text = fixed("NV12", ", colorimetry=bt709, chroma-site=mpeg2");
  for (const Output mode : {Output::kOverlay, Output::kMetadata}) {
    EXPECT_TRUE(same(outputs(mode, text), caps(text)));
    EXPECT_TRUE(same(inputs(mode, text), caps(text)));
    const std::string open = "video/x-raw, format={I420, RGB}, width=[16, 4096]";
    EXPECT_TRUE(same(outputs(mode, open), caps(open)));
  }
}

TEST(OutputCaps, AlphaKeepsTheVideoButForItsFormat) {
  for (const Output mode : {Output::kAlpha, Output::kCutout}) {
    const CapsPtr out =
        outputs(mode, fixed("I420", ", colorimetry=bt709, chroma-site=mpeg2, multiview-mode=mono"));
    ASSERT_EQ(gst_caps_get_size(out.get()), 1u);
    const GstStructure* structure = gst_caps_get_structure(out.get(), 0);
    EXPECT_FALSE(gst_structure_has_field(structure, "colorimetry"));
    EXPECT_FALSE(gst_structure_has_field(structure, "chroma-site"));
    int width = 0, height = 0, n = 0, d = 0;
    EXPECT_TRUE(gst_structure_get_int(structure, "width", &width));
    EXPECT_TRUE(gst_structure_get_int(structure, "height", &height));
    EXPECT_EQ(width * 1000 + height, 161097);
    EXPECT_TRUE(gst_structure_get_fraction(structure, "framerate", &n, &d));
    EXPECT_EQ(n, 30000);
    EXPECT_EQ(d, 1001);
    EXPECT_TRUE(gst_structure_get_fraction(structure, "pixel-aspect-ratio", &n, &d));
    EXPECT_EQ(n, 4);
    EXPECT_STREQ(gst_structure_get_string(structure, "interlace-mode"), "progressive");
    EXPECT_STREQ(gst_structure_get_string(structure, "multiview-mode"), "mono");
    EXPECT_EQ(first_choice(out), "RGBA");
  }
}

TEST(OutputCaps, AlphaOffersEveryFormatWithAlphaAndNoOther) {
  const CapsPtr out = outputs(Output::kAlpha, fixed("I420"));
  for (const GstVideoFormat format : raw_video_formats()) {
    const GstVideoFormatInfo* info = gst_video_format_get_info(format);
    const bool alpha =
        GST_VIDEO_FORMAT_INFO_HAS_ALPHA(info) && !GST_VIDEO_FORMAT_INFO_HAS_PALETTE(info);
    EXPECT_EQ(has(out, fixed(name_of(format))), alpha) << name_of(format);
  }
}

TEST(OutputCaps, AlphaNeedNotConvertWhatHasAlpha) {
  EXPECT_EQ(first_choice(outputs(Output::kAlpha, fixed("AYUV", ", colorimetry=bt709"))), "AYUV");
  EXPECT_TRUE(is_subset(fixed("AYUV", ", colorimetry=bt709"),
                        outputs(Output::kAlpha, fixed("AYUV", ", colorimetry=bt709"))));
  EXPECT_EQ(first_choice(outputs(Output::kAlpha, fixed("RGB8P"))), "RGBA");
}

TEST(OutputCaps, AMatteIsFullRangeGray) {
  const CapsPtr out =
      outputs(Output::kMatte, fixed("I420", ", colorimetry=bt709, chroma-site=mpeg2"));
  EXPECT_TRUE(same(out, caps(fixed("{GRAY8, GRAY16_LE}", ", colorimetry=1:4:0:0"))));
  EXPECT_EQ(first_choice(out), "GRAY8");
  EXPECT_FALSE(has(out, fixed("GRAY8", ", colorimetry=bt601")));
  EXPECT_FALSE(has(out, fixed("GRAY16_BE", ", colorimetry=1:4:0:0")));
}

TEST(InputCaps, AlphaAndMatteTakeEveryRawFormat) {
  const struct {
    Output mode;
    const char *format, *more;
  } cases[] = {{Output::kAlpha, "BGRA", ", colorimetry=sRGB"},
               {Output::kCutout, "A420", ", colorimetry=bt709, chroma-site=mpeg2"},
               {Output::kMatte, "GRAY8", ", colorimetry=1:4:0:0"},
               {Output::kMatte, "GRAY16_LE", ""}};
  for (const auto& c : cases) {
    const CapsPtr in = inputs(c.mode, fixed(c.format, c.more));
    for (const GstVideoFormat format : raw_video_formats())
      EXPECT_TRUE(has(in, fixed(name_of(format), ", colorimetry=bt709"))) << name_of(format);
    EXPECT_FALSE(has(in, "video/x-raw, width=160"));
    EXPECT_FALSE(has(in, "video/x-raw, framerate=25/1"));
  }
}

TEST(InputCaps, NothingGivesWhatAModeCannotMake) {
  EXPECT_TRUE(gst_caps_is_empty(inputs(Output::kAlpha, fixed("I420")).get()));
  EXPECT_TRUE(gst_caps_is_empty(inputs(Output::kCutout, fixed("RGB8P")).get()));
  EXPECT_TRUE(gst_caps_is_empty(inputs(Output::kMatte, fixed("RGBA")).get()));
  EXPECT_TRUE(
      gst_caps_is_empty(inputs(Output::kMatte, fixed("GRAY8", ", colorimetry=bt601")).get()));
}

// A fixed input gives a fixed output exactly when both functions say so.
TEST(OutputCaps, BothDirectionsAgree) {
  std::vector<std::string> videos;
  for (const GstVideoFormat format : raw_video_formats())
    for (const char* more : {"", ", colorimetry=bt709", ", colorimetry=1:4:0:0"})
      videos.push_back(fixed(name_of(format), more));
  videos.push_back("video/x-raw, format=RGBA, width=32, height=97, framerate=30000/1001");
  for (const Output mode : kModes) {
    for (std::size_t i = 0; i < videos.size(); i += 7) {
      const CapsPtr out = outputs(mode, videos[i]);
      for (const std::string& other : videos) {
        const CapsPtr one = caps(other);
        const bool forward = gst_caps_can_intersect(one.get(), out.get());
        CapsPtr in(input_caps(mode, one.get()));
        EXPECT_EQ(forward, gst_caps_can_intersect(caps(videos[i]).get(), in.get()))
            << static_cast<int>(mode) << "\n " << videos[i] << "\n " << other;
      }
    }
  }
}

// Going there and back again never loses the caps started from.
TEST(OutputCaps, TheInputIsAmongTheInputsOfItsOutputs) {
  for (const Output mode : kModes) {
    for (const char* text :
         {"video/x-raw", "video/x-raw, format=NV12, width=[1, 100], framerate=[0/1, 30/1]",
          "video/x-raw, format={I420, AYUV}, width=640; video/x-raw, format=RGB, height=16"}) {
      const CapsPtr out = outputs(mode, text);
      EXPECT_FALSE(gst_caps_is_empty(out.get()));
      const CapsPtr in(input_caps(mode, out.get()));
      EXPECT_TRUE(gst_caps_can_intersect(in.get(), caps(text).get())) << text;
      const bool any_format = std::string(text).find("format") == std::string::npos;
      if (mode == Output::kOverlay || mode == Output::kMetadata || any_format) continue;
      EXPECT_TRUE(gst_caps_is_subset(caps(text).get(), in.get())) << text;
    }
  }
}

TEST(OutputCaps, AnyMeansEveryRawVideo) {
  for (const Output mode : kModes) {
    for (const bool forward : {true, false}) {
      const CapsPtr all = forward ? outputs(mode, "ANY") : inputs(mode, "ANY");
      EXPECT_FALSE(gst_caps_is_any(all.get()));
      EXPECT_FALSE(gst_caps_is_empty(all.get()));
      EXPECT_TRUE(gst_caps_can_intersect(all.get(), caps("video/x-raw").get()));
      EXPECT_EQ(has(all, fixed("I420")),
                !forward || mode == Output::kOverlay || mode == Output::kMetadata);
    }
  }
}

TEST(OutputCaps, EmptyAndForeignCapsGiveNothing) {
  for (const Output mode : kModes) {
    for (const char* text : {"EMPTY", "audio/x-raw, format=S16LE", "video/x-h264",
                             "video/x-raw(memory:VAMemory), format=NV12",
                             "video/x-raw(format:Interlaced), "
                             "format=I420, interlace-mode=alternate"}) {
      EXPECT_TRUE(gst_caps_is_empty(outputs(mode, text).get())) << text;
      EXPECT_TRUE(gst_caps_is_empty(inputs(mode, text).get())) << text;
    }
  }
}

TEST(OutputCaps, OnlyAnOverlayCanBeAComposition) {
  const char* text =
      "video/x-raw(memory:SystemMemory, meta:GstVideoOverlayComposition), format=I420";
  for (const Output mode : kModes) {
    EXPECT_TRUE(gst_caps_is_empty(outputs(mode, text).get()));
    EXPECT_EQ(gst_caps_is_empty(inputs(mode, text).get()), mode != Output::kOverlay);
  }
  const CapsPtr plain(gst_caps_from_string("video/x-raw, format=I420"));
  const CapsPtr composed(gst_caps_from_string(text));
  EXPECT_TRUE(gst_caps_is_equal(CapsPtr(with_composition(plain.get())).get(), composed.get()));
  EXPECT_TRUE(gst_caps_is_equal(inputs(Output::kOverlay, text).get(), plain.get()));
}

TEST(OutputCaps, ResultsHaveNoFeatures) {
  const CapsPtr out = outputs(Output::kAlpha,
                              "video/x-raw(memory:SystemMemory), format=I420, width=64; "
                              "video/x-raw(memory:DMABuf), format=I420, width=32");
  ASSERT_EQ(gst_caps_get_size(out.get()), 1u);
  EXPECT_TRUE(has(out, "video/x-raw, width=64"));
  EXPECT_TRUE(gst_caps_features_is_equal(gst_caps_get_features(out.get(), 0),
                                         GST_CAPS_FEATURES_MEMORY_SYSTEM_MEMORY));
}

}  // namespace
}  // namespace lightavseg::gst
