// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gst/audio_probe.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

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
  state_->format = info;
  state_->has_format = true;
  for (AudioInput* input : state_->listeners) state_->tell_format(*input);
}

void AudioTap::push(GstBuffer* buffer, gint64 start) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->ended = false;
  for (AudioInput* input : state_->listeners) input->push(buffer, start);
}

void AudioTap::push_gap(gint64 start, GstClockTime duration) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->ended = false;
  for (AudioInput* input : state_->listeners) input->push_gap(start, duration);
}

void AudioTap::end_of_stream() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->ended = true;
  for (AudioInput* input : state_->listeners) input->end_of_stream();
}

void AudioTap::reset() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  state_->ended = false;
  for (AudioInput* input : state_->listeners) input->reset();
}

void AudioTap::listen(AudioInput* input) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  auto& listeners = state_->listeners;
  if (input == nullptr) {
    listeners.clear();
  } else {
    if (std::find(listeners.begin(), listeners.end(), input) == listeners.end()) {
      listeners.push_back(input);
    }
    if (state_->has_format) state_->tell_format(*input);
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
  gst_object_unref(top);
  return tap;
}

}  // namespace lightavseg::gst
