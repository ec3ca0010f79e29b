// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/renderer_alpha.h"

#include <fmt/format.h>

#include "gst/alpha_channel.h"
#include "gst/frame_metadata.h"
#include "gst/mapped_frame.h"

namespace lightavseg::gst {
namespace {

bool same_pictures(const GstVideoInfo& a, const GstVideoInfo& b) {
  return a.finfo == b.finfo && gst_video_colorimetry_is_equal(&a.colorimetry, &b.colorimetry);
}

bool same_chroma(const GstVideoFormatInfo* a, const GstVideoFormatInfo* b) {
  return GST_VIDEO_FORMAT_INFO_IS_YUV(a) && GST_VIDEO_FORMAT_INFO_IS_YUV(b) &&
         GST_VIDEO_FORMAT_INFO_W_SUB(a, 1) == GST_VIDEO_FORMAT_INFO_W_SUB(b, 1) &&
         GST_VIDEO_FORMAT_INFO_H_SUB(a, 1) == GST_VIDEO_FORMAT_INFO_H_SUB(b, 1);
}

GstStructure* converter_options(const GstVideoInfo& in, const GstVideoInfo& out) {
  // Interpolating chroma that goes back onto the same grid would only blur it.
  const GstVideoChromaMode chroma =
      same_chroma(in.finfo, out.finfo) ? GST_VIDEO_CHROMA_MODE_NONE : GST_VIDEO_CHROMA_MODE_FULL;
  return gst_structure_new("alpha", GST_VIDEO_CONVERTER_OPT_THREADS, G_TYPE_UINT, 1u,
                           GST_VIDEO_CONVERTER_OPT_CHROMA_MODE, GST_TYPE_VIDEO_CHROMA_MODE, chroma,
                           GST_VIDEO_CONVERTER_OPT_DITHER_METHOD, GST_TYPE_VIDEO_DITHER_METHOD,
                           GST_VIDEO_DITHER_NONE, nullptr);
}

}  // namespace

AlphaRenderer::~AlphaRenderer() {
  g_clear_pointer(&converter_, gst_video_converter_free);
}

bool AlphaRenderer::configure(const GstVideoInfo& input, const GstVideoInfo& output,
                              std::string* reason) {
  g_clear_pointer(&converter_, gst_video_converter_free);
  if (!can_write_alpha(output.finfo)) {
    *reason =
        fmt::format("{} has no alpha channel to put the mask into; ask for RGBA, AYUV or A420",
                    GST_VIDEO_INFO_NAME(&output));
    return false;
  }
  in_ = input;
  out_ = output;
  // The converter insists on equal frame rates, which the caps do not promise.
  out_.fps_n = in_.fps_n;
  out_.fps_d = in_.fps_d;
  if (same_pictures(in_, out_)) return true;
  converter_ = gst_video_converter_new(&in_, &out_, converter_options(in_, out_));
  if (converter_ != nullptr) return true;
  *reason = fmt::format("GstVideoConverter cannot turn {} into {}", GST_VIDEO_INFO_NAME(&input),
                        GST_VIDEO_INFO_NAME(&output));
  return false;
}

GstBuffer* AlphaRenderer::render(GstBuffer* frame, Coverage& coverage, bool clear_hidden,
                                 std::string* reason) {
  MappedFrame from(frame, in_, GST_MAP_READ);
  if (!from) {
    *reason = from.reason();
    return nullptr;
  }
  Owned<GstBuffer> buffer = new_frame(out_);
  {
    MappedFrame to(buffer.get(), out_, GST_MAP_READWRITE);
    if (converter_ != nullptr)
      gst_video_converter_frame(converter_, from.get(), to.get());
    else
      gst_video_frame_copy(to.get(), from.get());
    write_alpha(to.get(), coverage, clear_hidden);
  }
  copy_frame_metadata(frame, buffer.get(), false);
  return buffer.release();
}

}  // namespace lightavseg::gst
