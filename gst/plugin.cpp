// SPDX-License-Identifier: LGPL-2.1-or-later
// The plugin's entry: the elements, and the network behind them.
#include <gst/gst.h>

#include "gst/elements.h"
#include "gst/lightavseg.h"
#include "gst/plugin_config.h"
#include "model/inference/segmenter.h"

static gboolean plugin_init(GstPlugin* plugin) {
  lightavseg::gst::set_segmenter_factory(lightavseg::open_segmenter);
  return lightavseg::gst::register_elements(plugin);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, lightavseg,
                  "Segmentation of what sounds, by the LightAVSeg network", plugin_init, VERSION,
                  "LGPL", PACKAGE, GST_PACKAGE_ORIGIN)
