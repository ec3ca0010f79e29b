// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/renderer.h"

#include <fmt/format.h>

#include <exception>
#include <memory>

#include "gst/coverage.h"
#include "gst/owned.h"
#include "gst/renderer_alpha.h"
#include "gst/renderer_matte.h"
#include "gst/renderer_overlay.h"

namespace lightavseg::gst {
namespace {

bool is_raw(const GstVideoInfo& video) {
  return video.finfo != nullptr && video.finfo->unpack_func != nullptr && video.width > 0 &&
         video.height > 0;
}

std::string video_text(const GstVideoInfo& video) {
  if (video.finfo == nullptr) return "no video";
  return fmt::format("{} {}x{}", GST_VIDEO_INFO_NAME(&video), video.width, video.height);
}

}  // namespace

struct Renderer::State {
  GstVideoInfo input{}, output{};
  bool configured = false;
  bool same_format = false;  // overlay, metadata
  bool to_alpha = false, to_matte = false;
  Coverage coverage;
  OverlayRenderer overlay;
  AlphaRenderer alpha;

  bool configure(const GstVideoInfo& in, const GstVideoInfo& out, bool attach, std::string* reason);
  bool can_make(Output mode) const;
  GstBuffer* render(GstBuffer* frame, const Mask& mask, const RenderSettings& settings,
                    std::string* reason);
};

bool Renderer::State::configure(const GstVideoInfo& in, const GstVideoInfo& out, bool attach,
                                std::string* reason) {
  configured = false;
  if (!is_raw(in) || !is_raw(out)) {
    *reason = fmt::format("frames of {} into {}: only raw video can be rendered", video_text(in),
                          video_text(out));
    return false;
  }
  if (in.interlace_mode == GST_VIDEO_INTERLACE_MODE_ALTERNATE) {
    *reason = "interlace-mode=alternate (one field a buffer) cannot be rendered; interleave first";
    return false;
  }
  if (in.width != out.width || in.height != out.height || in.interlace_mode != out.interlace_mode) {
    *reason = fmt::format(
        "the output has to be of the input's size and interlace mode, but is {} "
        "({}) for {} ({})",
        video_text(out), gst_video_interlace_mode_to_string(out.interlace_mode), video_text(in),
        gst_video_interlace_mode_to_string(in.interlace_mode));
    return false;
  }
  input = in;
  output = out;
  same_format = in.finfo == out.finfo;
  to_matte = is_matte_format(GST_VIDEO_INFO_FORMAT(&out));
  std::string no_alpha;
  to_alpha = alpha.configure(in, out, &no_alpha);
  if (!same_format && !to_matte && !to_alpha) {
    *reason = no_alpha;
    return false;
  }
  overlay.configure(in, attach);
  configured = true;
  return true;
}

bool Renderer::State::can_make(Output mode) const {
  switch (mode) {
    case Output::kOverlay:
    case Output::kMetadata:
      return same_format;
    case Output::kAlpha:
    case Output::kCutout:
      return to_alpha;
    case Output::kMatte:
      return to_matte;
  }
  return false;
}

// Takes `frame` in any case.
GstBuffer* Renderer::State::render(GstBuffer* frame, const Mask& mask,
                                   const RenderSettings& settings, std::string* reason) {
  Owned<GstBuffer> owned(frame);
  if (!configured || !can_make(settings.output)) {
    *reason = fmt::format(
        "output mode {} cannot turn {} into {}; the caps have to be negotiated "
        "for it first",
        static_cast<int>(settings.output), video_text(input), video_text(output));
    return nullptr;
  }
  if (settings.output == Output::kMetadata) return owned.release();
  // Without pixels there is nothing to tint, inverted or not.
  if (settings.output == Output::kOverlay && (mask.width <= 0 || mask.height <= 0))
    return owned.release();
  coverage.update(mask, settings.look, input.width);
  switch (settings.output) {
    case Output::kOverlay:
      return overlay.render(owned.release(), coverage, settings.overlay_color,
                            settings.overlay_opacity, reason);
    case Output::kMatte:
      return matte_of(frame, output, coverage);
    default:
      return alpha.render(frame, coverage, settings.output == Output::kCutout, reason);
  }
}

Renderer::Renderer() : state_(std::make_unique<State>()) {
}
Renderer::~Renderer() = default;

bool Renderer::configure(const GstVideoInfo& input, const GstVideoInfo& output,
                         bool attach_composition, std::string* reason) {
  return state_->configure(input, output, attach_composition, reason);
}

GstBuffer* Renderer::render(GstBuffer* frame, const Mask& mask, const RenderSettings& settings,
                            std::string* reason) {
  try {
    return state_->render(frame, mask, settings, reason);
  } catch (const std::exception& error) {  // out of memory, OpenCV
    *reason = fmt::format("cannot render a frame: {}", error.what());
    return nullptr;
  }
}

}  // namespace lightavseg::gst
