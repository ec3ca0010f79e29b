// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/component.h"

namespace lightavseg::gst {
namespace {

bool is_wide(const GstVideoFormatInfo* format, guint index) {
  return GST_VIDEO_FORMAT_INFO_DEPTH(format, index) > 8;
}

// GstVideoFormatInfo gives the offset of the second chroma sample of P010, P012 and P016 as 1, in
// words; everywhere else offsets are in bytes.
int byte_offset(const GstVideoFormatInfo* format, guint index) {
  const int offset = GST_VIDEO_FORMAT_INFO_POFFSET(format, index);
  return is_wide(format, index) && offset % 2 != 0 ? offset * 2 : offset;
}

bool sample_is_direct(const GstVideoFormatInfo* format, guint index) {
  const int depth = GST_VIDEO_FORMAT_INFO_DEPTH(format, index);
  const int shift = GST_VIDEO_FORMAT_INFO_SHIFT(format, index);
  const int step = GST_VIDEO_FORMAT_INFO_PSTRIDE(format, index);
  if (depth == 8) return shift == 0 && step >= 1;
  return depth > 8 && depth + shift <= 16 && step >= 2 && step % 2 == 0;
}

}  // namespace

bool has_direct_samples(const GstVideoFormatInfo* format) {
  if (GST_VIDEO_FORMAT_INFO_IS_COMPLEX(format) || GST_VIDEO_FORMAT_INFO_IS_TILED(format) ||
      GST_VIDEO_FORMAT_INFO_HAS_PALETTE(format) || format->unpack_func == nullptr)
    return false;
  // The table is wrong: v216 is little-endian everywhere but not marked so, VYUY has U where V is.
  const GstVideoFormat id = GST_VIDEO_FORMAT_INFO_FORMAT(format);
  if (id == GST_VIDEO_FORMAT_v216 || id == GST_VIDEO_FORMAT_VYUY) return false;
  for (guint a = 0; a < GST_VIDEO_FORMAT_INFO_N_COMPONENTS(format); ++a) {
    if (!sample_is_direct(format, a)) return false;
    // Two components at one place: the table is not filled in for this format.
    for (guint b = 0; b < a; ++b) {
      if (GST_VIDEO_FORMAT_INFO_PLANE(format, a) == GST_VIDEO_FORMAT_INFO_PLANE(format, b) &&
          byte_offset(format, a) == byte_offset(format, b))
        return false;
    }
  }
  return true;
}

Component component(const GstVideoFrame& frame, int index) {
  const GstVideoFormatInfo* format = frame.info.finfo;
  const guint c = static_cast<guint>(index);
  const guint plane = GST_VIDEO_FORMAT_INFO_PLANE(format, c);
  Component out;
  out.data = static_cast<std::uint8_t*>(frame.data[plane]) + byte_offset(format, c);
  out.width = GST_VIDEO_FRAME_COMP_WIDTH(&frame, c);
  out.height = GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c);
  out.stride = GST_VIDEO_FRAME_PLANE_STRIDE(&frame, plane);
  out.step = GST_VIDEO_FORMAT_INFO_PSTRIDE(format, c);
  out.depth = static_cast<int>(GST_VIDEO_FORMAT_INFO_DEPTH(format, c));
  out.shift = static_cast<int>(GST_VIDEO_FORMAT_INFO_SHIFT(format, c));
  out.wide = is_wide(format, c);
  const bool little = GST_VIDEO_FORMAT_INFO_IS_LE(format);
  out.swapped = out.wide && little != (G_BYTE_ORDER == G_LITTLE_ENDIAN);
  return out;
}

}  // namespace lightavseg::gst
