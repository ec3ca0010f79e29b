// SPDX-License-Identifier: LGPL-2.1-or-later
// What a media file holds, before anything is decoded.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <string>
#include <vector>

#include "gst/owned.h"

namespace lightavseg::tool {

struct AudioTrack {
  std::string stream;  // last part of GStreamer's name of the stream, unique within the file
  std::string codec;   // for people: "MPEG-4 AAC"
  std::shared_ptr<GstCaps> caps;  // as it lies in the file
};

struct MediaInfo {
  GstClockTime duration = 0;  // ns; 0: the file does not tell
  std::string video_stream;   // like AudioTrack::stream
  int width = 0, height = 0;  // pixels as they lie in the file, before any turning
  bool turned = false;        // the file asks for turned or mirrored pictures
  std::vector<AudioTrack> audio;
};

// The end of the name of a stream, by which streams are known again in another pipeline.
std::string short_stream_name(const char* stream_id);

// Opens the file and looks. Needs gst_init(). Throws std::runtime_error naming the file and what is
// wrong: not there, no video, a decoder that is not installed.
MediaInfo look_at(const std::string& path);

}  // namespace lightavseg::tool
