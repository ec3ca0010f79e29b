// SPDX-License-Identifier: LGPL-2.1-or-later
// References to objects of GLib and GStreamer that release themselves.
#pragma once

#include <gst/gst.h>

#include <memory>

namespace lightavseg::gst {

struct Unref {
  void operator()(GstBuffer* buffer) const { gst_buffer_unref(buffer); }
  void operator()(GstEvent* event) const { gst_event_unref(event); }
  void operator()(GstCaps* caps) const { gst_caps_unref(caps); }
  void operator()(GstSample* sample) const { gst_sample_unref(sample); }
  void operator()(gpointer object) const { g_object_unref(object); }  // every GObject
};

// Takes over a reference (transfer full); null is nothing.
template <typename T>
using Owned = std::unique_ptr<T, Unref>;

}  // namespace lightavseg::gst
