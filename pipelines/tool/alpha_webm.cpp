// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/alpha_webm.h"

#include <fmt/format.h>

#include <stdexcept>

#include "pipelines/tool/interrupt.h"

namespace lightavseg::tool {
namespace {

std::vector<std::string> command(const std::filesystem::path& path) {
  return {"ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-f", "matroska", "-i", "pipe:0",
          // Every track, with its times.
          "-map", "0", "-fps_mode", "passthrough",
          // References to frames that are never shown do not go with alpha.
          "-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-auto-alt-ref", "0", "-crf", "28", "-b:v",
          "0", "-deadline", "good", "-cpu-used", "5", "-row-mt", "1", "-c:a", "copy", "-f", "webm",
          "file:" + path.string()};
}

}  // namespace

AlphaWebm::AlphaWebm(const std::filesystem::path& path)
    : path_(path), ffmpeg_(command(path), ChildProcess::Input::kPipe) {
}

void AlphaWebm::finish() {
  ffmpeg_.close_input();
  const int code = ffmpeg_.wait();
  if (interrupted()) throw Interrupted();
  if (code != 0)
    throw std::runtime_error(
        fmt::format("{}: ffmpeg ended with {}: {}", path_.string(), code, ffmpeg_.complained()));
}

}  // namespace lightavseg::tool
