// SPDX-License-Identifier: LGPL-2.1-or-later
// Caps as they may come from anywhere: mostly possible ones, some that make no sense.
#pragma once

#include <gst/audio/audio.h>
#include <gst/video/video.h>

#include "gst/owned.h"
#include "tests/reliability/draw.h"

namespace lightavseg::test {

struct VideoCaps {
  gst::Owned<GstCaps> caps;
  GstVideoInfo info{};  // without a format where the caps have none
};

// Sizes from 1x1 to 8192x8192, every raw format, frame rates from 0/1 to 1000/1 and beyond. One in
// twenty is not raw video in system memory, or lacks a field.
VideoCaps random_video_caps(Draw& draw);

struct AudioCaps {
  gst::Owned<GstCaps> caps;
  GstAudioInfo info{};
};

// Every raw format and layout, rates from 1 Hz to 384 kHz, 1 to 64 channels with and without
// positions.
AudioCaps random_audio_caps(Draw& draw);

}  // namespace lightavseg::test
