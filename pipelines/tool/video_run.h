// SPDX-License-Identifier: LGPL-2.1-or-later
// One recorded file through lightavseg into another file.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pipelines/tool/result_format.h"

namespace lightavseg::tool {

struct VideoRun {
  std::string input, output;            // paths; what the output may be: result_format.h
  std::optional<Content> content;       // by default the name of the output decides
  std::string model;                    // path
  bool side_by_side = false;            // the picture as it was on the left
  std::vector<std::string> properties;  // of the element, NAME=VALUE
  std::string contact_sheet;            // PNG with frames from beginning to end; empty: none
  std::string preview_sink;             // element that shows the result meanwhile; empty: none
  int audio_track = 1;                  // which track the network hears, from 1
  int threads = 0;
};

struct VideoRunResult {
  double seconds = 0;  // of video
  unsigned long frames = 0;
  bool heard = false;              // whether the file has sound
  std::vector<std::string> notes;  // what is otherwise than the user may think
};

// share: how much is done, 0..1, below 0 when the file does not tell its length.
using RunProgress = std::function<void(double share, unsigned long frames)>;

// The output appears when it is complete. Needs gst_init() and the elements. Throws UsageError,
// Interrupted, and std::runtime_error naming the file and what is wrong.
VideoRunResult run_video(const VideoRun& run, const RunProgress& progress);

}  // namespace lightavseg::tool
