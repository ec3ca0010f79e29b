// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/reliability/random_caps.h"

#include <array>
#include <utility>

namespace lightavseg::test {
namespace {

// More pixels than this come only in formats with at most 4 bytes a pixel.
constexpr int kLarge = 2048 * 2048;

std::pair<int, int> random_size(Draw& draw) {
  static constexpr std::array<std::pair<int, int>, 8> kUsual = {{{320, 240},
                                                                 {640, 360},
                                                                 {640, 480},
                                                                 {720, 576},
                                                                 {1280, 720},
                                                                 {1920, 1080},
                                                                 {1080, 1920},
                                                                 {321, 241}}};
  static constexpr std::array<std::pair<int, int>, 6> kExtreme = {
      {{1, 1}, {8192, 1}, {1, 8192}, {8191, 3}, {4096, 4096}, {8192, 8192}}};
  const unsigned kind = draw.below(200);
  if (kind < 120) return {draw.between(1, 64), draw.between(1, 64)};
  if (kind < 178) return {draw.between(1, 500), draw.between(1, 500)};
  if (kind < 198) return draw.of(kUsual);
  return draw.of(kExtreme);
}

GstVideoFormat random_video_format(Draw& draw, bool large) {
  static constexpr std::array<GstVideoFormat, 5> kLean = {
      GST_VIDEO_FORMAT_I420, GST_VIDEO_FORMAT_NV12, GST_VIDEO_FORMAT_GRAY8, GST_VIDEO_FORMAT_RGBx,
      GST_VIDEO_FORMAT_RGBA};
  if (large) return draw.of(kLean);
  guint count = 0;
  const GstVideoFormat* formats = gst_video_formats_raw(&count);
  return formats[draw.below(count)];
}

// What caps may say beside format and size; most say nothing of it.
void add_video_details(Draw& draw, GstCaps* caps) {
  static constexpr std::array<const char*, 8> kColorimetries = {
      "bt601", "bt709", "bt2020", "sRGB", "1:4:0:0", "2:4:7:1", "0:0:0:0", "nonsense"};
  static constexpr std::array<const char*, 4> kInterlaceModes = {"progressive", "interleaved",
                                                                 "mixed", "fields"};
  static constexpr std::array<const char*, 4> kChromaSites = {"mpeg2", "jpeg", "dv", "alt-line"};
  static constexpr std::array<int, 5> kAspects = {1, 2, 3, 1000, G_MAXINT};
  if (draw.percent(25))
    gst_caps_set_simple(caps, "colorimetry", G_TYPE_STRING, draw.of(kColorimetries), nullptr);
  if (draw.percent(15))
    gst_caps_set_simple(caps, "interlace-mode", G_TYPE_STRING, draw.of(kInterlaceModes), nullptr);
  if (draw.percent(15))
    gst_caps_set_simple(caps, "chroma-site", G_TYPE_STRING, draw.of(kChromaSites), nullptr);
  if (draw.percent(15)) {
    const int n = draw.of(kAspects), d = draw.of(kAspects);
    gst_caps_set_simple(caps, "pixel-aspect-ratio", GST_TYPE_FRACTION, n, d, nullptr);
  }
}

VideoCaps impossible_video_caps(Draw& draw) {
  static constexpr std::array<const char*, 9> kImpossible = {
      "image/jpeg,width=64,height=48,framerate=25/1",
      "video/x-raw,format=ENCODED,width=64,height=48,framerate=25/1",
      "video/x-raw,format=I420,height=48,framerate=25/1",
      "video/x-raw,format=I420,width=0,height=0,framerate=25/1",
      "video/x-raw,width=64,height=48,framerate=25/1",
      "video/x-raw,format=RGB9,width=64,height=48",
      "video/x-raw(memory:DMABuf),format=NV12,width=64,height=48,framerate=25/1",
      "video/x-raw(format:Interlaced),format=NV12,width=64,height=48,framerate=25/1,"
      "interlace-mode=alternate",
      "video/x-raw,format=I420,width=2147483647,height=2147483647,framerate=25/1"};
  VideoCaps made;
  made.caps.reset(gst_caps_from_string(draw.of(kImpossible)));
  gst_video_info_init(&made.info);
  return made;
}

}  // namespace

VideoCaps random_video_caps(Draw& draw) {
  static constexpr std::array<std::pair<int, int>, 9> kRates = {{{0, 1},
                                                                 {1, 1},
                                                                 {25, 1},
                                                                 {30, 1},
                                                                 {30000, 1001},
                                                                 {60, 1},
                                                                 {1000, 1},
                                                                 {1, 1000},
                                                                 {G_MAXINT, 1}}};
  if (draw.percent(5)) return impossible_video_caps(draw);
  const auto [width, height] = random_size(draw);
  const auto format = random_video_format(draw, width * height > kLarge);
  const auto [n, d] = draw.of(kRates);
  VideoCaps made;
  made.caps.reset(gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING,
                                      gst_video_format_to_string(format), "width", G_TYPE_INT,
                                      width, "height", G_TYPE_INT, height, "framerate",
                                      GST_TYPE_FRACTION, n, d, nullptr));
  add_video_details(draw, made.caps.get());
  if (!gst_video_info_from_caps(&made.info, made.caps.get())) gst_video_info_init(&made.info);
  return made;
}

AudioCaps random_audio_caps(Draw& draw) {
  static constexpr std::array<int, 12> kRates = {1,     100,   8000,  11025, 16000,  22050,
                                                 32000, 44100, 48000, 96000, 192000, 384000};
  static constexpr std::array<int, 9> kChannels = {1, 1, 1, 2, 2, 2, 6, 8, 64};
  AudioCaps made;
  gst_audio_info_init(&made.info);
  if (draw.percent(3)) {
    made.caps.reset(gst_caps_from_string(draw.percent(50)
                                             ? "audio/x-raw,format=S16LE,rate=48000"
                                             : "audio/mpeg,mpegversion=1,rate=48000,channels=2"));
    return made;
  }
  const auto format =
      static_cast<GstAudioFormat>(draw.between(GST_AUDIO_FORMAT_S8, GST_AUDIO_FORMAT_F64BE));
  const int channels = draw.of(kChannels);
  made.caps.reset(gst_caps_new_simple(
      "audio/x-raw", "format", G_TYPE_STRING, gst_audio_format_to_string(format), "layout",
      G_TYPE_STRING, draw.percent(80) ? "interleaved" : "non-interleaved", "rate", G_TYPE_INT,
      draw.of(kRates), "channels", G_TYPE_INT, channels, nullptr));
  if (channels > 2 || draw.percent(20)) {
    const guint64 mask = draw.percent(50) ? 0 : gst_audio_channel_get_fallback_mask(channels);
    gst_caps_set_simple(made.caps.get(), "channel-mask", GST_TYPE_BITMASK, mask, nullptr);
  }
  if (!gst_audio_info_from_caps(&made.info, made.caps.get())) gst_audio_info_init(&made.info);
  return made;
}

}  // namespace lightavseg::test
