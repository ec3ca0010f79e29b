// SPDX-License-Identifier: LGPL-2.1-or-later
// The elements of the plugin, for its entry and for programs that carry them inside.
#pragma once

#include <gst/gst.h>

namespace lightavseg::gst {

// Registers lightavseg, lightavsegmask, lightavsegaudio and the mask metadata. plugin: null in a
// program, where the elements are then there without any plugin file being found. The network is
// not set by this, see set_segmenter_factory() in gst/lightavseg.h.
bool register_elements(GstPlugin* plugin);

}  // namespace lightavseg::gst
