// SPDX-License-Identifier: LGPL-2.1-or-later
// How lightavseg, used where only video passes (an effect of a video editor), gets its sound: from
// a lightavsegaudio element of the same pipeline.
#pragma once

#include <gst/gst.h>

#include <memory>

#include "gst/audio_input.h"

namespace lightavseg::gst {

// What a probe hands on and a lightavseg listens to. Owned by both; either may go first.
// Thread-safe.
class AudioTap {
 public:
  AudioTap();
  ~AudioTap();
  // Whether somebody listens.
  bool has_listener() const;

  // Called by the probe from its streaming thread. start: running time of the first sample, ns.
  void set_format(const GstAudioInfo& info);
  void push(GstBuffer* buffer, gint64 start);
  void push_gap(gint64 start, GstClockTime duration);
  void end_of_stream();
  void reset();

  // Sound goes to `input`, too, from now on, in the format last set. It hears at once what passed
  // before, as far as an AudioInput remembers: a pipeline may run sound well ahead of the frames,
  // and an element that loads a model comes late. It is told when the sound has ended already;
  // null: to nobody any more. The caller keeps `input` alive until it has said null or stopped it;
  // neither returns while sound is being handed over.
  void listen(AudioInput* input);
  // Sound no longer goes to `input`, but to the others as before.
  void stop(AudioInput* input);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The tap of the probe with that name in the top-level pipeline of `element` (its outermost bin);
// made when either side asks for it first, so the order in which the elements are created does not
// matter. Both sides ask again whenever they go from READY to PAUSED. An element that is in no bin
// counts as a pipeline of its own. Nothing is kept alive: a tap lives as long as somebody holds it,
// and what a bin remembers of its taps goes with the bin. name: null is the empty name.
// Thread-safe.
std::shared_ptr<AudioTap> audio_tap(GstElement* element, const char* name);

}  // namespace lightavseg::gst
