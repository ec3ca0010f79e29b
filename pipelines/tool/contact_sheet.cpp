// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/contact_sheet.h"

#include <fmt/format.h>
#include <gst/video/video.h>

#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdexcept>

namespace lightavseg::tool {
namespace {

constexpr int kFrameWidth = 480;
constexpr int kBorder = 6;

// Over grey checks, as editors show what is transparent.
cv::Mat over_checks(const cv::Mat& bgra) {
  cv::Mat out(bgra.size(), CV_8UC3);
  for (int y = 0; y < bgra.rows; ++y) {
    for (int x = 0; x < bgra.cols; ++x) {
      const auto& pixel = bgra.at<cv::Vec4b>(y, x);
      const int ground = (x / 16 + y / 16) % 2 ? 90 : 140;
      for (int c = 0; c < 3; ++c)
        out.at<cv::Vec3b>(y, x)[c] =
            static_cast<uchar>((pixel[c] * pixel[3] + ground * (255 - pixel[3])) / 255);
    }
  }
  return out;
}

cv::Mat to_bgr(GstBuffer* buffer, GstCaps* caps) {
  GstSample* sample = gst_sample_new(buffer, caps, nullptr, nullptr);
  GstCaps* wanted = gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "BGRA", nullptr);
  GstSample* converted = gst_video_convert_sample(sample, wanted, 10 * GST_SECOND, nullptr);
  gst_caps_unref(wanted);
  gst_sample_unref(sample);
  cv::Mat picture;
  if (!converted) return picture;
  GstVideoInfo info;
  GstVideoFrame frame;
  if (gst_video_info_from_caps(&info, gst_sample_get_caps(converted)) &&
      gst_video_frame_map(&frame, &info, gst_sample_get_buffer(converted), GST_MAP_READ)) {
    const cv::Mat view(GST_VIDEO_FRAME_HEIGHT(&frame), GST_VIDEO_FRAME_WIDTH(&frame), CV_8UC4,
                       GST_VIDEO_FRAME_PLANE_DATA(&frame, 0),
                       size_t(GST_VIDEO_FRAME_PLANE_STRIDE(&frame, 0)));
    const int height = std::max(1, view.rows * kFrameWidth / view.cols);
    cv::resize(view, picture, {kFrameWidth, height}, 0, 0, cv::INTER_AREA);
    gst_video_frame_unmap(&frame);
    picture = over_checks(picture);
  }
  gst_sample_unref(converted);
  return picture;
}

}  // namespace

ContactSheet::ContactSheet(GstPad* pad, GstClockTime duration, int columns, int rows)
    : pad_(GST_PAD(gst_object_ref(pad))), duration_(duration), columns_(columns), rows_(rows) {
  probe_ = gst_pad_add_probe(pad_.get(), GST_PAD_PROBE_TYPE_BUFFER, on_buffer, this, nullptr);
}

ContactSheet::~ContactSheet() {
  gst_pad_remove_probe(pad_.get(), probe_);
}

GstPadProbeReturn ContactSheet::on_buffer(GstPad* pad, GstPadProbeInfo* info, gpointer self) {
  static_cast<ContactSheet*>(self)->keep(pad, GST_PAD_PROBE_INFO_BUFFER(info));
  return GST_PAD_PROBE_OK;
}

void ContactSheet::keep(GstPad* pad, GstBuffer* buffer) {
  const GstClockTime pts = GST_BUFFER_PTS(buffer);
  if (!GST_CLOCK_TIME_IS_VALID(pts)) return;
  std::lock_guard<std::mutex> lock(mutex_);
  const size_t wanted = size_t(columns_ * rows_);
  if (frames_.size() >= wanted) return;
  // The middle of each of as many equal parts.
  const auto due = gst_util_uint64_scale(duration_, 2 * frames_.size() + 1, 2 * wanted);
  if (pts < due) return;
  GstCaps* caps = gst_pad_get_current_caps(pad);
  if (!caps) return;
  auto picture = to_bgr(buffer, caps);
  gst_caps_unref(caps);
  if (picture.empty()) return;
  frames_.push_back(std::move(picture));
  times_.push_back(double(pts) / GST_SECOND);
}

void ContactSheet::write(const std::string& path) const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (frames_.empty()) throw std::runtime_error(path + ": no frame came, so there is no picture");
  const int height = frames_[0].rows;
  const int rows = int(frames_.size() + size_t(columns_) - 1) / columns_;
  cv::Mat sheet(rows * (height + kBorder) + kBorder, columns_ * (kFrameWidth + kBorder) + kBorder,
                CV_8UC3, cv::Scalar(32, 32, 32));
  for (size_t i = 0; i < frames_.size(); ++i) {
    const int x = kBorder + int(i) % columns_ * (kFrameWidth + kBorder);
    const int y = kBorder + int(i) / columns_ * (height + kBorder);
    if (frames_[i].size() != cv::Size(kFrameWidth, height)) continue;
    auto cell = sheet(cv::Rect(x, y, kFrameWidth, height));
    frames_[i].copyTo(cell);
    const auto text = fmt::format("{:.1f} s", times_[i]);
    cv::putText(cell, text, {8, height - 10}, cv::FONT_HERSHEY_SIMPLEX, 0.5, {0, 0, 0}, 3,
                cv::LINE_AA);
    cv::putText(cell, text, {8, height - 10}, cv::FONT_HERSHEY_SIMPLEX, 0.5, {255, 255, 255}, 1,
                cv::LINE_AA);
  }
  if (!cv::imwrite(path, sheet)) throw std::runtime_error(path + ": cannot be written");
}

}  // namespace lightavseg::tool
