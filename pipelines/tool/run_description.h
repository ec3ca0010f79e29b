// SPDX-License-Identifier: LGPL-2.1-or-later
// The pipeline of a run, as gst_parse_launch() reads it.
#pragma once

#include <string>
#include <vector>

#include "pipelines/tool/media_info.h"
#include "pipelines/tool/video_run.h"

namespace lightavseg::tool {

struct RunDescription {
  std::string text;
  std::vector<std::string> notes;  // for the user: what the container makes necessary
};

// Names of elements in it: "in" (filesrc), "demuxer", "video" and "audio0", "audio1" ... (the
// queues for its streams), "video_decoder", "audio_decoder", "l" (lightavseg), "encoder" where
// there is one, "written" (its source pad has what reaches the file), "out" (the sink),
// "compositor" with side_by_side.
RunDescription describe_run(const VideoRun& run, const ResultFormat& format,
                            const MediaInfo& media);

}  // namespace lightavseg::tool
