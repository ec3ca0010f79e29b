// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/result_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>
#include <vector>

#include "pipelines/tool/child_process.h"
#include "pipelines/tool/usage_error.h"

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 5> kContents = {"overlay", "alpha", "cutout", "matte",
                                                  "metadata"};

constexpr const char* kVp8 =
    "vp8enc name=encoder deadline=1 cpu-used=4 threads=2 target-bitrate=2500000 "
    "keyframe-max-dist=100";
constexpr const char* kProRes = "avenc_prores_ks name=encoder";
constexpr const char* kFfv1 = "avenc_ffv1 name=encoder";
constexpr const char* kVorbis = "vorbisenc";

bool has_alpha(Content content) {
  return content == Content::kAlpha || content == Content::kCutout;
}

bool has_element(const char* name) {
  GstElementFactory* factory = gst_element_factory_find(name);
  if (factory) gst_object_unref(factory);
  return factory != nullptr;
}

void need(const char* element, const char* what, const char* package) {
  if (!has_element(element))
    throw std::runtime_error(fmt::format(
        "{} needs the element {}, which is not installed (Debian: {})", what, element, package));
}

// The best encoder there is; those of graphics cards exist only where the card does.
std::string h264_encoder() {
  static const std::vector<std::pair<const char*, const char*>> kEncoders = {
      {"x264enc", "x264enc name=encoder pass=qual quantizer=20 key-int-max=100"},
      {"nvh264enc", "nvh264enc name=encoder ! h264parse"},
      {"vah264enc", "vah264enc name=encoder ! h264parse"},
      {"vaapih264enc", "vaapih264enc name=encoder ! h264parse"},
      {"openh264enc", "openh264enc name=encoder bitrate=4000000 ! h264parse"}};
  for (const auto& [element, launch] : kEncoders) {
    if (has_element(element)) return launch;
  }
  throw std::runtime_error(
      "MP4 needs an encoder of H.264, and none is installed (Debian: gstreamer1.0-plugins-ugly "
      "has x264enc, gstreamer1.0-plugins-bad openh264enc); or write .webm");
}

std::string aac_encoder() {
  if (has_element("avenc_aac")) return "avenc_aac";
  if (has_element("voaacenc")) return "voaacenc";
  throw std::runtime_error(
      "MP4 and MOV need an encoder of AAC, and none is installed (Debian: gstreamer1.0-libav)");
}

void set_mp4(ResultFormat& f) {
  if (has_alpha(f.content))
    throw UsageError(
        fmt::format("{}: MP4 has no alpha; give a name that ends in .mov, .mkv, .webm or .png",
                    f.path.string()));
  f.pixels = "I420";
  f.encoder = h264_encoder();
  f.even_sides = true;
  f.muxer = "mp4mux";
  f.audio_encoder = aac_encoder();
  f.audio_codec = "AAC";
}

void set_mov(ResultFormat& f) {
  need("avenc_prores_ks", "ProRes", "gstreamer1.0-libav");
  // Without a word the encoder would take a format without alpha if it were asked.
  f.pixels = has_alpha(f.content) ? "A444_10LE" : "I422_10LE";
  f.encoder = kProRes;
  f.muxer = "qtmux";
  f.audio_encoder = aac_encoder();
  f.audio_codec = "AAC";
}

void set_mkv(ResultFormat& f) {
  need("avenc_ffv1", "FFV1", "gstreamer1.0-libav");
  // 4:2:0 as nearly every recording has it, so that the colour is the same to the last bit.
  f.pixels = has_alpha(f.content) ? "A420" : f.content == Content::kMatte ? "GRAY8" : "I420";
  f.encoder = kFfv1;
  f.muxer = "matroskamux";
  f.audio_encoder = "flacenc";
  f.audio_codec = "FLAC";
}

void set_webm(ResultFormat& f) {
  f.audio_encoder = kVorbis;
  f.audio_codec = "Vorbis";
  if (!has_alpha(f.content)) {
    f.pixels = "I420";
    f.encoder = kVp8;
    f.muxer = "webmmux";
    return;
  }
  // No encoder of GStreamer writes alpha into VP8 or VP9, and no muxer the second picture that
  // WebM keeps it in.
  if (!has_program("ffmpeg"))
    throw std::runtime_error(fmt::format(
        "{}: WebM with alpha is made by ffmpeg, which is not installed (Debian: ffmpeg); or write "
        ".mov or .mkv",
        f.path.string()));
  need("avenc_ffv1", "FFV1, of which ffmpeg makes WebM,", "gstreamer1.0-libav");
  f.pixels = "A420";
  f.encoder = kFfv1;
  f.muxer = "matroskamux streamable=true";
  f.by_ffmpeg = true;
}

void set_pictures(ResultFormat& f) {
  f.kind = ResultFormat::Kind::kPictures;
  f.pixels = has_alpha(f.content) ? "RGBA" : f.content == Content::kMatte ? "GRAY8" : "RGB";
  f.encoder = "pngenc name=encoder";
}

// One number with its width, as in "%05d".
bool is_pattern(const std::string& name) {
  const auto percent = name.find('%');
  if (percent == std::string::npos || percent != name.rfind('%')) return false;
  auto at = percent + 1;
  while (at < name.size() && std::isdigit(static_cast<unsigned char>(name[at]))) ++at;
  return at < name.size() && name[at] == 'd' && at - percent <= 3;
}

Content usual_content(const std::string& ending) {
  if (ending == ".jsonl") return Content::kMetadata;
  return ending == ".mov" || ending == ".mkv" || ending == ".png" ? Content::kAlpha
                                                                  : Content::kOverlay;
}

}  // namespace

const char* const kResultNames =
    ".webm, .mp4, .mov (ProRes), .mkv (FFV1), %06d.png or a folder with / at its end (PNG), .jsonl";

const char* to_string(Content content) {
  return kContents[static_cast<std::size_t>(content)];
}

Content content_of(const std::string& name) {
  const auto found = std::find(kContents.begin(), kContents.end(), name);
  if (found == kContents.end())
    throw UsageError(
        fmt::format("--output {}: give one of overlay, alpha, cutout, matte, metadata", name));
  return static_cast<Content>(found - kContents.begin());
}

ResultFormat result_format(const fs::path& path, std::optional<Content> wanted) {
  ResultFormat f;
  const bool folder = !path.empty() && !path.has_filename();
  std::string ending = folder ? ".png" : path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  f.content = wanted.value_or(usual_content(ending));
  f.path = path;
  const bool lines = ending == ".jsonl";
  if (lines != (f.content == Content::kMetadata))
    throw UsageError(lines ? fmt::format("{}: .jsonl is for --output metadata, not {}",
                                         path.string(), to_string(f.content))
                           : fmt::format("{}: --output metadata needs a name that ends in .jsonl",
                                         path.string()));
  if (lines) {
    f.kind = ResultFormat::Kind::kLines;
  } else if (folder) {
    set_pictures(f);
    f.path = path.parent_path();
    f.picture_name = "%06d.png";
  } else if (ending == ".png") {
    set_pictures(f);
    f.picture_name = path.filename().string();
    f.path = path.parent_path();
    if (!is_pattern(f.picture_name) || f.path.empty())
      throw UsageError(fmt::format(
          "{}: a video becomes many PNG files; give FOLDER/ or a pattern such as FOLDER/%06d.png",
          path.string()));
  } else if (ending == ".mp4") {
    set_mp4(f);
  } else if (ending == ".mov") {
    set_mov(f);
  } else if (ending == ".mkv") {
    set_mkv(f);
  } else if (ending == ".webm") {
    set_webm(f);
  } else {
    throw UsageError(fmt::format("{}: give a name that ends in {}", path.string(), kResultNames));
  }
  return f;
}

std::string default_ending(std::optional<Content> wanted) {
  switch (wanted.value_or(Content::kOverlay)) {
    case Content::kOverlay:
      return ".webm";
    case Content::kAlpha:
    case Content::kCutout:
      return ".mov";
    case Content::kMatte:
      return ".mkv";
    case Content::kMetadata:
      return ".jsonl";
  }
  return "";
}

fs::path default_output(const fs::path& input, std::optional<Content> wanted) {
  return input.parent_path() / (input.stem().string() + "-sounding" + default_ending(wanted));
}

bool takes_track(const ResultFormat& format, const AudioTrack& track) {
  const std::string name = format.by_ffmpeg ? "webmmux" : format.muxer;
  GstElementFactory* factory = gst_element_factory_find(name.c_str());
  if (!factory) return false;
  // A parser makes whatever form of AAC the container wants.
  GstCaps* caps = gst_caps_copy(track.caps.get());
  gst_structure_remove_fields(gst_caps_get_structure(caps, 0), "stream-format", nullptr);
  bool takes = false;
  for (const GList* at = gst_element_factory_get_static_pad_templates(factory); at; at = at->next) {
    auto* pad = static_cast<GstStaticPadTemplate*>(at->data);
    if (pad->direction != GST_PAD_SINK || !g_str_has_prefix(pad->name_template, "audio")) continue;
    GstCaps* accepted = gst_static_pad_template_get_caps(pad);
    takes = takes || gst_caps_can_intersect(accepted, caps);
    gst_caps_unref(accepted);
  }
  gst_caps_unref(caps);
  gst_object_unref(factory);
  return takes;
}

}  // namespace lightavseg::tool
