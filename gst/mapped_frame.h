// SPDX-License-Identifier: LGPL-2.1-or-later
// Video buffers: mapped for as long as an object lives, after a check that they hold their picture,
// and new ones.
#pragma once

#include <gst/video/video.h>

#include <string>

#include "gst/owned.h"

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

// A buffer for a frame of that format, layout as the format has it. Rows and planes of odd pictures
// are followed by padding that nobody writes; it is zero, since what the allocator left there would
// make two runs differ. Throws std::runtime_error when there is no memory. Thread-safe.
Owned<GstBuffer> new_frame(const GstVideoInfo& video);

// The frame with rows and planes where the format has them by itself, and no GstVideoMeta: a copy
// when its own meta says otherwise, with timestamps, flags and the other metas. A buffer that does
// not hold its picture stays what it is. Throws as new_frame() does. Thread-safe.
Owned<GstBuffer> packed_frame(Owned<GstBuffer> frame, const GstVideoInfo& video);

}  // namespace lightavseg::gst
