// SPDX-License-Identifier: LGPL-2.1-or-later
// What runs inside lightavseg while data flows: frames wait for their masks here.
#pragma once

#include <gst/base/gstaggregator.h>
#include <gst/video/video.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "gst/audio_input.h"
#include "gst/audio_probe.h"
#include "gst/latency_estimate.h"
#include "gst/mask_worker.h"
#include "gst/owned.h"
#include "gst/renderer.h"
#include "gst/settings.h"

namespace lightavseg::gst {

// Everything that belongs to one run of the element, from PAUSED to READY.
//
// Threads. Functions under "source task" run in the task of the source pad, or in a thread that has
// stopped it (flush, stop); the others may run in any. Waits of the source task hold no lock and
// end with cancel().
class Stream : private MaskWorkerObserver {
 public:
  Stream(GstAggregator* element, GstAggregatorPad* video, SegmenterFactory factory);
  ~Stream() override;

  // READY to PAUSED. Throws FileError for a bad model, std::exception from the network.
  void start(const Settings& settings);
  void stop();

  // ---- Source task
  // audio: the audio pad, may be null.
  GstFlowReturn aggregate(const Settings& settings, GstAggregatorPad* audio);
  // Running time at which aggregate() must run even if a pad has nothing (live), ns.
  GstClockTime next_time();
  // Frames held leave first; each returns the flow of that.
  GstFlowReturn set_video_caps(GstCaps* caps, const Settings& settings);
  GstFlowReturn set_video_segment(const GstSegment* segment, const Settings& settings);
  bool set_audio_caps(GstCaps* caps);
  // What the source pad should have, given what downstream takes (GstAggregator's vmethod).
  GstFlowReturn update_src_caps(const Settings& settings, GstCaps* downstream, GstCaps** result);
  bool negotiated(GstCaps* caps);
  // query: what downstream says to an ALLOCATION query.
  void allocation_decided(GstQuery* query);
  // Everything that is held leaves, each frame with its own mask.
  GstFlowReturn finish(const Settings& settings) { return drain(settings); }
  void flush();

  // ---- Any thread
  void cancel() { cancelled_ = true, worker_.cancel(); }
  void resume() { cancelled_ = false, worker_.resume(); }
  // Between start and stop. Whoever changes the model asks afterwards, so that start() either saw
  // the change or is over.
  bool runs() const { return runs_; }
  void change_model(const Settings& settings);
  // Also of a model that was not found: tells the application, with a message.
  void model_failed(const std::string& path, const std::string& problem) override;
  // From a QOS event: frames before this running time come too late.
  void set_earliest(GstClockTime earliest, double proportion);
  // A field per counter, as the property `stats` says.
  GstStructure* stats() const;

 private:
  struct FrameTimes {
    GstClockTime duration;
    gint64 start, end;  // running time
    gint64 sound_end;   // of the second of sound that belongs to it, before audio-offset
  };
  struct Frame : FrameTimes {
    Owned<GstBuffer> buffer;
    RenderSettings render;  // of the time at which it was taken
    std::uint64_t serial;
    bool restart = false;     // nothing before it shows what it shows
    bool asked = false;       // a mask of it was asked for, or will not be; in the order of frames
    std::uint64_t needs = 0;  // once asked: serial of the newest frame up to here that was given on
  };

  // MaskWorkerObserver
  void model_changed(std::shared_ptr<const ModelDescription> model) override;
  void unknown_class(const std::string& name, const ModelDescription& model) override;

  GstFlowReturn aggregate_live(const Settings& settings, GstAggregatorPad* audio);
  GstFlowReturn aggregate_recorded(const Settings& settings, GstAggregatorPad* audio);
  bool take_audio(GstAggregatorPad* audio);
  bool wait_for_probe(gint64 until);
  FrameTimes times_of(GstBuffer* buffer) const;
  GstFlowReturn refuse_formless();
  GstFlowReturn refuse_untimed();
  Frame& hold(Owned<GstBuffer> buffer, const Settings& settings);
  void ask(Frame& frame, const Settings& settings, bool live);
  bool heard(const Frame& frame, const Settings& settings, bool hears) const;
  enum class Turn { kInfer, kBetween, kLate, kBackwards };
  Turn turn_of(const Frame& frame, const Settings& settings);
  MaskJob job_for(const Frame& frame, const Settings& settings, bool live);
  GstFlowReturn release(const Settings& settings);
  GstFlowReturn drain(const Settings& settings);
  GstFlowReturn release_until(GstAggregatorPad* pad, const Settings& settings);
  GstFlowReturn pass_gap(GstBuffer* gap, const Settings& settings);
  bool begin_segment();
  GstCaps* with_colours_of_input(GstCaps* caps);
  MaskPtr mask_for(const Frame& frame, const Settings& settings, GstClockTime* age);
  MaskPtr nothing(GstClockTime pts, gint64 start);
  void report_latency(const Settings& settings);
  void report_audio(AudioState state, gint64 running_time);
  void report_late(const Frame& frame);

  GstAggregator* const element_;
  GstAggregatorPad* const video_;
  GstElement* gst_element() const { return GST_ELEMENT_CAST(element_); }

  MaskWorker worker_;
  std::unique_ptr<AudioInput> audio_;
  std::shared_ptr<AudioTap> tap_;
  std::atomic<bool> runs_{false}, cancelled_{false};

  // Source task only.
  Renderer renderer_;
  GstCaps* video_caps_ = nullptr;  // owned
  GstVideoInfo video_info_{}, output_info_{};
  GstAudioInfo audio_info_{};
  bool takes_video_meta_ = false;  // downstream reads rows where a GstVideoMeta says that they are
  Output negotiated_output_ = Output::kOverlay;
  bool attach_composition_ = false;
  std::deque<Frame> frames_;
  std::uint64_t next_serial_ = 1;
  std::uint64_t interval_count_ = 0;
  bool restart_ = true;
  gint64 last_end_ = 0;
  std::uint64_t last_asked_ = 0;
  Owned<GstBuffer> passed_gap_;   // in the video pad, known to downstream
  Owned<GstBuffer> long_sound_;   // in the audio pad, taken in part
  guint64 long_sound_taken_ = 0;  // samples a channel
  AudioWindow window_;
  MaskPtr nothing_;
  gint64 probe_end_ = G_MAXINT64;  // where its sound ended when patience did
  AudioState told_audio_ = AudioState::kPlaying;
  gint64 audio_missing_since_ = -1;

  mutable std::mutex mutex_;  // of what follows; held for a few instructions only
  GstClockTime earliest_ = GST_CLOCK_TIME_NONE;
  double proportion_ = 1;  // how much too fast the stream is for downstream; below 1 is slow
  LatencyEstimate render_time_{10 * GST_MSECOND};
  std::uint64_t frames_out_ = 0, reused_ = 0, skipped_ = 0;
  double audio_level_db_ = -100, audio_fill_ = 0;
  GstClockTime latency_ = 0;  // told to the base class; 0: none yet
  GstClockTime ahead_ = 0;    // of it: for sound that comes after its frame
};

}  // namespace lightavseg::gst
