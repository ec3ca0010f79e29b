// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/elements.h"

#include "gst/lightavseg.h"
#include "gst/lightavsegaudio.h"
#include "gst/lightavsegmask.h"
#include "gst/mask_meta.h"

namespace lightavseg::gst {

bool register_elements(GstPlugin* plugin) {
  register_mask_meta();
  return gst_element_register(plugin, "lightavseg", GST_RANK_NONE, gst_lightavseg_get_type()) &&
         gst_element_register(plugin, "lightavsegmask", GST_RANK_NONE,
                              gst_lightavseg_mask_get_type()) &&
         gst_element_register(plugin, "lightavsegaudio", GST_RANK_NONE,
                              gst_lightavseg_audio_get_type());
}

}  // namespace lightavseg::gst
