// SPDX-License-Identifier: LGPL-2.1-or-later
// One recorded file through lightavseg into another file.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace lightavseg::tool {

struct VideoRun {
  std::string input, output;            // paths; the output is WebM (VP8 and Vorbis)
  std::string model;                    // path
  bool side_by_side = false;            // the picture as it was on the left
  std::vector<std::string> properties;  // of the element, NAME=VALUE
  std::string contact_sheet;            // PNG with frames from beginning to end; empty: none
  int threads = 0;
};

struct VideoRunResult {
  double seconds = 0;  // of video
  unsigned long frames = 0;
  bool heard = false;  // whether the file has sound
};

// progress: share done, 0..1, called now and then; may be empty. The output appears when it is
// complete. Throws std::runtime_error naming the file and what is wrong.
VideoRunResult run_video(const VideoRun& run, const std::function<void(double)>& progress);

}  // namespace lightavseg::tool
