// SPDX-License-Identifier: LGPL-2.1-or-later
// A source that is no element: a pad, and a thread that sends a script through it.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "tests/reliability/random_script.h"

namespace lightavseg::test {

struct FeederManners {
  bool live = false;         // what LATENCY queries are told
  GstClockTime latency = 0;  // ns
  bool seeks = false;        // flushing seeks are obeyed, with a flush; others always refused
};

// Functions may be called from any thread.
class Feeder {
 public:
  // sink: to link to; stays linked until the end. Throws std::runtime_error when that fails.
  Feeder(GstPad* sink, Script script, const FeederManners& manners);
  // The sink must be inactive by now, or accept what the script still holds.
  ~Feeder();
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  void start();
  // The elements are about to forget what they were told (READY).
  void expect_stop() { stopped_ = true; }
  // The elements forgot what they were told (READY): they get the newest of it again.
  void tell_again() { tell_again_ = true; }
  // The last end of the stream may be sent.
  void let_end() { may_end_ = true; }

  // The last end of the stream was sent at least once; it is sent again until it is taken.
  bool finished() const { return finished_; }
  // The worst that a buffer met: OK, EOS, NOT_NEGOTIATED, ERROR.
  GstFlowReturn flow() const { return flow_; }
  int buffers_taken() const { return taken_; }

 private:
  static gboolean on_event(GstPad* pad, GstObject* parent, GstEvent* event);
  static gboolean on_query(GstPad* pad, GstObject* parent, GstQuery* query);
  void run();
  bool send(Step step);
  GstFlowReturn push(GstBuffer* buffer);
  bool push_event(GstEvent* event);
  void catch_up();
  void pause();

  const FeederManners manners_;
  Script script_;
  GstPad* pad_;
  std::recursive_mutex streaming_;  // held while something is on its way
  bool ended_ = false;              // the thread's own: an end was sent
  std::thread thread_;
  std::atomic<bool> tell_again_{false}, may_end_{false}, stop_{false}, stopped_{false},
      finished_{false};
  std::atomic<GstFlowReturn> flow_{GST_FLOW_OK};
  std::atomic<int> taken_{0};
};

}  // namespace lightavseg::test
