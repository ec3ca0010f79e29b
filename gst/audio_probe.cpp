// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/audio_probe.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "gst/owned.h"

namespace lightavseg::gst {
namespace {

GstDebugCategory* debug_category() {
  static GstDebugCategory* const category = [] {
    GstDebugCategory* made = nullptr;
    GST_DEBUG_CATEGORY_INIT(made, "lightavseg-tap", 0, "LightAVSeg: sound from another element");
    return made;
  }();
  return category;
}
#define GST_CAT_DEFAULT debug_category()

// The taps of one outermost bin, by name. Owned by the bin, as object data.
using Taps = std::map<std::string, std::weak_ptr<AudioTap>>;

// Guards the Taps of all bins. Nothing else is locked, and nothing released, while it is held.
std::mutex& taps_mutex() {
  static std::mutex mutex;
  return mutex;
}

GQuark taps_quark() {
  static const GQuark quark = g_quark_from_static_string("lightavseg-audio-taps");
  return quark;
}

// Transfer full.
GstObject* outermost(GstElement* element) {
  auto* top = GST_OBJECT(gst_object_ref(element));
  while (GstObject* parent = gst_object_get_parent(top)) {
    gst_object_unref(top);
    top = parent;
  }
  return top;
}

void forget_dead(Taps& taps) {
  for (auto tap = taps.begin(); tap != taps.end();) {
    tap = tap->second.expired() ? taps.erase(tap) : std::next(tap);
  }
}

// As much as an AudioInput remembers.
constexpr GstClockTime kKept = AudioInput::Options().history;

// Sound that passed, for those who come late: a copy, since the buffers of a device come from a
// pool that has few.
struct Passed {
  Owned<GstBuffer> buffer;  // null for a gap
  gint64 start;
  GstClockTime duration;
};

}  // namespace

struct AudioTap::State {
  // Held while sound is handed over, so that a listener that has left is not called again. Taken
  // before the lock of an AudioInput.
  std::mutex mutex;
  std::vector<AudioInput*> listeners;
  std::atomic<bool> has_listener{false};
  bool has_format = false;
  bool ended = false;
  GstAudioInfo format{};
  std::deque<Passed> passed;
  GstClockTime passed_duration = 0;

  void keep(GstBuffer* buffer, gint64 start, GstClockTime duration) {
    if (!GST_CLOCK_TIME_IS_VALID(duration)) return;
    passed.push_back({Owned<GstBuffer>(buffer), start, duration});
    passed_duration += duration;
    while (passed.size() > 1 && passed_duration - passed.front().duration >= kKept) {
      passed_duration -= passed.front().duration;
      passed.pop_front();
    }
  }

  void forget() {
    passed.clear();
    passed_duration = 0;
  }

  void tell_passed(AudioInput& input) const {
    for (const auto& p : passed) {
      if (p.buffer)
        input.push(p.buffer.get(), p.start);
      else
        input.push_gap(p.start, p.duration);
    }
  }

  void tell_format(AudioInput& input) const {
    std::string reason;
    if (!input.set_format(format, &reason)) GST_WARNING("%s", reason.c_str());
  }
};

AudioTap::AudioTap() : state_(std::make_unique<State>()) {
}

AudioTap::~AudioTap() = default;

bool AudioTap::has_listener() const {
  return state_->has_listener;
}

void AudioTap::set_format(const GstAudioInfo& info) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  if (!state_->has_format || !gst_audio_info_is_equal(&state_->format, &info)) state_->forget();
  state_->format = info;
  state_->has_format = true;
  for (AudioInput* input : state_->listeners) state_->tell_format(*input);
}

void AudioTap::push(GstBuffer* buffer, gint64 start) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->ended = false;
  for (AudioInput* input : state_->listeners) input->push(buffer, start);
  if (!state_->has_format) return;
  const auto frames = gst_buffer_get_size(buffer) / gsize(state_->format.bpf);
  state_->keep(gst_buffer_copy_deep(buffer), start,
               gst_util_uint64_scale(frames, GST_SECOND, guint64(state_->format.rate)));
}

void AudioTap::push_gap(gint64 start, GstClockTime duration) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->ended = false;
  for (AudioInput* input : state_->listeners) input->push_gap(start, duration);
  state_->keep(nullptr, start, duration);
}

void AudioTap::end_of_stream() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->ended = true;
  for (AudioInput* input : state_->listeners) input->end_of_stream();
}

void AudioTap::reset() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->ended = false;
  state_->forget();
  for (AudioInput* input : state_->listeners) input->reset();
}

void AudioTap::listen(AudioInput* input) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  auto& listeners = state_->listeners;
  if (input == nullptr) {
    listeners.clear();
  } else {
    const bool listens = std::find(listeners.begin(), listeners.end(), input) != listeners.end();
    if (!listens) listeners.push_back(input);
    if (state_->has_format) state_->tell_format(*input);
    if (!listens) state_->tell_passed(*input);
    if (state_->ended) input->end_of_stream();
  }
  state_->has_listener = !listeners.empty();
}

void AudioTap::stop(AudioInput* input) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  auto& listeners = state_->listeners;
  listeners.erase(std::remove(listeners.begin(), listeners.end(), input), listeners.end());
  state_->has_listener = !listeners.empty();
}

std::shared_ptr<AudioTap> audio_tap(GstElement* element, const char* name) {
  const std::string key = name != nullptr ? name : "";
  GstObject* top = outermost(element);
  std::shared_ptr<AudioTap> tap;
  try {
    const std::lock_guard<std::mutex> lock(taps_mutex());
    auto* taps = static_cast<Taps*>(g_object_get_qdata(G_OBJECT(top), taps_quark()));
    if (taps == nullptr) {
      taps = new Taps;
      g_object_set_qdata_full(G_OBJECT(top), taps_quark(), taps,
                              [](gpointer data) { delete static_cast<Taps*>(data); });
    }
    tap = (*taps)[key].lock();
    if (tap == nullptr) {
      tap = std::make_shared<AudioTap>();
      (*taps)[key] = tap;
      forget_dead(*taps);
    }
  } catch (...) {
    gst_object_unref(top);
    throw;
  }
  GST_DEBUG_OBJECT(element, "probe '%s' of %" GST_PTR_FORMAT, key.c_str(), static_cast<void*>(top));
  gst_object_unref(top);
  return tap;
}

}  // namespace lightavseg::gst
