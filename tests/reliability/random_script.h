// SPDX-License-Identifier: LGPL-2.1-or-later
// What one pad is sent, from a seed: buffers and events, mostly in an order that makes sense.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <vector>

#include "tests/reliability/draw.h"

namespace lightavseg::test {

struct MiniObjectUnref {
  void operator()(GstMiniObject* object) const { gst_mini_object_unref(object); }
};

// A buffer or an event, owned; null stands for a pause of a millisecond.
using Step = std::unique_ptr<GstMiniObject, MiniObjectUnref>;

struct Script {
  std::vector<Step> steps;  // without the last end of stream
  bool flushes = false;     // some of it may be lost on its way
  bool ends_early = false;  // what follows an end may be lost as well
};

// may_flush: of the pad alone. Not together with seeks, which flush all pads: the base class of the
// element, GstAggregator, waits for ever when a pad flushes for another reason in between.
Script random_video_script(Draw& draw, bool may_flush);
Script random_audio_script(Draw& draw, bool may_flush);

}  // namespace lightavseg::test
