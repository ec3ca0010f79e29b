// SPDX-License-Identifier: LGPL-2.1-or-later
// What comes before the first buffer of a pad that belongs to no element.
#pragma once

#include <gst/gst.h>

namespace lightavseg::gst::test {

// Pushes STREAM_START, CAPS and a SEGMENT in time from 0. seqnum: of the seek that the segment
// answers; 0: of none.
inline void begin_stream(GstPad* pad, const char* id, const char* caps_text, guint32 seqnum = 0) {
  gst_pad_push_event(pad, gst_event_new_stream_start(id));
  GstCaps* caps = gst_caps_from_string(caps_text);
  gst_pad_push_event(pad, gst_event_new_caps(caps));
  gst_caps_unref(caps);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  GstEvent* event = gst_event_new_segment(&segment);
  if (seqnum) gst_event_set_seqnum(event, seqnum);
  gst_pad_push_event(pad, event);
}

}  // namespace lightavseg::gst::test
