// SPDX-License-Identifier: LGPL-2.1-or-later
// Buffers that mostly hold what their caps say.
#pragma once

#include <gst/audio/audio.h>
#include <gst/video/video.h>

#include "tests/reliability/draw.h"

namespace lightavseg::test {

// A frame: with padded rows told by a GstVideoMeta, in several memories, too short, or with a meta
// that lies. A few bytes where the format is not known. Transfer full.
GstBuffer* random_frame(Draw& draw, const GstVideoInfo& video);

// Up to a second of noise, silence, or (in floating point) of samples that are infinite, huge, or
// not a number; some end within a sample. Transfer full.
GstBuffer* random_sound(Draw& draw, const GstAudioInfo& audio);

}  // namespace lightavseg::test
