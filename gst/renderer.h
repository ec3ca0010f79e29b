// SPDX-License-Identifier: LGPL-2.1-or-later
// From a frame and a mask to the output buffer, for every output mode.
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

#include <cstdint>
#include <memory>
#include <string>

#include "gst/mask.h"

namespace lightavseg::gst {

enum class Output { kOverlay = 0, kAlpha, kCutout, kMatte, kMetadata };

struct RenderSettings {
  Output output = Output::kOverlay;
  MaskLook look;                             // feather in pixels of the video here
  std::uint32_t overlay_color = 0xff30d158;  // ARGB; its alpha multiplies the opacity
  double overlay_opacity = 0.5;              // 0..1
};

// Caps that an output can have for input caps (fixed, not fixed, ANY or empty), without features:
//   overlay, metadata: the input's own;
//   alpha, cutout: every raw format with alpha: the input's own first if it has alpha (nothing is
//   converted then), RGBA next, those with less than 8 bit of alpha last;
//   matte: GRAY8, GRAY16_LE with colorimetry 1:4:0:0 (full range).
// Size, framerate, pixel aspect ratio, interlacing and the like are the input's; colorimetry and
// chroma-site are left open where the format changes. Only raw video in system memory counts.
// Transfer full. Thread-safe.
GstCaps* output_caps(Output output, GstCaps* input);
// The inverse: what the input may be for the given output caps. A fixed input can give a fixed
// output exactly when one function has the output for it and the other the input.
// For overlay, output_caps may have the feature of with_composition().
GstCaps* input_caps(Output output, GstCaps* output_caps);
// `caps` of raw video in system memory for buffers with a GstVideoOverlayComposition, which an
// overlay can be instead of pixels. Transfer full. Thread-safe.
GstCaps* with_composition(GstCaps* caps);

// Not thread-safe: the streaming thread's own.
class Renderer {
 public:
  Renderer();
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  // Caps of both sides, of one size and interlace mode. attach_composition: downstream takes
  // GstVideoOverlayComposition meta, so an overlay is attached instead of blended. False with a
  // reason when no output mode can turn one into the other.
  bool configure(const GstVideoInfo& input, const GstVideoInfo& output, bool attach_composition,
                 std::string* reason);

  // Takes `frame` (transfer full), gives the output buffer (transfer full) with the frame's
  // timestamps, flags and metas (those that hold for the new format). Overlay and metadata change
  // the frame's own memory only when it is writable, else copy. mask may be empty: overlay shows
  // nothing, alpha and matte are 0 (255 with invert). A mask of zeros that has a size is no empty
  // one: an inverted overlay covers all of it.
  // The coverage (and the overlay made of it) is kept while mask.serial and the settings stay; a
  // mask of serial 0 is taken as new each time. Alpha is straight; the mask replaces an alpha
  // channel of the input. Colour is bit-identical where input and output have one format and
  // colorimetry, else it is what GstVideoConverter makes of it. Cutout: colour is black where
  // alpha is 0.
  // Null with a reason when the frame cannot be mapped (shorter than its caps or its GstVideoMeta
  // say) or when configure() was not for this output mode; the frame is released then too.
  GstBuffer* render(GstBuffer* frame, const Mask& mask, const RenderSettings& settings,
                    std::string* reason);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lightavseg::gst
