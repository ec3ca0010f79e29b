// SPDX-License-Identifier: LGPL-2.1-or-later
// WebM with alpha: VP9 by ffmpeg, as GStreamer has no encoder that takes alpha.
#pragma once

#include <filesystem>

#include "pipelines/tool/child_process.h"

namespace lightavseg::tool {

// A running ffmpeg that makes WebM of the Matroska stream which it is given. One thread.
class AlphaWebm {
 public:
  // Throws std::runtime_error.
  explicit AlphaWebm(const std::filesystem::path& path);
  // Where to write the stream.
  int descriptor() const { return ffmpeg_.input(); }
  // After the whole stream was written. Throws std::runtime_error with what ffmpeg says.
  void finish();
  // What ffmpeg complains of so far.
  std::string complaint() const { return ffmpeg_.complained(); }

 private:
  std::filesystem::path path_;
  ChildProcess ffmpeg_;
};

}  // namespace lightavseg::tool
