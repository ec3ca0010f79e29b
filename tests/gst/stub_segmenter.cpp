// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tests/gst/stub_segmenter.h"

#include <gst/gst.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <thread>

#include "gst/elements.h"
#include "gst/lightavseg.h"
#include "model/files/file_error.h"
#include "tests/model/files/temporary_folder.h"

namespace lightavseg::gst::test {
namespace {

class StubSegmenter : public Segmenter {
 public:
  explicit StubSegmenter(const std::string& path, int calls = 0) : calls_(calls) {
    description_.path = path;
    description_.name = path.empty() ? "stub" : path;
    description_.height = 24;
    description_.width = 32;
    description_.class_names = {"red", "blue"};
    if (path == "yamnet") description_.front_end = dsp::FrontEnd::kYamnet;
    ++stub().opened;
    ++stub().alive;
  }
  ~StubSegmenter() override {
    --stub().alive;
    if (stub().on_close) stub().on_close();
  }

  const ModelDescription& description() const override { return description_; }

  void segment(const std::uint8_t* rgb, const float* log_mel, int frames, bool,
               const ClassSelection& selection, Segmentation& out) override {
    if (stub().fail.exchange(false)) throw std::runtime_error("the stub was told to fail");
    const int inside = ++stub().inside;
    for (int most = stub().most_inside;
         inside > most && !stub().most_inside.compare_exchange_weak(most, inside);) {
    }
    if (++calls_ > 2) {  // the first two measure
      ++stub().runs;
      const int factor = stub().uneven ? std::accumulate(rgb, rgb + 3 * 24 * 32, 0) % 4 : 1;
      std::this_thread::sleep_for(std::chrono::milliseconds(stub().delay_ms * factor));
    }
    --stub().inside;
    const std::size_t pixels = 24 * 32;
    out.height = 24;
    out.width = 32;
    out.mask.resize(pixels);
    out.labels.resize(pixels);
    for (std::size_t i = 0; i < pixels; ++i) {
      out.labels[i] = rgb[3 * i] >= 128 ? 1 : 2;
      const bool selected = selection.empty() || selection[out.labels[i] - 1u];
      out.mask[i] = selected ? float(rgb[3 * i]) / 255.0f : 0.0f;
    }
    std::lock_guard<std::mutex> lock(stub().mutex);
    stub().last_picture.assign(rgb, rgb + 3 * pixels);
    stub().last_log_mel.assign(log_mel, log_mel + std::size_t(frames) * dsp::kMelBands);
  }

  std::unique_ptr<Segmenter> share() const override {
    // One run measures a shared one.
    return stub().shares ? std::make_unique<StubSegmenter>(description_.path, 1) : nullptr;
  }

 private:
  ModelDescription description_;
  int calls_;
};

}  // namespace

StubState& stub() {
  static StubState state;
  return state;
}

std::unique_ptr<Segmenter> open_stub(const std::string& path, const SegmenterOptions&) {
  if (path == "missing") throw FileError("/nowhere/missing", "", "does not exist");
  if (path == "broken") throw FileError("/", "header length", "7 is more than the file holds");
  return std::make_unique<StubSegmenter>(path);
}

void use_stubs() {
  static const bool done = [] {
    // "The model that ships" must be found wherever the tests run; nobody reads it.
    static const TemporaryFolder folder;
    std::ofstream(folder / "lightavseg.safetensors");
    g_setenv("LIGHTAVSEG_MODEL_PATH", folder.path().c_str(), TRUE);
    set_segmenter_factory(open_stub);
    register_elements(nullptr);
    return true;
  }();
  (void)done;
}

}  // namespace lightavseg::gst::test
