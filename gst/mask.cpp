// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/mask.h"

#include <gst/video/video.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace lightavseg::gst {
namespace {

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

// The probabilities as a picture; null when it would have no pixels. (transfer full)
GstSample* make_sample(const Mask& mask) {
  if (mask.height <= 0 || mask.width <= 0) return nullptr;
  GstVideoInfo info;
  gst_video_info_init(&info);
  if (!gst_video_info_set_format(&info, GST_VIDEO_FORMAT_GRAY8, guint(mask.width),
                                 guint(mask.height)))
    return nullptr;
  info.fps_n = 0;
  info.fps_d = 1;
  std::vector<std::uint8_t> bytes;
  MaskLook as_it_is;
  as_it_is.threshold = 0;
  apply_look(mask.probability, mask.height, mask.width, as_it_is, bytes);

  // Rows are padded as every reader of the caps expects; the padding is zero as well.
  auto* memory = static_cast<guint8*>(g_malloc0(GST_VIDEO_INFO_SIZE(&info)));
  const auto stride = std::size_t(GST_VIDEO_INFO_PLANE_STRIDE(&info, 0));
  const auto width = std::size_t(mask.width);
  for (std::size_t y = 0; y < std::size_t(mask.height); ++y)
    std::copy_n(bytes.begin() + std::ptrdiff_t(y * width), width, memory + y * stride);
  GstBuffer* buffer = gst_buffer_new_wrapped(memory, GST_VIDEO_INFO_SIZE(&info));
  GST_BUFFER_PTS(buffer) = mask.pts;
  GstCaps* caps = gst_video_info_to_caps(&info);
  // Without it readers take 16..235 for the range of a grey picture.
  gst_caps_set_simple(caps, "colorimetry", G_TYPE_STRING, kMatteColorimetry, nullptr);
  GstSample* sample = gst_sample_new(buffer, caps, nullptr, nullptr);
  gst_caps_unref(caps);
  gst_buffer_unref(buffer);
  return sample;
}

}  // namespace

MaskPtr empty_mask(int height, int width, GstClockTime pts, GstClockTime running_time,
                   std::shared_ptr<const ModelDescription> model) {
  auto mask = std::make_unique<Mask>();
  mask->height = std::max(height, 0);
  mask->width = std::max(width, 0);
  mask->pts = pts;
  mask->running_time = running_time;
  mask->probability.assign(std::size_t(mask->height) * std::size_t(mask->width), 0.0f);
  mask->model = std::move(model);
  return finish_mask(std::move(mask), {}, 0);
}

MaskPtr finish_mask(std::unique_ptr<Mask> mask, const std::vector<std::uint8_t>& labels,
                    double threshold) {
  mask->summary = summarise(mask->probability, labels, mask->height, mask->width, threshold);
  if (mask->sample) gst_sample_unref(mask->sample);
  mask->sample = make_sample(*mask);
  mask->serial = next_serial();
  return MaskPtr(std::move(mask));
}

}  // namespace lightavseg::gst
