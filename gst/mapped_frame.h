// SPDX-License-Identifier: LGPL-2.1-or-later
// A video buffer mapped for as long as an object lives, after a check that it holds its picture.
#pragma once

#include <gst/video/video.h>

#include <string>

namespace lightavseg::gst {

// gst_video_frame_map() trusts GstVideoMeta: it neither looks whether the planes end inside of the
// buffer, nor forgives a meta of another format (it aborts under G_DEBUG=fatal-criticals). This
// checks both first, so that a broken buffer is an error of the stream instead of a crash.
// Not thread-safe; the buffer must live longer than the object.
class MappedFrame {
 public:
  // flags: GST_MAP_READ, GST_MAP_WRITE or both; writing needs a writable buffer.
  MappedFrame(GstBuffer* buffer, const GstVideoInfo& video, GstMapFlags flags);
  ~MappedFrame();
  MappedFrame(const MappedFrame&) = delete;
  MappedFrame& operator=(const MappedFrame&) = delete;

  explicit operator bool() const { return mapped_; }
  // What is wrong with the buffer; empty when it is mapped.
  const std::string& reason() const { return reason_; }

  GstVideoFrame* get() { return &frame_; }
  const GstVideoFrame& operator*() const { return frame_; }

 private:
  GstVideoFrame frame_{};
  bool mapped_ = false;
  std::string reason_;
};

}  // namespace lightavseg::gst
