// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/mask_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "dsp/log_mel.h"
#include "model/files/file_error.h"

namespace lightavseg::gst {
namespace {

// Masks that frames still to leave may ask for, at least. In live operation masks are made of the
// newest frame, so this many earlier ones are more than any queue of frames needs; in a recorded
// stream every lane may have made one while downstream takes its time with the frame before.
constexpr std::size_t kKeptMasks = 32;
// Lanes when nobody says how many: more cores are for whatever runs beside.
constexpr unsigned kMostLanes = 4;

std::size_t lanes_for(const SegmenterOptions& options) {
  if (options.threads > 0) return std::size_t(options.threads);
  return std::clamp(std::thread::hardware_concurrency(), 1u, kMostLanes);
}

std::vector<std::string> read_labels(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw FileError(path, "", "cannot be read; give a text file with one name per line");
  std::vector<std::string> names;
  for (std::string line; std::getline(file, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) names.push_back(line);
  }
  return names;
}

std::shared_ptr<const ModelDescription> describe(const Segmenter& segmenter,
                                                 const std::string& labels_path) {
  auto description = std::make_shared<ModelDescription>(segmenter.description());
  if (labels_path.empty()) return description;
  auto names = read_labels(labels_path);
  if (names.size() != description->class_names.size())
    throw FileError(labels_path, "number of names",
                    fmt::format("{} found, but {} names {} classes", names.size(),
                                description->path, description->class_names.size()));
  description->class_names = std::move(names);
  return description;
}

}  // namespace

MaskWorker::MaskWorker(SegmenterFactory factory, MaskWorkerObserver& observer)
    : factory_(std::move(factory)), observer_(observer) {
}

MaskWorker::~MaskWorker() {
  stop();
}

void MaskWorker::load(const std::string& model_path, const std::string& labels_path,
                      const SegmenterOptions& options) {
  options_ = options;
  lanes_.clear();
  for (std::size_t i = 0; i < lanes_for(options); ++i) lanes_.push_back(std::make_unique<Lane>());
  take_model(model_path, labels_path);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = cancelled_ = model_pending_ = false;
    failure_ = nullptr;
    settled_ = 0;
    taken_ = handed_out_ = 0;
    waiting_.clear();
    finished_.clear();
    stats_ = {};
  }
  measure_first_runs();
}

void MaskWorker::take_model(const std::string& model_path, const std::string& labels_path) {
  auto segmenter = factory_(model_path, options_);
  auto description = describe(*segmenter, labels_path);
  std::vector<std::unique_ptr<Segmenter>> others;
  while (others.size() + 1 < lanes_.size()) {
    auto other = segmenter->share();
    if (!other) break;
    others.push_back(std::move(other));
  }
  others.resize(lanes_.size() - 1);
  std::lock_guard<std::mutex> lock(mutex_);
  lanes_[0]->segmenter = std::move(segmenter);
  for (std::size_t i = 0; i < others.size(); ++i) lanes_[i + 1]->segmenter = std::move(others[i]);
  for (auto& lane : lanes_) lane->heard_serial = 0;
  selected_names_.clear();
  selection_.clear();
  smoothing_.reset();
  model_ = std::move(description);
}

void MaskWorker::start() {
  for (auto& lane : lanes_) lane->thread = std::thread([this, &lane = *lane] { run(lane); });
}

// The first run of a network allocates and plans; the second says what the others will take.
void MaskWorker::measure_first_runs() {
  const auto& model = *model_;
  const dsp::LogMel front_end(model.front_end);
  const std::vector<float> second(std::size_t(front_end.spec().sample_rate));
  const int frames = front_end.frames(second.size());
  std::vector<float> features(std::size_t(frames) * dsp::kMelBands, front_end.spec().silence);
  GstClockTime took = 0;
  const auto run_once = [&](Lane& lane) {
    lane.picture.assign(std::size_t(model.height) * std::size_t(model.width) * 3, 0);
    const auto start = gst_util_get_timestamp();
    lane.segmenter->segment(lane.picture.data(), features.data(), frames, false, {},
                            lane.segmentation);
    took = gst_util_get_timestamp() - start;
  };
  for (const auto& lane : lanes_)
    if (lane->segmenter) run_once(*lane);
  run_once(*lanes_[0]);
  std::lock_guard<std::mutex> lock(mutex_);
  // Other elements will want the same cores once everything runs.
  latency_ =
      LatencyEstimate(std::max<GstClockTime>(took * 3 / 2 + 5 * GST_MSECOND, 10 * GST_MSECOND));
}

void MaskWorker::stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = cancelled_ = true;
    waiting_.clear();
  }
  work_.notify_all();
  done_.notify_all();
  for (auto& lane : lanes_)
    if (lane->thread.joinable()) lane->thread.join();
  std::lock_guard<std::mutex> lock(mutex_);
  lanes_.clear();
  finished_.clear();
}

void MaskWorker::change_model(const std::string& model_path, const std::string& labels_path) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    model_pending_ = true;
    pending_model_ = model_path;
    pending_labels_ = labels_path;
  }
  work_.notify_all();
}

void MaskWorker::submit(MaskJob job, bool replace) {
  std::deque<MaskJob> given_up;  // released outside of the lock
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return;
    if (replace) {
      stats_.superseded += waiting_.size();
      given_up.swap(waiting_);
    }
    waiting_.push_back(std::move(job));
  }
  work_.notify_all();
}

std::uint64_t MaskWorker::settled() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return settled_;
}

bool MaskWorker::wait(std::uint64_t serial) {
  std::unique_lock<std::mutex> lock(mutex_);
  done_.wait(lock, [&] { return settled_ >= serial || cancelled_ || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  return settled_ >= serial;
}

bool MaskWorker::wait_for(std::uint64_t serial, std::chrono::microseconds time) {
  std::unique_lock<std::mutex> lock(mutex_);
  done_.wait_for(lock, time, [&] { return settled_ >= serial || cancelled_ || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  return settled_ >= serial;
}

MaskPtr MaskWorker::newest(std::uint64_t serial) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  MaskPtr found;
  for (const auto& f : finished_)
    if (f.serial <= serial) found = f.mask;
  return found;
}

void MaskWorker::cancel() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    cancelled_ = true;
  }
  done_.notify_all();
}

void MaskWorker::resume() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!stopping_) cancelled_ = false;
}

void MaskWorker::flush() {
  std::deque<MaskJob> given_up;
  std::lock_guard<std::mutex> lock(mutex_);
  given_up.swap(waiting_);
  finished_.clear();
  ++epoch_;
}

std::shared_ptr<const ModelDescription> MaskWorker::model() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return model_;
}

std::size_t MaskWorker::lanes() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return std::size_t(std::count_if(lanes_.begin(), lanes_.end(),
                                   [](const auto& lane) { return lane->segmenter != nullptr; }));
}

GstClockTime MaskWorker::latency() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return latency_.promise();
}

MaskWorkerStats MaskWorker::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  auto stats = stats_;
  stats.mean_ms = double(latency_.mean()) / GST_MSECOND;
  stats.p95_ms = double(latency_.percentile95()) / GST_MSECOND;
  return stats;
}

void MaskWorker::run(Lane& lane) {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    // A model is changed while nobody works; until then nobody begins.
    work_.wait(lock, [&] {
      if (stopping_) return true;
      if (loads_) return false;
      return model_pending_ ? busy_ == 0 : lane.segmenter && !waiting_.empty();
    });
    if (stopping_) return;
    if (model_pending_) {
      loads_ = true;
      lock.unlock();
      load_pending_model();
      lock.lock();
      loads_ = false;
    } else {
      work(lane, lock);
    }
    work_.notify_all();
  }
}

// Takes the next frame and makes its mask. `lock` is held before and after.
void MaskWorker::work(Lane& lane, std::unique_lock<std::mutex>& lock) {
  MaskJob job = std::move(waiting_.front());
  waiting_.pop_front();
  const auto epoch = epoch_, turn = taken_++;
  ++busy_;
  std::vector<std::string> unknown;
  if (job.classes != selected_names_) unknown = select(job.classes);
  lane.selection = selection_;
  lock.unlock();
  for (const auto& name : unknown) observer_.unknown_class(name, *model_);
  MaskPtr mask;
  std::exception_ptr failure;
  const auto start = gst_util_get_timestamp();
  try {
    segment(lane, job);
  } catch (...) {
    failure = std::current_exception();
  }
  // The frames before this one come first; lanes that work on them never wait for this one.
  lock.lock();
  turn_.wait(lock, [&] { return handed_out_ == turn; });
  lock.unlock();
  try {
    if (!failure) mask = make_mask(lane, job, epoch);
  } catch (...) {
    failure = std::current_exception();
  }
  const auto took = gst_util_get_timestamp() - start;
  lock.lock();
  if (failure) {
    failure_ = failure;
  } else if (epoch == epoch_) {
    (job.audio.silent ? stats_.silent : stats_.inferences) += 1;
    // Silence costs nothing; it must not make the promise optimistic.
    if (!job.audio.silent) latency_.add(took);
    finished_.push_back({job.serial, std::move(mask)});
    if (finished_.size() > std::max(kKeptMasks, lanes_.size() + 1)) finished_.pop_front();
  }
  settled_ = std::max(settled_, job.serial);
  ++handed_out_;
  --busy_;
  lock.unlock();  // also before the job lets go of its frame
  done_.notify_all();
  turn_.notify_all();
  job = {};
  lock.lock();
}

void MaskWorker::load_pending_model() {
  std::string path, labels;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    path = pending_model_;
    labels = pending_labels_;
    model_pending_ = false;
  }
  try {
    take_model(path, labels);
    observer_.model_changed(model_);
  } catch (const std::exception& e) {
    observer_.model_failed(path, e.what());
  }
}

// Returns the names that the model does not know.
std::vector<std::string> MaskWorker::select(const std::vector<std::string>& names) {
  const auto& known = model_->class_names;
  std::vector<std::string> unknown;
  selection_.clear();
  if (!names.empty()) {
    selection_.assign(known.size(), false);
    for (const auto& name : names) {
      const auto it = std::find(known.begin(), known.end(), name);
      if (it == known.end())
        unknown.push_back(name);
      else
        selection_[std::size_t(it - known.begin())] = true;
    }
    // A model that names nothing has an empty selection, which shows everything.
  }
  selected_names_ = names;
  return unknown;
}

// What the network says about the frame, as it is without its neighbours.
void MaskWorker::segment(Lane& lane, const MaskJob& job) {
  const auto& model = *model_;
  if (job.audio.silent) {
    lane.segmentation.mask.assign(std::size_t(model.height) * std::size_t(model.width), 0.0f);
    lane.segmentation.labels.clear();
    return;
  }
  if (!lane.scaler.configure(job.video, model.height, model.width))
    throw std::runtime_error(
        fmt::format("GstVideoConverter cannot read {}", GST_VIDEO_INFO_NAME(&job.video)));
  std::string reason;
  if (!lane.scaler.scale(job.frame.get(), lane.picture, &reason)) throw FrameError(reason);
  const bool same = lane.heard_serial != 0 && lane.heard_serial == job.audio.serial;
  lane.segmenter->segment(lane.picture.data(), job.audio.log_mel.data(), job.audio.frames, same,
                          lane.selection, lane.segmentation);
  lane.heard_serial = job.audio.serial;
}

MaskPtr MaskWorker::make_mask(const Lane& lane, const MaskJob& job, std::uint64_t epoch) {
  if (job.restart || smoothing_epoch_ != epoch) smoothing_.reset();
  smoothing_epoch_ = epoch;
  auto mask = std::make_unique<Mask>();
  mask->pts = job.pts;
  mask->running_time = job.running_time;
  mask->model = model_;
  mask->height = model_->height;
  mask->width = model_->width;
  mask->audio_level_db = job.audio.level_db;
  mask->audio_filled = job.audio.filled;
  mask->probability = lane.segmentation.mask;
  smoothing_.apply(mask->probability, mask->height, mask->width, job.smoothing);
  return finish_mask(std::move(mask), lane.segmentation.labels, job.threshold);
}

}  // namespace lightavseg::gst
