// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/renderer_overlay.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <new>

#include "gst/color_values.h"
#include "gst/mapped_frame.h"

namespace lightavseg::gst {
namespace {

// Coverage times opacity, still at the network's size.
cv::Mat weights_of(const Coverage& coverage, std::uint32_t argb, double opacity) {
  const double strongest = std::clamp(opacity, 0.0, 1.0) * (argb >> 24) / 255.0;
  cv::Mat table(1, 256, CV_8U);
  for (int i = 0; i < 256; ++i)
    table.at<std::uint8_t>(i) = static_cast<std::uint8_t>(std::lround(i * strongest));
  cv::Mat weights;
  cv::LUT(coverage.map(), table, weights);
  return weights;
}

// Byte positions of alpha and the three colours in a pixel of a rectangle.
std::array<guint, 4> pixel_order(GstVideoFormat format) {
  const GstVideoFormatInfo* info = gst_video_format_get_info(format);
  return {GST_VIDEO_FORMAT_INFO_POFFSET(info, 3), GST_VIDEO_FORMAT_INFO_POFFSET(info, 0),
          GST_VIDEO_FORMAT_INFO_POFFSET(info, 1), GST_VIDEO_FORMAT_INFO_POFFSET(info, 2)};
}

// GStreamer 1.22 packs odd rows of UYVP a byte past their stride, and the chroma of odd rows of
// NV12_10BE_8L128, ten bits each, into a tile too many: into what follows or out of the
// buffer. The last pixel of such rows is left as it is.
void shorten_odd_rows(GstVideoFrame* frame) {
  const GstVideoFormat format = GST_VIDEO_FRAME_FORMAT(frame);
  if (format == GST_VIDEO_FORMAT_UYVP || format == GST_VIDEO_FORMAT_NV12_10BE_8L128)
    frame->info.width &= ~1;
}

}  // namespace

OverlayRenderer::~OverlayRenderer() {
  g_clear_pointer(&composition_, gst_video_overlay_composition_unref);
}

void OverlayRenderer::configure(const GstVideoInfo& video, bool attach_composition) {
  video_ = video;
  if (attach_composition) {
    way_ = Way::kAttach;
  } else {
    way_ = OverlayBlend::suits(video.finfo) ? Way::kBlend : Way::kBlendRectangle;
  }
  version_ = 0;
}

GstVideoOverlayComposition* OverlayRenderer::make_composition(const cv::Mat& weights,
                                                              std::uint32_t rgb) const {
  // GStreamer's blending converts RGB rectangles by one fixed matrix: where it is to blend into
  // YUV, the rectangle carries the video's own YUV instead. Whoever takes a rectangle from the
  // metadata wants RGB.
  const bool yuv = way_ == Way::kBlendRectangle && !GST_VIDEO_FORMAT_INFO_IS_RGB(video_.finfo);
  const GstVideoFormat format =
      yuv ? GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_YUV : GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB;
  const GstVideoFormatInfo* layout = gst_video_format_get_info(format);
  GstVideoColorimetry colorimetry = video_.colorimetry;
  if (!yuv) colorimetry.range = GST_VIDEO_COLOR_RANGE_0_255;
  const auto samples = color_samples(layout, colorimetry, rgb);
  const std::array<guint, 4> order = pixel_order(format);

  GstBuffer* pixels =
      gst_buffer_new_allocate(nullptr, static_cast<gsize>(weights.total()) * 4, nullptr);
  GstMapInfo map;
  if (pixels == nullptr || !gst_buffer_map(pixels, &map, GST_MAP_WRITE)) {
    gst_clear_buffer(&pixels);
    throw std::bad_alloc();
  }
  std::uint8_t* to = map.data;
  for (int y = 0; y < weights.rows; ++y) {
    const std::uint8_t* weight = weights.ptr<std::uint8_t>(y);
    for (int x = 0; x < weights.cols; ++x, to += 4) {
      to[order[0]] = weight[x];
      for (std::size_t c = 0; c < 3; ++c) to[order[1 + c]] = static_cast<std::uint8_t>(samples[c]);
    }
  }
  gst_buffer_unmap(pixels, &map);
  gst_buffer_add_video_meta(pixels, GST_VIDEO_FRAME_FLAG_NONE, format,
                            static_cast<guint>(weights.cols), static_cast<guint>(weights.rows));
  GstVideoOverlayRectangle* rectangle = gst_video_overlay_rectangle_new_raw(
      pixels, 0, 0, static_cast<guint>(video_.width), static_cast<guint>(video_.height),
      GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE);
  gst_buffer_unref(pixels);
  GstVideoOverlayComposition* composition = gst_video_overlay_composition_new(rectangle);
  gst_video_overlay_rectangle_unref(rectangle);
  return composition;
}

void OverlayRenderer::refresh(const Coverage& coverage, std::uint32_t argb, double opacity) {
  if (version_ == coverage.version() && argb == argb_ && opacity == opacity_) return;
  version_ = 0;
  const cv::Mat weights = weights_of(coverage, argb, opacity);
  shows_ = cv::countNonZero(weights) > 0;
  g_clear_pointer(&composition_, gst_video_overlay_composition_unref);
  if (shows_ && way_ == Way::kBlend) {
    blend_.set_weights(weights, video_);
  } else if (shows_ && way_ == Way::kBlendRectangle) {
    // At the video's size: GStreamer would scale it for each frame, and from corner to corner
    // instead of centre to centre.
    cv::Mat scaled;
    resize_map(weights, {video_.width, video_.height}, scaled);
    composition_ = make_composition(scaled, argb);
  } else if (shows_) {
    composition_ = make_composition(weights, argb);
  }
  version_ = coverage.version();
  argb_ = argb;
  opacity_ = opacity;
}

GstBuffer* OverlayRenderer::attach(GstBuffer* frame) const {
  frame = gst_buffer_make_writable(frame);
  GstVideoOverlayCompositionMeta* earlier = gst_buffer_get_video_overlay_composition_meta(frame);
  if (earlier == nullptr) {
    gst_buffer_add_video_overlay_composition_meta(frame, composition_);
    return frame;
  }
  // Somebody else's (subtitles): theirs and ours in one, since drawers look at the first meta only.
  GstVideoOverlayComposition* both = gst_video_overlay_composition_copy(earlier->overlay);
  gst_video_overlay_composition_add_rectangle(
      both, gst_video_overlay_composition_get_rectangle(composition_, 0));
  gst_buffer_remove_video_overlay_composition_meta(frame, earlier);
  gst_buffer_add_video_overlay_composition_meta(frame, both);
  gst_video_overlay_composition_unref(both);
  return frame;
}

GstBuffer* OverlayRenderer::blend(GstBuffer* frame, std::string* reason) {
  frame = gst_buffer_make_writable(frame);
  std::string fault;
  {
    MappedFrame mapped(frame, video_, static_cast<GstMapFlags>(GST_MAP_READ | GST_MAP_WRITE));
    if (!mapped) {
      fault = mapped.reason();
    } else if (way_ == Way::kBlend) {
      blend_.blend(mapped.get(), argb_);
    } else if (shorten_odd_rows(mapped.get());
               !gst_video_overlay_composition_blend(composition_, mapped.get())) {
      fault =
          fmt::format("GStreamer cannot blend an overlay into {}", GST_VIDEO_INFO_NAME(&video_));
    }
  }
  if (fault.empty()) return frame;
  *reason = fault;
  gst_buffer_unref(frame);
  return nullptr;
}

GstBuffer* OverlayRenderer::render(GstBuffer* frame, const Coverage& coverage, std::uint32_t argb,
                                   double opacity, std::string* reason) {
  try {
    refresh(coverage, argb, opacity);
  } catch (...) {
    gst_buffer_unref(frame);
    throw;
  }
  if (!shows_) return frame;
  return way_ == Way::kAttach ? attach(frame) : blend(frame, reason);
}

}  // namespace lightavseg::gst
