// SPDX-License-Identifier: LGPL-2.1-or-later
// The properties of lightavseg: what the user wants, apart from what the stream is.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gst/renderer.h"

namespace lightavseg::gst {

// A plain copy is made for every frame, so a frame sees one state of all of them.
struct Settings {
  Settings() { render.look.feather = 2; }

  std::string model;                            // path; empty: the model that ships
  std::string labels;                           // path; empty: the names of the model
  RenderSettings render;                        // look.feather in pixels of the video
  double smoothing = 0.5;                       // 0..1
  std::string classes;                          // comma-separated names; empty: all
  std::uint32_t inference_interval = 1;         // frames
  std::uint64_t max_mask_age = 1 * GST_SECOND;  // ns
  std::int64_t audio_offset = 0;                // ns
  std::string audio_probe;                      // element name; empty: audio_sink
  std::uint32_t threads = 0;                    // 0: all cores
  std::string precision = "auto";
  std::uint32_t input_size = 0;  // pixels; 0: the model's
  std::string engine = "auto";

  std::vector<std::string> selected_classes() const;  // `classes` cut at its commas
};

enum SettingId {
  kSettingNone = 0,
  kSettingModel,
  kSettingLabels,
  kSettingOutput,
  kSettingThreshold,
  kSettingFeather,
  kSettingInvert,
  kSettingSmoothing,
  kSettingOverlayColor,
  kSettingOverlayOpacity,
  kSettingClasses,
  kSettingInferenceInterval,
  kSettingMaxMaskAge,
  kSettingAudioOffset,
  kSettingAudioProbe,
  kSettingThreads,
  kSettingPrecision,
  kSettingInputSize,
  kSettingEngine,
  kSettingStats,  // read-only; the element answers it
};

// The name that users know it by: "overlay", "alpha", ...
const char* to_string(Output output);

void install_settings(GObjectClass* klass);

// False for an id that is none of the settings. The caller holds the object lock.
bool set_setting(Settings& settings, guint id, const GValue* value);
bool get_setting(const Settings& settings, guint id, GValue* value);

}  // namespace lightavseg::gst

// GType of the enumeration behind `output`.
GType gst_lightavseg_output_get_type();
