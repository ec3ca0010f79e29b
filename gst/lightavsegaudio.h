// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavsegaudio: passes audio on unchanged and lets a lightavseg of the same pipeline hear it.
#pragma once

#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>

G_BEGIN_DECLS

// Element, Filter/Effect/Audio: raw audio of any format and layout, in place, no latency. Its name
// is what the property audio-probe of lightavseg asks for; gst/audio_probe.h joins the two.
//
// Sound is placed by running time. At a playback rate other than 1 its samples take another time
// than their time stamps say, so that it is cut and placed anew every 40 ms; backwards nothing is
// heard.
G_DECLARE_FINAL_TYPE(GstLightAVSegAudio, gst_lightavseg_audio, GST, LIGHTAVSEG_AUDIO,
                     GstBaseTransform)

G_END_DECLS
