// SPDX-License-Identifier: LGPL-2.1-or-later
// A pipeline that reads a media file from beginning to end.
#pragma once

#include <gst/gst.h>

#include <functional>
#include <initializer_list>
#include <map>
#include <string>

#include "gst/owned.h"

namespace lightavseg::tool {

// The element "demuxer" of the description exposes the streams of the file; each that is wanted is
// linked to the queue of the name that was given for it. Belongs to one thread.
class MediaPipeline {
 public:
  // description: for gst_parse_launch(), with `parsebin name=demuxer`. Throws std::runtime_error
  // with what GStreamer says.
  explicit MediaPipeline(const std::string& description);
  ~MediaPipeline();
  MediaPipeline(const MediaPipeline&) = delete;
  MediaPipeline& operator=(const MediaPipeline&) = delete;

  // Sends the stream of that short name (media_info.h) to the queue. Before run().
  void connect(const std::string& stream, const std::string& queue);

  // An element by its name. It must be there.
  gst::Owned<GstElement> find(const std::string& name) const;
  gst::Owned<GstPad> pad(const std::string& element, const char* name) const;

  struct End {
    // What the file is broken with; empty when it was read to its end.
    std::string problem;
  };

  // Until everything is written. tick is called several times a second and tells how many frames
  // there were so far. When the file itself is broken after some frames, the result ends there.
  // Throws std::runtime_error naming `input`, also when nothing has moved for two minutes, or
  // naming `output` where the element "out" cannot write it; and Interrupted.
  End run(const std::string& input, const std::string& output,
          const std::function<guint64()>& tick);

  // Lets go of all files. No element works after this.
  void stop();

 private:
  static void on_pad(GstElement* demuxer, GstPad* pad, gpointer self);
  static void on_all_pads(GstElement* demuxer, gpointer self);
  // Whether it is an element of one of these names, or inside one.
  bool is_part(GstObject* source, std::initializer_list<const char*> names) const;
  void end_inputs() const;

  gst::Owned<GstElement> pipeline_;
  std::map<std::string, std::string> queues_;  // by stream
};

}  // namespace lightavseg::tool
