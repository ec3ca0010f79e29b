// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/frame_scaler.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "gst/mapped_frame.h"

namespace lightavseg::gst {
namespace {

// Width in pixels of the triangle that each pixel of the small picture averages over.
//
// The network learns from pictures reduced by the mean over areas (OpenCV INTER_AREA): a box as
// wide as the scale s. GstVideoConverter has no box, but its "linear" filter with n taps is a
// triangle n pixels wide, and a triangle sqrt(2) times as wide as a box has the same variance, so
// it blurs the same. (On its own the converter takes a triangle 2 s wide: softer and slower.) One
// figure serves both axes: the geometric mean of what they want, but never less than the greater
// scale, or pixels would fall through and fine patterns shimmer.
// 0, the converter's own choice by axis, where one axis is enlarged: more taps than it needs there
// make GStreamer 1.22 compute wrong weights.
guint filter_taps(int in_width, int in_height, int width, int height) {
  const double x = static_cast<double>(in_width) / width;
  const double y = static_cast<double>(in_height) / height;
  if (std::min(x, y) < 1 || std::max(x, y) <= 1) return 0;
  return static_cast<guint>(std::ceil(std::max({std::sqrt(2 * x * y), x, y})));
}

GstStructure* converter_options(guint taps) {
  return gst_structure_new(
      "scaler",                                          //
      GST_VIDEO_CONVERTER_OPT_THREADS, G_TYPE_UINT, 1u,  //
      GST_VIDEO_CONVERTER_OPT_RESAMPLER_METHOD, GST_TYPE_VIDEO_RESAMPLER_METHOD,
      GST_VIDEO_RESAMPLER_METHOD_LINEAR,  //
      GST_VIDEO_CONVERTER_OPT_RESAMPLER_TAPS, G_TYPE_UINT, taps,
      // Chroma is repeated instead of interpolated before it is averaged: reducing the picture
      // makes the difference vanish, and it saves a third of the time.
      GST_VIDEO_CONVERTER_OPT_CHROMA_MODE, GST_TYPE_VIDEO_CHROMA_MODE, GST_VIDEO_CHROMA_MODE_NONE,
      GST_VIDEO_CONVERTER_OPT_CHROMA_RESAMPLER_METHOD, GST_TYPE_VIDEO_RESAMPLER_METHOD,
      GST_VIDEO_RESAMPLER_METHOD_NEAREST,  //
      GST_VIDEO_CONVERTER_OPT_DITHER_METHOD, GST_TYPE_VIDEO_DITHER_METHOD, GST_VIDEO_DITHER_NONE,
      nullptr);
}

bool same_video(const GstVideoInfo& a, const GstVideoInfo& b) {
  return a.finfo == b.finfo && a.width == b.width && a.height == b.height && a.size == b.size &&
         a.chroma_site == b.chroma_site &&
         gst_video_colorimetry_is_equal(&a.colorimetry, &b.colorimetry) &&
         std::equal(std::begin(a.stride), std::end(a.stride), std::begin(b.stride)) &&
         std::equal(std::begin(a.offset), std::end(a.offset), std::begin(b.offset));
}

// Pixels of alpha and three colours, as GStreamer unpacks all formats.
template <typename Sample>
void row_to_rgb(const Sample* from, int width, const RgbOfSamples& to_rgb, std::uint8_t* to) {
  for (int x = 0; x < width; ++x, from += 4, to += 3) to_rgb.convert(from + 1, to);
}

}  // namespace

FrameScaler::~FrameScaler() {
  clear();
}

void FrameScaler::clear() {
  g_clear_pointer(&converter_, gst_video_converter_free);
  gst_clear_buffer(&scaled_);
}

bool FrameScaler::configure(const GstVideoInfo& video, int height, int width) {
  GstVideoInfo in = video;
  // The converter wants the same mode on both sides; whole frames serve the network as they are.
  in.interlace_mode = GST_VIDEO_INTERLACE_MODE_PROGRESSIVE;
  if (converter_ != nullptr && same_video(in, in_) && small_.width == width &&
      small_.height == height && video.interlace_mode != GST_VIDEO_INTERLACE_MODE_ALTERNATE)
    return true;
  clear();
  if (video.finfo == nullptr || video.finfo->unpack_func == nullptr || video.width <= 0 ||
      video.height <= 0 || width <= 0 || height <= 0 ||
      video.interlace_mode == GST_VIDEO_INTERLACE_MODE_ALTERNATE)
    return false;
  // The converter only scales, in the layout and depth that it unpacks the format to. Asked for RGB
  // of YUV it truncates each product and comes out three levels of 255 too dark on average; asked
  // for another depth while it enlarges one axis and reduces the other, GStreamer 1.22 reads lines
  // that it never wrote.
  if (!gst_video_info_set_format(&small_, video.finfo->unpack_format, static_cast<guint>(width),
                                 static_cast<guint>(height)))
    return false;
  small_.colorimetry = in.colorimetry;
  small_.fps_n = in.fps_n;  // the converter insists on it
  small_.fps_d = in.fps_d;
  converter_ = gst_video_converter_new(
      &in, &small_, converter_options(filter_taps(in.width, in.height, width, height)));
  if (converter_ == nullptr) return false;
  in_ = in;
  scaled_ = gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&small_), nullptr);
  to_rgb_ = RgbOfSamples(small_.finfo, small_.colorimetry);
  return true;
}

bool FrameScaler::scale(GstBuffer* buffer, std::vector<std::uint8_t>& out, std::string* reason) {
  if (converter_ == nullptr) return false;
  MappedFrame in(buffer, in_, GST_MAP_READ);
  MappedFrame small(scaled_, small_, GST_MAP_READWRITE);
  if (!in || !small) {
    if (reason != nullptr) *reason = (!in ? in : small).reason();
    return false;
  }
  gst_video_converter_frame(converter_, in.get(), small.get());

  out.resize(static_cast<std::size_t>(small_.width) * static_cast<std::size_t>(small_.height) * 3);
  const auto* from = static_cast<const std::uint8_t*>(GST_VIDEO_FRAME_PLANE_DATA(small.get(), 0));
  const int stride = GST_VIDEO_FRAME_PLANE_STRIDE(small.get(), 0);
  std::uint8_t* to = out.data();
  for (int y = 0; y < small_.height; ++y, from += stride, to += small_.width * 3) {
    if (GST_VIDEO_INFO_COMP_DEPTH(&small_, 0) == 16)
      row_to_rgb(reinterpret_cast<const std::uint16_t*>(from), small_.width, to_rgb_, to);
    else
      row_to_rgb(from, small_.width, to_rgb_, to);
  }
  return true;
}

}  // namespace lightavseg::gst
