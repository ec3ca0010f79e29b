// SPDX-License-Identifier: LGPL-2.1-or-later
// Audio whose channels lie one after the other (layout=non-interleaved), as AAC decoders of FFmpeg
// give it.
#pragma once

#include <gst/audio/audio.h>

#include <vector>

namespace lightavseg::gst {

// The format of the same samples channel by channel for each frame.
GstAudioInfo interleaved_format(const GstAudioInfo& planar);

// Writes the frames of a buffer of that format one after the other. The planes are where the
// buffer's GstAudioMeta says, or without one, in equal parts of the buffer. False when the buffer
// cannot be read, or its meta tells of more than it holds. Thread-safe.
bool interleave(GstBuffer* buffer, const GstAudioInfo& planar, std::vector<guint8>* frames);

}  // namespace lightavseg::gst
