// SPDX-License-Identifier: LGPL-2.1-or-later
// The threads that run the network. Frames are handed to them and masks are picked up; nobody else
// waits for an inference while holding a lock of GStreamer's.
//
// Each thread (a lane) works on a frame of its own, with a segmenter that shares the weights. Masks
// are smoothed and handed out in the order of the frames, so they do not depend on the number of
// lanes.
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gst/audio_input.h"
#include "gst/frame_scaler.h"
#include "gst/latency_estimate.h"
#include "gst/mask.h"
#include "gst/owned.h"
#include "model/inference/mask_filter.h"
#include "model/inference/segmenter.h"

namespace lightavseg::gst {

// A frame that is not what its caps say.
class FrameError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// One frame to make a mask for.
struct MaskJob {
  std::uint64_t serial = 0;  // of the frame; rises from job to job
  Owned<GstBuffer> frame;
  GstVideoInfo video{};
  GstClockTime pts = GST_CLOCK_TIME_NONE;
  GstClockTime running_time = GST_CLOCK_TIME_NONE;
  AudioWindow audio;
  bool restart = false;              // does not continue the frame before: smoothing starts anew
  std::vector<std::string> classes;  // names to select; empty: whatever sounds
  double smoothing = 0;              // 0..1
  double threshold = 0.5;            // of the summary
};

// What is told to the element from the worker's threads.
class MaskWorkerObserver {
 public:
  virtual ~MaskWorkerObserver() = default;
  // Another model runs from now on. Called between two masks, while no lane works.
  virtual void model_changed(std::shared_ptr<const ModelDescription> model) = 0;
  // A model that was asked for while running could not be loaded; the old one goes on.
  virtual void model_failed(const std::string& path, const std::string& problem) = 0;
  // `classes` names something that the model does not.
  virtual void unknown_class(const std::string& name, const ModelDescription& model) = 0;
};

struct MaskWorkerStats {
  std::uint64_t inferences = 0;    // runs of the network
  std::uint64_t silent = 0;        // masks that were empty because there was nothing to hear
  std::uint64_t superseded = 0;    // frames given up for a newer one before their turn (live)
  double mean_ms = 0, p95_ms = 0;  // of a job: scaling, network, its turn, smoothing
};

// Thread-safe. Locks: one mutex of its own, never held while the network runs or while the observer
// is told something.
class MaskWorker {
 public:
  MaskWorker(SegmenterFactory factory, MaskWorkerObserver& observer);
  ~MaskWorker();
  MaskWorker(const MaskWorker&) = delete;
  MaskWorker& operator=(const MaskWorker&) = delete;

  // Loads the model and runs it twice to know how long it takes; model() and lanes() are there
  // afterwards. options.threads: as many lanes as that, or up to four of the machine's cores for 0,
  // if the model's segmenter can be shared; else one.
  // Throws FileError for a bad model, std::exception from the network. Not while started.
  void load(const std::string& model_path, const std::string& labels_path,
            const SegmenterOptions& options);
  // Starts the threads; the observer may be told things from now on. After load().
  void start();
  // Ends the threads; waits for the frames that they work on. No-op when not started.
  void stop();

  // Loads another model before the next frame. labels_path may be empty.
  void change_model(const std::string& model_path, const std::string& labels_path);

  // Hands over a frame. replace: frames that wait for their turn are given up for this one (live);
  // else all are done in order.
  void submit(MaskJob job, bool replace);

  // Frames up to and including this serial have their mask or will never get one.
  std::uint64_t settled() const;
  // Blocks until settled() >= serial; false when cancel() came first. Rethrows what the network
  // threw, and FrameError for a frame that cannot be read; so does newest().
  bool wait(std::uint64_t serial);
  // The same for at most that long: also false when the time is over.
  bool wait_for(std::uint64_t serial, std::chrono::microseconds time);
  // The newest mask of a frame whose serial is at most `serial`; null when there is none yet.
  MaskPtr newest(std::uint64_t serial);

  // Ends waits, also those to come, until resume().
  void cancel();
  void resume();
  // Gives up frames that wait, forgets masks and smoothing (flush). Frames that are being worked on
  // are finished but their masks are not kept.
  void flush();

  std::shared_ptr<const ModelDescription> model() const;
  std::size_t lanes() const;     // frames that are worked on at the same time
  GstClockTime latency() const;  // promise for the time of a job, ns
  MaskWorkerStats stats() const;

 private:
  // What one thread works with; nobody else touches it while a model is there.
  struct Lane {
    std::unique_ptr<Segmenter> segmenter;  // null: not needed with this model
    FrameScaler scaler;
    std::uint64_t heard_serial = 0;  // of the window that the segmenter heard last; 0: none
    ClassSelection selection;
    std::vector<std::uint8_t> picture;
    Segmentation segmentation;
    std::thread thread;
  };

  void run(Lane& lane);
  // Throws and keeps the model before when this one cannot be had.
  void take_model(const std::string& model_path, const std::string& labels_path);
  void load_pending_model();
  void work(Lane& lane, std::unique_lock<std::mutex>& lock);
  void segment(Lane& lane, const MaskJob& job);
  MaskPtr make_mask(const Lane& lane, const MaskJob& job, std::uint64_t epoch);
  std::vector<std::string> select(const std::vector<std::string>& names);
  void measure_first_runs();

  const SegmenterFactory factory_;
  MaskWorkerObserver& observer_;
  SegmenterOptions options_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // changed only while there are no threads

  mutable std::mutex mutex_;
  std::condition_variable work_, done_, turn_;
  std::deque<MaskJob> waiting_;
  struct Finished {
    std::uint64_t serial;
    MaskPtr mask;
  };
  std::deque<Finished> finished_;
  std::uint64_t settled_ = 0;
  std::uint64_t epoch_ = 0;  // counts flushes, so that a mask from before one is not kept
  bool stopping_ = false, cancelled_ = false;
  int busy_ = 0;                                // lanes that work on a frame
  std::uint64_t taken_ = 0, handed_out_ = 0;    // frames taken from waiting_, and done with
  bool model_pending_ = false, loads_ = false;  // loads_: a lane loads a model
  std::string pending_model_, pending_labels_;
  std::exception_ptr failure_;
  std::shared_ptr<const ModelDescription> model_;  // changes only while no lane works
  std::vector<std::string> selected_names_;
  ClassSelection selection_;  // of those
  MaskWorkerStats stats_;
  LatencyEstimate latency_{30 * GST_MSECOND};

  // Only the lane whose frame's turn it is touches these.
  TemporalSmoothing smoothing_;
  std::uint64_t smoothing_epoch_ = 0;
};

}  // namespace lightavseg::gst
