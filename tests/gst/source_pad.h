// SPDX-License-Identifier: LGPL-2.1-or-later
// Streams that a test pushes itself, in the order that it wants.
#pragma once

#include <gst/gst.h>
#include <gtest/gtest.h>

#include "tests/gst/begin_stream.h"

namespace lightavseg::gst::test {

// A pad that belongs to no element, linked to one of `element`, which it requests if need be.
class SourcePad {
 public:
  SourcePad(GstElement* element, const char* sink) : pad_(gst_pad_new(sink, GST_PAD_SRC)) {
    gst_pad_set_active(pad_, TRUE);
    sink_ = gst_element_get_static_pad(element, sink);
    if (!sink_) sink_ = gst_element_request_pad_simple(element, sink);
    EXPECT_EQ(gst_pad_link(pad_, sink_), GST_PAD_LINK_OK);
  }
  ~SourcePad() {
    gst_pad_unlink(pad_, sink_);
    gst_object_unref(sink_);
    gst_object_unref(pad_);
  }
  SourcePad(const SourcePad&) = delete;
  SourcePad& operator=(const SourcePad&) = delete;
  GstPad* get() const { return pad_; }

 private:
  GstPad* pad_;
  GstPad* sink_;
};

}  // namespace lightavseg::gst::test
