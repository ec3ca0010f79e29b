// SPDX-License-Identifier: LGPL-2.1-or-later
// A Segmenter whose masks a test can foresee: the probability is the red of the picture, where
// anything is to be heard.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "model/inference/segmenter.h"

namespace lightavseg::gst::test {

// What the stubs of a process do and did.
struct StubState {
  std::atomic<int> delay_ms{0};                // of every inference
  std::atomic<int> runs{0};                    // inferences of frames (not those of start)
  std::atomic<int> opened{0};                  // segmenters opened
  std::atomic<int> alive{0};                   // and not yet destroyed
  std::atomic<bool> fail{false};               // the next inference throws
  std::atomic<bool> shares{false};             // segmenters can be shared
  std::atomic<bool> uneven{false};             // delays are 0 to 3 times delay_ms, by the picture
  std::atomic<int> inside{0}, most_inside{0};  // inferences at the same time, now and at most
  std::mutex mutex;
  std::function<void()> on_close;  // called when one is destroyed; set it while none is alive
  std::vector<std::uint8_t> last_picture;
  std::vector<float> last_log_mel;
};
StubState& stub();

// Paths: "missing" is not found, "broken" has a bad field, "yamnet" has another front end, anything
// else (and "") opens. 32 x 24 pixels, classes "red" and "blue": a pixel is "red" where its red is
// at least half, else "blue".
std::unique_ptr<Segmenter> open_stub(const std::string& path, const SegmenterOptions& options);

// Registers the elements with stubs behind lightavseg, once per process.
void use_stubs();

}  // namespace lightavseg::gst::test
