// SPDX-License-Identifier: LGPL-2.1-or-later
// Video frames for tests: made, padded, read back.
#pragma once

#include <gst/video/video.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gst/owned.h"

namespace lightavseg::gst {

using BufferPtr = Owned<GstBuffer>;
using CapsPtr = Owned<GstCaps>;

inline GstVideoInfo video_info(GstVideoFormat format, int width, int height) {
  GstVideoInfo info;
  EXPECT_TRUE(gst_video_info_set_format(&info, format, static_cast<guint>(width),
                                        static_cast<guint>(height)));
  return info;
}

// Formats that hold pictures, not ENCODED and UNKNOWN.
inline std::vector<GstVideoFormat> raw_video_formats() {
  guint count = 0;
  const GstVideoFormat* formats = gst_video_formats_raw(&count);
  return {formats, formats + count};
}

inline std::string name_of(GstVideoFormat format) {
  return gst_video_format_to_string(format);
}

// The same numbers on every machine.
inline std::uint32_t hash32(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

inline BufferPtr empty_frame(const GstVideoInfo& info) {
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, info.size, nullptr));
  gst_buffer_memset(buffer.get(), 0, 0, info.size);
  return buffer;
}

inline BufferPtr convert(GstBuffer* from, const GstVideoInfo& in, const GstVideoInfo& out) {
  BufferPtr to = empty_frame(out);
  GstStructure* options =
      gst_structure_new("test", GST_VIDEO_CONVERTER_OPT_THREADS, G_TYPE_UINT, 1u,
                        GST_VIDEO_CONVERTER_OPT_DITHER_METHOD, GST_TYPE_VIDEO_DITHER_METHOD,
                        GST_VIDEO_DITHER_NONE, nullptr);
  GstVideoConverter* converter = gst_video_converter_new(&in, &out, options);
  EXPECT_NE(converter, nullptr) << GST_VIDEO_INFO_NAME(&in) << " " << GST_VIDEO_INFO_NAME(&out);
  if (converter == nullptr) return to;
  GstVideoFrame a, b;
  EXPECT_TRUE(gst_video_frame_map(&a, &in, from, GST_MAP_READ));
  EXPECT_TRUE(gst_video_frame_map(&b, &out, to.get(), GST_MAP_READWRITE));
  gst_video_converter_frame(converter, &a, &b);
  gst_video_frame_unmap(&a);
  gst_video_frame_unmap(&b);
  gst_video_converter_free(converter);
  return to;
}

// A frame of one colour, 0xRRGGBB, opaque.
inline BufferPtr colour_frame(const GstVideoInfo& info, std::uint32_t rgb) {
  const GstVideoInfo wide = video_info(GST_VIDEO_FORMAT_ARGB64, info.width, info.height);
  BufferPtr source = empty_frame(wide);
  GstMapInfo map;
  gst_buffer_map(source.get(), &map, GST_MAP_WRITE);
  auto* words = reinterpret_cast<std::uint16_t*>(map.data);
  for (gsize i = 0; i < map.size / 8; ++i) {
    words[i * 4] = 0xffff;
    for (gsize c = 0; c < 3; ++c)
      words[i * 4 + 1 + c] = static_cast<std::uint16_t>(((rgb >> (16 - 8 * c)) & 255) * 257);
  }
  gst_buffer_unmap(source.get(), &map);
  return convert(source.get(), wide, info);
}

// A frame of smooth colours with noise, alpha included.
inline BufferPtr busy_frame(const GstVideoInfo& info) {
  const GstVideoInfo wide = video_info(GST_VIDEO_FORMAT_ARGB64, info.width, info.height);
  BufferPtr source = empty_frame(wide);
  GstMapInfo map;
  gst_buffer_map(source.get(), &map, GST_MAP_WRITE);
  auto* words = reinterpret_cast<std::uint16_t*>(map.data);
  for (gsize i = 0; i < map.size / 2; ++i) {
    const auto noise = hash32(static_cast<std::uint32_t>(i)) & 0x1fff;
    words[i] = static_cast<std::uint16_t>(0x3000 + (i * 7919) % 0x8000 + noise);
  }
  gst_buffer_unmap(source.get(), &map);
  return convert(source.get(), wide, info);
}

// The same picture with other strides and offsets, told by a GstVideoMeta. Not for tiles.
// (gst_video_frame_copy() would leave out the last chroma sample of odd YUY2 rows.)
inline BufferPtr padded(GstBuffer* frame, const GstVideoInfo& info, int row_padding = 24,
                        int front = 40) {
  gsize offset[GST_VIDEO_MAX_PLANES] = {}, size = static_cast<gsize>(front);
  gint stride[GST_VIDEO_MAX_PLANES] = {};
  const guint planes = info.finfo->n_planes;
  for (guint p = 0; p < planes; ++p) {
    offset[p] = size;
    stride[p] = info.stride[p] + row_padding;
    const gsize end = p + 1 < planes ? info.offset[p + 1] : info.size;
    size += (end - info.offset[p]) / static_cast<gsize>(info.stride[p]) *
                static_cast<gsize>(stride[p]) +
            16;
  }
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, size, nullptr));
  gst_buffer_memset(buffer.get(), 0, 0xa5, size);
  gst_buffer_add_video_meta_full(buffer.get(), GST_VIDEO_FRAME_FLAG_NONE, info.finfo->format,
                                 static_cast<guint>(info.width), static_cast<guint>(info.height),
                                 planes, offset, stride);
  std::vector<std::uint8_t> bytes(info.size);
  gst_buffer_extract(frame, 0, bytes.data(), bytes.size());
  for (guint p = 0; p < planes; ++p) {
    const gsize end = p + 1 < planes ? info.offset[p + 1] : info.size;
    const auto row = static_cast<gsize>(info.stride[p]);
    gsize to = offset[p];
    for (gsize from = info.offset[p]; from + row <= end; from += row) {
      gst_buffer_fill(buffer.get(), to, &bytes[from], row);
      to += static_cast<gsize>(stride[p]);
    }
  }
  return buffer;
}

// Pixels in the format's own unpacked layout (alpha and three colours, 16 bit each; 8 bit layouts
// are shifted up), not converted in any way.
inline std::vector<std::uint16_t> unpacked(GstBuffer* buffer, const GstVideoInfo& info) {
  std::vector<std::uint16_t> pixels;
  GstVideoFrame frame;
  EXPECT_TRUE(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
  const GstVideoFormatInfo* layout = gst_video_format_get_info(info.finfo->unpack_format);
  const bool wide = GST_VIDEO_FORMAT_INFO_DEPTH(layout, 0) == 16;
  const auto count = static_cast<std::size_t>(info.width) * 4;
  std::vector<std::uint16_t> words(count);
  std::vector<std::uint8_t> bytes(count);
  for (int y = 0; y < info.height; ++y) {
    void* line = wide ? static_cast<void*>(words.data()) : bytes.data();
    info.finfo->unpack_func(info.finfo, GST_VIDEO_PACK_FLAG_NONE, line, frame.data,
                            frame.info.stride, 0, y, info.width);
    for (std::size_t i = 0; i < count; ++i)
      pixels.push_back(wide ? words[i] : static_cast<std::uint16_t>(bytes[i] << 8));
  }
  gst_video_frame_unmap(&frame);
  return pixels;
}

inline std::vector<std::uint8_t> bytes_of(GstBuffer* buffer) {
  std::vector<std::uint8_t> bytes(gst_buffer_get_size(buffer));
  gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
  return bytes;
}

}  // namespace lightavseg::gst
