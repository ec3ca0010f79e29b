// SPDX-License-Identifier: LGPL-2.1-or-later
// Which file a result becomes: picture, codec and container by its name and what is wanted.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "pipelines/tool/media_info.h"

namespace lightavseg::tool {

// As the property `output` of lightavseg has them.
enum class Content { kOverlay, kAlpha, kCutout, kMatte, kMetadata };

const char* to_string(Content content);
// Throws UsageError.
Content content_of(const std::string& name);

struct ResultFormat {
  enum class Kind { kVideo, kPictures, kLines };

  Kind kind = Kind::kVideo;
  Content content = Content::kOverlay;
  std::filesystem::path path;  // of the file; for pictures of their folder
  std::string picture_name;    // kPictures: "%06d.png"
  std::string pixels;          // raw format that the encoder gets
  std::string encoder;         // for gst_parse_launch(), from raw pictures on
  std::string muxer;           // the same; empty unless kVideo
  std::string audio_encoder;   // for sound that the container does not take
  std::string audio_codec;     // what that makes, for people
  bool even_sides = false;     // the codec takes no odd width or height
  bool by_ffmpeg = false;      // ffmpeg makes WebM with alpha of what the muxer writes
};

// The endings of names that are known, for help texts.
extern const char* const kResultNames;

// path: ends in one of kResultNames, or in / for a folder of PNG files. Without `wanted` the ending
// decides. Throws UsageError where the two do not go together, and std::runtime_error naming the
// package where an encoder is not installed. Needs gst_init().
ResultFormat result_format(const std::filesystem::path& path, std::optional<Content> wanted);

// Beside the input, with what it is in its name: a.mp4 -> a-sounding.webm.
std::filesystem::path default_output(const std::filesystem::path& input,
                                     std::optional<Content> wanted);

// The ending that such a result gets: ".webm".
std::string default_ending(std::optional<Content> wanted);

// Whether the container takes the track as it is.
bool takes_track(const ResultFormat& format, const AudioTrack& track);

}  // namespace lightavseg::tool
