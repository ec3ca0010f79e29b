// SPDX-License-Identifier: LGPL-2.1-or-later
// A pipeline from its description, run to its end, with everything that came out.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace lightavseg::gst::test {

// Owns a pipeline; sets it to NULL and releases it at the end.
class Pipeline {
 public:
  // Throws std::runtime_error for a description that does not parse.
  explicit Pipeline(const std::string& description);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  GstElement* get() const { return pipeline_; }
  // The element of that name; lives as long as the pipeline. Throws when there is none.
  GstElement* element(const std::string& name) const;

  GstStateChangeReturn set_state(GstState state);
  // Waits for the state; false on failure or after the time, ms.
  bool reach(GstState state, int timeout_ms = 20000);

  // PLAYING until EOS or an error. Samples of the appsink "out" are collected as they come.
  // True at EOS; false on error (see error()) or when the time is over, ms.
  bool run(int timeout_ms = 60000);
  // Collects for a while without starting or stopping anything.
  bool collect(int for_ms);

  // Samples of "out" so far, owned.
  const std::vector<GstSample*>& samples() const { return samples_; }
  GstBuffer* buffer(std::size_t i) const { return gst_sample_get_buffer(samples_.at(i)); }
  // Counts the buffers that come to the pad "sink" of an element; `count` outlives the pipeline.
  void count_buffers(const char* element, std::atomic<int>& count);
  // run() waits for another end of the stream.
  void forget_end() { eos_ = false; }
  void forget_samples();
  // "domain-quark code: text (debug)" of the error, empty when there was none.
  const std::string& error() const { return error_; }
  GError* error_object() const { return error_object_; }
  // Messages of these types that were seen, as strings: element messages by structure name,
  // warnings by text.
  const std::vector<std::string>& messages() const { return messages_; }
  int latency_messages() const { return latency_messages_; }
  int qos_messages() const { return qos_messages_; }

 private:
  bool pump(int for_ms, bool stop_at_eos);
  bool handle(GstMessage* message);

  GstElement* pipeline_ = nullptr;
  GstElement* sink_ = nullptr;
  mutable std::vector<GstElement*> named_;
  std::vector<GstSample*> samples_;
  std::vector<std::string> messages_;
  std::string error_;
  GError* error_object_ = nullptr;
  int latency_messages_ = 0, qos_messages_ = 0;
  bool eos_ = false;
};

}  // namespace lightavseg::gst::test
