// SPDX-License-Identifier: LGPL-2.1-or-later
// The negotiating part of Stream.
#include "gst/debug.h"
#include "gst/stream.h"

namespace lightavseg::gst {
namespace {

struct CapsText {
  explicit CapsText(GstCaps* caps) : text(caps ? gst_caps_to_string(caps) : g_strdup("none")) {}
  ~CapsText() { g_free(text); }
  char* text;
};

// Whether downstream draws overlays itself: it must both accept the caps feature and ask for the
// meta, since anything without caps of its own (a fakesink, an appsink) accepts the former. What
// takes nothing without the feature is taken at its word.
bool takes_composition(GstPad* src, GstCaps* downstream, GstCaps* with, GstCaps* without) {
  if (!gst_caps_can_intersect(downstream, with)) return false;
  if (!gst_caps_can_intersect(downstream, without)) return true;
  GstQuery* query = gst_query_new_allocation(with, FALSE);
  const bool takes =
      gst_pad_peer_query(src, query) &&
      gst_query_find_allocation_meta(query, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, nullptr);
  gst_query_unref(query);
  return takes;
}

}  // namespace

GstFlowReturn Stream::set_video_caps(GstCaps* caps, const Settings& settings) {
  GstVideoInfo info;
  if (!gst_video_info_from_caps(&info, caps)) {
    const CapsText text(caps);
    GST_ELEMENT_ERROR(element_, CORE, NEGOTIATION, ("The video format is not understood."),
                      ("video_sink: caps %s", text.text));
    return GST_FLOW_NOT_NEGOTIATED;
  }
  const auto flow = drain(settings);
  gst_caps_replace(&video_caps_, caps);
  video_info_ = info;
  gst_pad_mark_reconfigure(GST_AGGREGATOR_SRC_PAD(element_));
  GST_INFO_OBJECT(element_, "video %" GST_PTR_FORMAT, static_cast<void*>(caps));
  return flow;
}

GstFlowReturn Stream::set_video_segment(const GstSegment* segment, const Settings& settings) {
  const auto flow = drain(settings);
  // Frames of another one are refused as they come.
  if (segment->format == GST_FORMAT_TIME) gst_aggregator_update_segment(element_, segment);
  restart_ = true;
  return flow;
}

bool Stream::set_audio_caps(GstCaps* caps) {
  GstAudioInfo info;
  std::string reason = "caps are not understood";
  if (gst_audio_info_from_caps(&info, caps) && audio_->set_format(info, &reason)) {
    audio_info_ = info;
    GST_INFO_OBJECT(element_, "audio %" GST_PTR_FORMAT, static_cast<void*>(caps));
    return true;
  }
  const CapsText text(caps);
  GST_ELEMENT_ERROR(element_, CORE, NEGOTIATION, ("The audio format is not understood."),
                    ("audio_sink: %s: caps %s", reason.c_str(), text.text));
  return false;
}

// The first of `caps` (transfer full). Where nobody says what its colours are, they would become
// the usual ones of the new format; of YUV they are those that the input has, and stay untouched.
GstCaps* Stream::with_colours_of_input(GstCaps* caps) {
  GstVideoInfo chosen;
  caps = gst_caps_fixate(caps);
  if (!gst_video_info_from_caps(&chosen, caps) || !GST_VIDEO_INFO_IS_YUV(&chosen) ||
      !GST_VIDEO_INFO_IS_YUV(&video_info_))
    return caps;
  GstCaps* kept = gst_caps_copy(caps);
  GstStructure* structure = gst_caps_get_structure(kept, 0);
  if (!gst_structure_has_field(structure, "colorimetry"))
    if (gchar* colours = gst_video_colorimetry_to_string(&video_info_.colorimetry)) {
      gst_structure_set(structure, "colorimetry", G_TYPE_STRING, colours, nullptr);
      g_free(colours);
    }
  const auto *from = video_info_.finfo, *to = chosen.finfo;
  const bool same_sites = from->w_sub[1] == to->w_sub[1] && from->h_sub[1] == to->h_sub[1];
  if (same_sites && !gst_structure_has_field(structure, "chroma-site"))
    if (gchar* site = gst_video_chroma_site_to_string(video_info_.chroma_site)) {
      gst_structure_set(structure, "chroma-site", G_TYPE_STRING, site, nullptr);
      g_free(site);
    }
  if (!gst_pad_peer_query_accept_caps(GST_AGGREGATOR_SRC_PAD(element_), kept))
    std::swap(kept, caps);
  gst_caps_unref(caps);
  return kept;
}

GstFlowReturn Stream::update_src_caps(const Settings& settings, GstCaps* downstream,
                                      GstCaps** result) {
  if (!video_caps_) return GST_AGGREGATOR_FLOW_NEED_DATA;
  const auto output = settings.render.output;
  GstCaps* own = output_caps(output, video_caps_);
  attach_composition_ = false;
  negotiated_output_ = output;
  if (output == Output::kOverlay) {
    GstCaps* with = with_composition(own);
    if (takes_composition(GST_AGGREGATOR_SRC_PAD(element_), downstream, with, own)) {
      attach_composition_ = true;
      gst_caps_unref(own);
      *result = with;
      return GST_FLOW_OK;
    }
    gst_caps_unref(with);
  }
  *result = gst_caps_intersect_full(own, downstream, GST_CAPS_INTERSECT_FIRST);
  // What wants another format from now on may still accept the one that is on its way.
  if (gst_caps_is_empty(*result) && gst_caps_is_fixed(own) &&
      gst_pad_peer_query_accept_caps(GST_AGGREGATOR_SRC_PAD(element_), own))
    gst_caps_replace(result, own);
  if (gst_caps_is_empty(*result)) {
    const CapsText ours(own), theirs(downstream), input(video_caps_);
    GST_ELEMENT_ERROR(
        element_, CORE, NEGOTIATION,
        ("What follows does not take what output=%s gives.", to_string(output)),
        ("src can be: %s; downstream takes: %s; video_sink: %s. A videoconvert behind "
         "this element, or another value of output, solves it",
         ours.text, theirs.text, input.text));
    gst_clear_caps(result);
    gst_caps_unref(own);
    return GST_FLOW_NOT_NEGOTIATED;
  }
  gst_caps_unref(own);
  if (output == Output::kAlpha || output == Output::kCutout)
    *result = with_colours_of_input(*result);
  return GST_FLOW_OK;
}

void Stream::allocation_decided(GstQuery* query) {
  takes_video_meta_ = gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
}

bool Stream::negotiated(GstCaps* caps) {
  std::string reason = "caps are not understood";
  GstVideoInfo info;
  if (gst_video_info_from_caps(&info, caps) &&
      renderer_.configure(video_info_, info, attach_composition_, &reason)) {
    output_info_ = info;
    GST_INFO_OBJECT(element_, "output %" GST_PTR_FORMAT "%s", static_cast<void*>(caps),
                    attach_composition_ ? ", overlay as composition meta" : "");
    return true;
  }
  const CapsText ours(caps), input(video_caps_);
  GST_ELEMENT_ERROR(element_, CORE, NEGOTIATION, ("This output cannot be made from this video."),
                    ("%s: video_sink: %s; src: %s", reason.c_str(), input.text, ours.text));
  return false;
}

}  // namespace lightavseg::gst
