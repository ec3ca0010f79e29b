// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames with the mask tinted over the picture.
#pragma once

#include <gst/video/video.h>

#include <cstdint>
#include <opencv2/core.hpp>
#include <string>

#include "gst/coverage.h"
#include "gst/overlay_blend.h"

namespace lightavseg::gst {

// Output mode overlay: attaches a GstVideoOverlayComposition for whoever draws the video, or blends
// into the frame. Blending works in every raw format of GStreamer 1.22: in the format itself where
// its samples are addressable, else (tiles, v210, RGB16, subsampled formats with alpha ...) by
// gst_video_overlay_composition_blend() with a rectangle in the video's own colours.
// Not thread-safe.
class OverlayRenderer {
 public:
  OverlayRenderer() = default;
  ~OverlayRenderer();
  OverlayRenderer(const OverlayRenderer&) = delete;
  OverlayRenderer& operator=(const OverlayRenderer&) = delete;

  void configure(const GstVideoInfo& video, bool attach_composition);

  // Takes `frame` and gives it or a copy of it (transfer full both), or null with a reason; the
  // frame is released then. argb: colour, whose alpha multiplies `opacity` (0..1). Rectangle and
  // weights are made anew only when coverage, colour or opacity change. A frame on which nothing
  // shows is given back untouched.
  GstBuffer* render(GstBuffer* frame, const Coverage& coverage, std::uint32_t argb, double opacity,
                    std::string* reason);

 private:
  enum class Way { kAttach, kBlend, kBlendRectangle };

  void refresh(const Coverage& coverage, std::uint32_t argb, double opacity);
  GstVideoOverlayComposition* make_composition(const cv::Mat& weights, std::uint32_t rgb) const;
  GstBuffer* attach(GstBuffer* frame) const;
  GstBuffer* blend(GstBuffer* frame, std::string* reason);

  GstVideoInfo video_{};
  Way way_ = Way::kBlend;
  OverlayBlend blend_;
  GstVideoOverlayComposition* composition_ = nullptr;
  // What the above were made for; version 0: nothing yet.
  std::uint64_t version_ = 0;
  std::uint32_t argb_ = 0;
  double opacity_ = 0;
  bool shows_ = false;
};

}  // namespace lightavseg::gst
