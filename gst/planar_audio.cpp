// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/planar_audio.h"

#include <cstring>

namespace lightavseg::gst {

GstAudioInfo interleaved_format(const GstAudioInfo& planar) {
  GstAudioInfo info = planar;
  info.layout = GST_AUDIO_LAYOUT_INTERLEAVED;
  return info;
}

bool interleave(GstBuffer* buffer, const GstAudioInfo& planar, std::vector<guint8>* frames) {
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) return false;
  const auto channels = static_cast<gsize>(planar.channels);
  const auto bytes = static_cast<gsize>(planar.bpf) / channels;  // of one sample
  const GstAudioMeta* meta = gst_buffer_get_audio_meta(buffer);
  const bool described =
      meta != nullptr && meta->offsets != nullptr && meta->info.channels == planar.channels;
  const gsize count = described ? meta->samples : map.size / (bytes * channels);
  bool fits = count <= map.size / bytes;
  frames->resize(fits ? count * bytes * channels : 0);
  for (gsize c = 0; fits && c < channels; ++c) {
    const gsize offset = described ? meta->offsets[c] : c * count * bytes;
    if (offset > map.size || count * bytes > map.size - offset) {
      fits = false;
      break;
    }
    const guint8* from = map.data + offset;
    guint8* to = frames->data() + c * bytes;
    for (gsize i = 0; i < count; ++i, from += bytes, to += bytes * channels) {
      std::memcpy(to, from, bytes);
    }
  }
  gst_buffer_unmap(buffer, &map);
  return fits;
}

}  // namespace lightavseg::gst
