// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/run_description.h"

#include <fmt/format.h>

namespace lightavseg::tool {
namespace {

// Sound is little and may pile up while pictures are computed. Of pictures there is room for what
// comes in a file before the sound that belongs to it.
constexpr const char* kSoundQueue = "queue max-size-time=0 max-size-bytes=0 max-size-buffers=0";
constexpr const char* kFileQueue =
    "queue max-size-time=10000000000 max-size-bytes=0 max-size-buffers=0";
constexpr const char* kFrameQueue = "queue max-size-time=0 max-size-bytes=0 max-size-buffers=4";

bool is_aac(const AudioTrack& track) {
  const GstStructure* s = gst_caps_get_structure(track.caps.get(), 0);
  gint version = 0;
  return gst_structure_has_name(s, "audio/mpeg") &&
         gst_structure_get_int(s, "mpegversion", &version) && version != 1;
}

std::string pictures_in(const VideoRun& run, const MediaInfo& media) {
  std::string text = fmt::format(
      "filesrc name=in ! parsebin name=demuxer  "
      "{} name=video ! decodebin name=video_decoder ! videoconvert ! ",
      kFileQueue);
  // Frames leave upright: the network knows only upright objects, and not every container can say
  // that its pictures are to be turned.
  if (media.turned) text += "videoflip video-direction=auto ! ";
  if (run.side_by_side) text += fmt::format("tee name=v  v. ! {} ! ", kFrameQueue);
  return text + "l.video_sink  ";
}

std::string side_by_side() {
  return fmt::format(
      "videoconvert ! compositor.sink_1  v. ! {} ! videoconvert ! compositor.sink_0  "
      "compositor name=compositor background=black ! ",
      "queue max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0");
}

// A window shows alpha over a pattern of checks, as editors do.
std::string preview(const VideoRun& run, const ResultFormat& format) {
  const bool alpha = format.content == Content::kAlpha || format.content == Content::kCutout;
  return fmt::format("tee name=p  p. ! {} ! {} ! videoconvert ! {} sync=false  p. ! {} ! ",
                     kFrameQueue,
                     alpha ? "videoconvert ! compositor background=checker" : "identity",
                     run.preview_sink, kFrameQueue);
}

std::string pictures_out(const VideoRun& run, const ResultFormat& format, const MediaInfo& media,
                         std::vector<std::string>& notes) {
  std::string text = fmt::format("lightavseg name=l output={} ! ", to_string(format.content));
  if (run.side_by_side) text += side_by_side();
  if (!run.preview_sink.empty()) text += preview(run, format);
  text += "queue ! ";
  if (format.kind == ResultFormat::Kind::kLines)
    return text + "identity name=written ! fakesink name=out sync=false  ";
  const bool mask_only = format.content == Content::kMatte;
  // lightavseg itself writes these formats, without a conversion of colours.
  if (format.content == Content::kAlpha || format.content == Content::kCutout) {
    text += fmt::format("video/x-raw,format={} ! ", format.pixels);
  } else {
    text += fmt::format("{}videoconvert ! video/x-raw,format={} ! ",
                        mask_only ? "video/x-raw,format=GRAY8 ! " : "", format.pixels);
  }
  if (format.even_sides && (media.width % 2 || media.height % 2)) {
    text += "videocrop name=even ! ";
    notes.push_back(fmt::format(
        "{} x {} pixels: the codec needs even sides, so the last column or row is left out",
        media.width, media.height));
  }
  text += format.encoder + " ! identity name=written ! ";
  if (format.kind == ResultFormat::Kind::kPictures) return text + "multifilesink name=out  ";
  return text + fmt::format("queue ! mux.video_0  {} name=mux ! {} name=out  ", format.muxer,
                            format.by_ffmpeg ? "fdsink" : "filesink");
}

std::string sound(const VideoRun& run, const ResultFormat& format, const MediaInfo& media,
                  std::vector<std::string>& notes) {
  std::string text;
  const auto heard = static_cast<std::size_t>(run.audio_track - 1);
  for (std::size_t i = 0; i < media.audio.size(); ++i) {
    const bool kept = format.kind == ResultFormat::Kind::kVideo;
    if (!kept && i != heard) continue;
    text += fmt::format("{} name=audio{} ! tee name=a{}  ", kSoundQueue, i, i);
    if (i == heard)
      text +=
          fmt::format("a{}. ! {} ! decodebin name=audio_decoder ! audioconvert ! l.audio_sink  ", i,
                      kSoundQueue);
    if (!kept) continue;
    const AudioTrack& track = media.audio[i];
    text += fmt::format("a{}. ! {} ! ", i, kSoundQueue);
    if (takes_track(format, track)) {
      text += is_aac(track) ? "aacparse ! " : "";
    } else {
      text += fmt::format("decodebin ! audioconvert ! audioresample ! {} ! ", format.audio_encoder);
      notes.push_back(fmt::format("the container takes no {}, so the sound is encoded as {}",
                                  track.codec, format.audio_codec));
    }
    text += fmt::format("mux.audio_{}  ", i);
  }
  return text;
}

}  // namespace

RunDescription describe_run(const VideoRun& run, const ResultFormat& format,
                            const MediaInfo& media) {
  RunDescription result;
  result.text = pictures_in(run, media);
  result.text += pictures_out(run, format, media, result.notes);
  result.text += sound(run, format, media, result.notes);
  return result;
}

}  // namespace lightavseg::tool
