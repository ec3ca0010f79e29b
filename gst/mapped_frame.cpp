// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/mapped_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace lightavseg::gst {
namespace {

constexpr std::uint64_t kPaletteBytes = 256 * 4;

// Bytes from the start of a row of a plane to the end of its last pixel.
std::int64_t row_bytes(const GstVideoInfo& video, int plane) {
  const GstVideoFormatInfo* format = video.finfo;
  std::int64_t bytes = 0;
  for (guint c = 0; c < GST_VIDEO_FORMAT_INFO_N_COMPONENTS(format); ++c) {
    if (GST_VIDEO_FORMAT_INFO_PLANE(format, c) != static_cast<guint>(plane)) continue;
    const std::int64_t step = GST_VIDEO_FORMAT_INFO_PSTRIDE(format, c);
    // Pixels that share words: how many bytes a row has the format alone knows, by its own stride.
    if (step == 0 || GST_VIDEO_FORMAT_INFO_IS_COMPLEX(format))
      return GST_VIDEO_INFO_PLANE_STRIDE(&video, plane);
    const std::int64_t width = GST_VIDEO_FORMAT_INFO_SCALE_WIDTH(format, c, video.width);
    bytes = std::max(bytes, width * step);
  }
  return bytes;
}

std::int64_t rows_of(const GstVideoInfo& video, int plane) {
  gint components[GST_VIDEO_MAX_COMPONENTS];
  gst_video_format_info_component(video.finfo, static_cast<guint>(plane), components);
  return GST_VIDEO_FORMAT_INFO_SCALE_HEIGHT(video.finfo, components[0],
                                            GST_VIDEO_INFO_HEIGHT(&video));
}

// Bytes that a plane takes from its offset on; negative when the stride is impossible.
std::int64_t plane_bytes(const GstVideoInfo& video, int plane, int stride) {
  const GstVideoFormatInfo* format = video.finfo;
  if (GST_VIDEO_FORMAT_INFO_HAS_PALETTE(format) && plane == 1) return kPaletteBytes;
  if (GST_VIDEO_FORMAT_INFO_IS_TILED(format)) {
    const int needed = GST_VIDEO_INFO_PLANE_STRIDE(&video, plane);
    if (GST_VIDEO_TILE_X_TILES(stride) < GST_VIDEO_TILE_X_TILES(needed) ||
        GST_VIDEO_TILE_Y_TILES(stride) < GST_VIDEO_TILE_Y_TILES(needed))
      return -1;
    return static_cast<std::int64_t>(GST_VIDEO_TILE_X_TILES(stride)) *
           GST_VIDEO_TILE_Y_TILES(stride) * GST_VIDEO_FORMAT_INFO_TILE_SIZE(format, plane);
  }
  const std::int64_t row = row_bytes(video, plane);
  if (stride < row) return -1;
  return stride * (rows_of(video, plane) - 1) + row;
}

std::string fault_of(GstBuffer* buffer, const GstVideoInfo& video) {
  const std::uint64_t size = gst_buffer_get_size(buffer);
  const GstVideoMeta* meta = gst_buffer_get_video_meta(buffer);
  const char* format = GST_VIDEO_INFO_NAME(&video);
  if (meta == nullptr) {
    if (size >= GST_VIDEO_INFO_SIZE(&video)) return {};
    return fmt::format("a video buffer has {} bytes, but its caps ({} {}x{}) say at least {}", size,
                       format, GST_VIDEO_INFO_WIDTH(&video), GST_VIDEO_INFO_HEIGHT(&video),
                       GST_VIDEO_INFO_SIZE(&video));
  }
  if (meta->format != GST_VIDEO_INFO_FORMAT(&video) ||
      meta->width < static_cast<guint>(GST_VIDEO_INFO_WIDTH(&video)) ||
      meta->height < static_cast<guint>(GST_VIDEO_INFO_HEIGHT(&video)) ||
      meta->n_planes != GST_VIDEO_INFO_N_PLANES(&video))
    return fmt::format("the GstVideoMeta of a buffer says {} {}x{}, but its caps say {} {}x{}",
                       gst_video_format_to_string(meta->format), meta->width, meta->height, format,
                       GST_VIDEO_INFO_WIDTH(&video), GST_VIDEO_INFO_HEIGHT(&video));
  for (guint plane = 0; plane < meta->n_planes; ++plane) {
    const std::int64_t bytes = plane_bytes(video, static_cast<int>(plane), meta->stride[plane]);
    if (bytes < 0 || meta->offset[plane] > size ||
        static_cast<std::uint64_t>(bytes) > size - meta->offset[plane])
      return fmt::format(
          "plane {} of a buffer (GstVideoMeta: offset {}, stride {}) does not fit a {} {}x{} "
          "picture into its {} bytes",
          plane, meta->offset[plane], meta->stride[plane], format, GST_VIDEO_INFO_WIDTH(&video),
          GST_VIDEO_INFO_HEIGHT(&video), size);
  }
  return {};
}

bool is_packed(const GstVideoMeta& meta, const GstVideoInfo& video) {
  for (guint plane = 0; plane < meta.n_planes; ++plane)
    if (meta.stride[plane] != video.stride[plane] || meta.offset[plane] != video.offset[plane])
      return false;
  return true;
}

// Both hold a picture of that format. gst_video_frame_copy() would leave out the last chroma sample
// of odd YUY2 rows.
void copy_planes(GstVideoFrame* from, GstVideoFrame* to, const GstVideoInfo& video) {
  if (GST_VIDEO_FORMAT_INFO_IS_TILED(video.finfo) ||
      GST_VIDEO_FORMAT_INFO_HAS_PALETTE(video.finfo)) {
    gst_video_frame_copy(to, from);
    return;
  }
  for (int plane = 0; plane < int(GST_VIDEO_INFO_N_PLANES(&video)); ++plane) {
    const auto row = static_cast<std::size_t>(row_bytes(video, plane));
    const auto* source = static_cast<const guint8*>(from->data[plane]);
    auto* target = static_cast<guint8*>(to->data[plane]);
    for (std::int64_t y = rows_of(video, plane); y > 0; --y) {
      std::memcpy(target, source, row);
      source += from->info.stride[plane];
      target += to->info.stride[plane];
    }
  }
}

}  // namespace

MappedFrame::MappedFrame(GstBuffer* buffer, const GstVideoInfo& video, GstMapFlags flags) {
  reason_ = fault_of(buffer, video);
  if (!reason_.empty()) return;
  mapped_ = gst_video_frame_map(&frame_, &video, buffer, flags);
  if (!mapped_) {
    reason_ = "the memory of a video buffer cannot be mapped for the CPU";
    return;
  }
  // A meta may tell of more picture than the caps do; what converts frames wants the size it knows.
  frame_.info.width = GST_VIDEO_INFO_WIDTH(&video);
  frame_.info.height = GST_VIDEO_INFO_HEIGHT(&video);
}

MappedFrame::~MappedFrame() {
  if (mapped_) gst_video_frame_unmap(&frame_);
}

Owned<GstBuffer> new_frame(const GstVideoInfo& video) {
  Owned<GstBuffer> buffer(gst_buffer_new_allocate(nullptr, GST_VIDEO_INFO_SIZE(&video), nullptr));
  if (!buffer) throw std::runtime_error("out of memory for a video frame");
  const bool has_padding = ((video.width | video.height) & 7) != 0;
  if (has_padding) gst_buffer_memset(buffer.get(), 0, 0, GST_VIDEO_INFO_SIZE(&video));
  return buffer;
}

Owned<GstBuffer> packed_frame(Owned<GstBuffer> frame, const GstVideoInfo& video) {
  const auto* meta = gst_buffer_get_video_meta(frame.get());
  if (meta == nullptr || is_packed(*meta, video)) return frame;
  Owned<GstBuffer> packed = new_frame(video);
  {
    MappedFrame from(frame.get(), video, GST_MAP_READ), to(packed.get(), video, GST_MAP_WRITE);
    if (!from || !to) return frame;
    copy_planes(from.get(), to.get(), video);
  }
  gst_buffer_copy_into(
      packed.get(), frame.get(),
      GstBufferCopyFlags(GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS | GST_BUFFER_COPY_META),
      0, static_cast<gsize>(-1));
  if (auto* padded = gst_buffer_get_video_meta(packed.get()))
    gst_buffer_remove_meta(packed.get(), GST_META_CAST(padded));
  return packed;
}

}  // namespace lightavseg::gst
