// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames of a video on one picture.
#pragma once

#include <gst/gst.h>

#include <mutex>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "gst/owned.h"

namespace lightavseg::tool {

// Watches a pad with raw video and keeps frames that are evenly spread over the duration.
// The pad's streaming thread collects; write() when the stream has ended.
class ContactSheet {
 public:
  // duration: ns. rows * columns frames.
  ContactSheet(GstPad* pad, GstClockTime duration, int columns, int rows);
  ~ContactSheet();
  ContactSheet(const ContactSheet&) = delete;
  ContactSheet& operator=(const ContactSheet&) = delete;

  // Throws std::runtime_error when nothing was seen or the file cannot be written.
  void write(const std::string& path) const;

 private:
  static GstPadProbeReturn on_buffer(GstPad* pad, GstPadProbeInfo* info, gpointer self);
  void keep(GstPad* pad, GstBuffer* buffer);

  gst::Owned<GstPad> pad_;
  gulong probe_;
  GstClockTime duration_;
  int columns_, rows_;
  mutable std::mutex mutex_;
  std::vector<cv::Mat> frames_;  // BGR
  std::vector<double> times_;    // s
};

}  // namespace lightavseg::tool
