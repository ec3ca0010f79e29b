// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/planar_audio.h"

#include <gtest/gtest.h>

#include <cstring>

namespace lightavseg::gst {
namespace {

GstAudioInfo planar_format(int channels) {
  GstAudioInfo info;
  gst_audio_info_init(&info);
  gst_audio_info_set_format(&info, GST_AUDIO_FORMAT_S16, 16000, channels, nullptr);
  info.layout = GST_AUDIO_LAYOUT_NON_INTERLEAVED;
  return info;
}

// Plane after plane of three frames of two channels: left 1, 2, 3, right 11, 12, 13.
GstBuffer* planes(std::vector<gint16> values = {1, 2, 3, 11, 12, 13}) {
  return gst_buffer_new_memdup(values.data(), values.size() * sizeof(gint16));
}

std::vector<gint16> interleaved(GstBuffer* buffer, const GstAudioInfo& info, bool* good) {
  std::vector<guint8> bytes;
  *good = interleave(buffer, info, &bytes);
  std::vector<gint16> values(bytes.size() / sizeof(gint16));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  gst_buffer_unref(buffer);
  return values;
}

TEST(PlanarAudio, FormatDiffersInTheLayoutOnly) {
  const auto planar = planar_format(2);
  const auto info = interleaved_format(planar);
  EXPECT_EQ(info.layout, GST_AUDIO_LAYOUT_INTERLEAVED);
  EXPECT_EQ(info.bpf, planar.bpf);
  EXPECT_EQ(info.rate, planar.rate);
}

TEST(PlanarAudio, TakesEqualPartsWithoutMeta) {
  bool good = false;
  EXPECT_EQ(interleaved(planes(), planar_format(2), &good),
            (std::vector<gint16>{1, 11, 2, 12, 3, 13}));
  EXPECT_TRUE(good);
  EXPECT_EQ(interleaved(planes(), planar_format(1), &good),
            (std::vector<gint16>{1, 2, 3, 11, 12, 13}));
  // A tail that is no whole frame is left out.
  EXPECT_EQ(interleaved(planes({1, 2, 11, 12, 7}), planar_format(2), &good),
            (std::vector<gint16>{1, 11, 2, 12}));
}

TEST(PlanarAudio, FindsPlanesWhereTheMetaSays) {
  const auto info = planar_format(2);
  GstBuffer* buffer = planes({0, 1, 2, 3, 0, 11, 12, 13, 0});
  gsize offsets[] = {10, 2};  // the right channel lies first
  gst_buffer_add_audio_meta(buffer, &info, 3, offsets);
  bool good = false;
  EXPECT_EQ(interleaved(buffer, info, &good), (std::vector<gint16>{11, 1, 12, 2, 13, 3}));
  EXPECT_TRUE(good);
}

TEST(PlanarAudio, RefusesAMetaThatTellsOfMoreThanThereIs) {
  const auto info = planar_format(2);
  for (const gsize offset : {gsize{8}, gsize{1000}, G_MAXSIZE - 1}) {
    GstBuffer* buffer = planes();
    GstAudioMeta* meta = gst_buffer_add_audio_meta(buffer, &info, 3, nullptr);
    ASSERT_NE(meta, nullptr);
    meta->offsets[1] = offset;
    bool good = true;
    interleaved(buffer, info, &good);
    EXPECT_FALSE(good) << offset;
  }
  GstBuffer* buffer = planes();
  GstAudioMeta* meta = gst_buffer_add_audio_meta(buffer, &info, 3, nullptr);
  meta->samples = G_MAXSIZE / 2;
  bool good = true;
  EXPECT_TRUE(interleaved(buffer, info, &good).empty());
  EXPECT_FALSE(good);
}

}  // namespace
}  // namespace lightavseg::gst
