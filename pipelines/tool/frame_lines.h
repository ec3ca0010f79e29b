// SPDX-License-Identifier: LGPL-2.1-or-later
// What the network found, as one line of JSON per frame.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <cstdio>
#include <filesystem>

#include "gst/owned.h"

namespace lightavseg::tool {

// Watches the source pad of lightavseg. The pad's streaming thread writes; finish() when the stream
// has ended. docs/export.md describes the fields.
class FrameLines {
 public:
  // Throws std::runtime_error when the file cannot be written.
  FrameLines(GstPad* pad, const std::filesystem::path& path);
  ~FrameLines();
  FrameLines(const FrameLines&) = delete;
  FrameLines& operator=(const FrameLines&) = delete;

  // Throws std::runtime_error when a line could not be written.
  void finish();

 private:
  static GstPadProbeReturn on_buffer(GstPad* pad, GstPadProbeInfo* info, gpointer self);
  void write(GstBuffer* buffer);

  gst::Owned<GstPad> pad_;
  std::filesystem::path path_;
  std::FILE* file_;
  gulong probe_;
  guint64 frame_ = 0;
  std::atomic<bool> failed_{false};
};

}  // namespace lightavseg::tool
