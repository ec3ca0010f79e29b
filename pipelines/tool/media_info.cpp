// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/media_info.h"

#include <fmt/format.h>
#include <gst/pbutils/pbutils.h>
#include <gst/video/video.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

namespace lightavseg::tool {
namespace {

using gst::Owned;

constexpr GstClockTime kPatience = 20 * GST_SECOND;

bool asks_for_turning(const GstTagList* tags) {
  GstVideoOrientationMethod method = GST_VIDEO_ORIENTATION_IDENTITY;
  return tags && gst_video_orientation_from_tag(const_cast<GstTagList*>(tags), &method) &&
         method != GST_VIDEO_ORIENTATION_IDENTITY;
}

void take_video(GstDiscovererInfo* info, MediaInfo& out) {
  GList* list = gst_discoverer_info_get_video_streams(info);
  for (GList* at = list; at; at = at->next) {
    auto* stream = GST_DISCOVERER_STREAM_INFO(at->data);
    auto* video = GST_DISCOVERER_VIDEO_INFO(at->data);
    // Covers of albums are not what anybody wants to have marked.
    if (gst_discoverer_video_info_is_image(video) || !out.video_stream.empty()) continue;
    out.video_stream = short_stream_name(gst_discoverer_stream_info_get_stream_id(stream));
    out.width = int(gst_discoverer_video_info_get_width(video));
    out.height = int(gst_discoverer_video_info_get_height(video));
    out.turned = asks_for_turning(gst_discoverer_stream_info_get_tags(stream));
  }
  gst_discoverer_stream_info_list_free(list);
}

void take_audio(GstDiscovererInfo* info, MediaInfo& out) {
  GList* list = gst_discoverer_info_get_audio_streams(info);
  for (GList* at = list; at; at = at->next) {
    auto* stream = GST_DISCOVERER_STREAM_INFO(at->data);
    AudioTrack track;
    track.stream = short_stream_name(gst_discoverer_stream_info_get_stream_id(stream));
    track.caps.reset(gst_discoverer_stream_info_get_caps(stream), gst_caps_unref);
    gchar* codec =
        track.caps ? gst_pb_utils_get_codec_description(track.caps.get()) : g_strdup("sound");
    track.codec = codec ? codec : "sound";
    g_free(codec);
    if (track.caps) out.audio.push_back(std::move(track));
  }
  gst_discoverer_stream_info_list_free(list);
  // The order in the file; the list has whatever order the decoders came up in.
  std::sort(out.audio.begin(), out.audio.end(),
            [](const AudioTrack& a, const AudioTrack& b) { return a.stream < b.stream; });
}

std::string missing_plugins(GstDiscovererInfo* info) {
  if (gst_discoverer_info_get_result(info) != GST_DISCOVERER_MISSING_PLUGINS) return "";
  std::string text = "; not installed:";
  const gchar** details = gst_discoverer_info_get_missing_elements_installer_details(info);
  for (; details && *details; ++details) {
    // gstreamer|1.0|program|what it is|what it decodes
    gchar** parts = g_strsplit(*details, "|", 5);
    if (g_strv_length(parts) >= 4) text += fmt::format(" {}", parts[3]);
    g_strfreev(parts);
  }
  return text + " (Debian: gstreamer1.0-libav, gstreamer1.0-plugins-bad)";
}

}  // namespace

std::string short_stream_name(const char* stream_id) {
  const std::string text = stream_id ? stream_id : "";
  const auto slash = text.rfind('/');
  return slash == std::string::npos ? "" : text.substr(slash + 1);
}

MediaInfo look_at(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) throw std::runtime_error(path + ": no such file");
  if (!std::filesystem::is_regular_file(path, ignored))
    throw std::runtime_error(path + ": this is no file but a folder or a device");
  gchar* uri = gst_filename_to_uri(path.c_str(), nullptr);
  if (!uri) throw std::runtime_error(path + ": the name cannot be made an address");
  GError* error = nullptr;
  Owned<GstDiscoverer> discoverer(gst_discoverer_new(kPatience, nullptr));
  Owned<GstDiscovererInfo> info(gst_discoverer_discover_uri(discoverer.get(), uri, &error));
  g_free(uri);
  const std::string problem = error ? error->message : "";
  g_clear_error(&error);
  if (!info) throw std::runtime_error(fmt::format("{}: {}", path, problem));
  MediaInfo result;
  const GstClockTime duration = gst_discoverer_info_get_duration(info.get());
  if (GST_CLOCK_TIME_IS_VALID(duration)) result.duration = duration;
  take_video(info.get(), result);
  take_audio(info.get(), result);
  if (result.width == 0)
    throw std::runtime_error(fmt::format("{}: there is no video in it that can be decoded{}{}{}",
                                         path, problem.empty() ? "" : ": ", problem,
                                         missing_plugins(info.get())));
  return result;
}

}  // namespace lightavseg::tool
