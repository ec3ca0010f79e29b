// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/reliability/random_buffers.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>

namespace lightavseg::test {
namespace {

// Filling a picture of a hundred megabytes would take longer than everything else.
constexpr gsize kMostFilled = 4 << 20;

GstBuffer* filled(Draw& draw, gsize size) {
  GstBuffer* buffer = gst_buffer_new_allocate(nullptr, size, nullptr);
  if (size <= kMostFilled) gst_buffer_memset(buffer, 0, static_cast<guint8>(draw.bits()), size);
  return buffer;
}

// The same bytes in two memories.
GstBuffer* split(Draw& draw, GstBuffer* whole) {
  const gsize size = gst_buffer_get_size(whole);
  if (size < 2) return whole;
  const gsize first = 1 + draw.bits() % (size - 1);
  GstBuffer* parts = gst_buffer_copy_region(whole, GST_BUFFER_COPY_MEMORY, 0, first);
  gst_buffer_copy_into(parts, whole, GST_BUFFER_COPY_MEMORY, first, size - first);
  gst_buffer_unref(whole);
  return parts;
}

GstBuffer* padded_frame(Draw& draw, const GstVideoInfo& video) {
  GstVideoInfo padded = video;
  GstVideoAlignment alignment;
  gst_video_alignment_reset(&alignment);
  alignment.padding_left = draw.below(9);
  alignment.padding_right = draw.below(33);
  alignment.padding_top = draw.below(3);
  alignment.padding_bottom = draw.below(9);
  if (!gst_video_info_align(&padded, &alignment)) return filled(draw, video.size);
  GstBuffer* frame = filled(draw, padded.size);
  gst_buffer_add_video_meta_full(frame, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&video),
                                 guint(video.width), guint(video.height),
                                 GST_VIDEO_INFO_N_PLANES(&video), padded.offset, padded.stride);
  return frame;
}

// The meta tells of another place, stride, size or format than the picture has.
GstBuffer* lying_frame(Draw& draw, const GstVideoInfo& video) {
  GstBuffer* frame = filled(draw, video.size);
  GstVideoMeta* meta =
      gst_buffer_add_video_meta(frame, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&video),
                                guint(video.width), guint(video.height));
  if (!meta) return frame;
  const guint plane = draw.below(std::max(meta->n_planes, 1u));
  switch (draw.below(5)) {
    case 0:
      meta->offset[plane] = draw.percent(50) ? draw.bits() : video.size - 1;
      break;
    case 1:
      meta->stride[plane] = draw.percent(50) ? -meta->stride[plane] : draw.between(0, G_MAXINT - 1);
      break;
    case 2:
      meta->width = draw.percent(50) ? 1 : guint(draw.bits());
      break;
    case 3:
      meta->format = GST_VIDEO_FORMAT_AYUV;
      break;
    default:
      meta->n_planes = draw.below(5);
  }
  return frame;
}

template <typename Sample>
void strange_samples(Draw& draw, GstBuffer* buffer) {
  using Limits = std::numeric_limits<Sample>;
  const std::array<Sample, 7> strange = {
      Limits::quiet_NaN(), Limits::infinity(),   -Limits::infinity(), Limits::max(),
      Limits::lowest(),    Limits::denorm_min(), Sample(1e30)};
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_WRITE)) return;
  const bool all = draw.percent(50);
  for (gsize at = 0; at + sizeof(Sample) <= map.size; at += sizeof(Sample)) {
    if (!all && draw.percent(95)) continue;
    const Sample sample = draw.of(strange);
    std::memcpy(map.data + at, &sample, sizeof sample);
  }
  gst_buffer_unmap(buffer, &map);
}

void noise(Draw& draw, GstBuffer* buffer) {
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_WRITE)) return;
  std::generate(map.data, map.data + map.size,
                [&draw] { return static_cast<guint8>(draw.bits()); });
  gst_buffer_unmap(buffer, &map);
}

}  // namespace

GstBuffer* random_frame(Draw& draw, const GstVideoInfo& video) {
  if (!video.finfo || video.size == 0 || GST_VIDEO_INFO_FORMAT(&video) <= GST_VIDEO_FORMAT_ENCODED)
    return filled(draw, draw.below(10000));
  const unsigned kind = draw.below(100);
  if (kind < 2) return filled(draw, draw.bits() % video.size);
  if (kind < 4) return filled(draw, video.size + draw.below(5000));
  if (kind < 6) return lying_frame(draw, video);
  if (kind < 25) return padded_frame(draw, video);
  GstBuffer* frame = filled(draw, video.size);
  return kind < 35 ? split(draw, frame) : frame;
}

GstBuffer* random_sound(Draw& draw, const GstAudioInfo& audio) {
  if (audio.bpf <= 0) return filled(draw, draw.below(5000));
  static constexpr std::array<int, 5> kPerSecond = {100, 100, 50, 10, 1};
  const gsize frames = std::clamp<gsize>(gsize(audio.rate / draw.of(kPerSecond)), 1, 100000);
  gsize size = frames * gsize(audio.bpf);
  if (draw.percent(5)) size = draw.bits() % (size + 1);
  GstBuffer* buffer = filled(draw, size);
  const bool is_float = GST_AUDIO_FORMAT_INFO_IS_FLOAT(audio.finfo);
  if (is_float && draw.percent(60)) {
    if (GST_AUDIO_FORMAT_INFO_WIDTH(audio.finfo) == 64)
      strange_samples<double>(draw, buffer);
    else
      strange_samples<float>(draw, buffer);
  } else if (draw.percent(20) && size < 10000) {
    noise(draw, buffer);
  }
  return draw.percent(5) ? split(draw, buffer) : buffer;
}

}  // namespace lightavseg::test
