// SPDX-License-Identifier: LGPL-2.1-or-later
// The formulas, and why the classes stay at the finest stage's size, stand in
// network_segmenter.cpp, whose masks these are but for rounding.
#include "model/inference/engine_segmenter.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <stdexcept>

#include "model/engine/kernels.h"
#include "model/files/file_error.h"
#include "model/inference/model_description.h"
#include "model/network/config_file.h"
#include "model/network/image_values.h"

namespace lightavseg {
namespace {

// Where the time of one part of a frame goes to, if anywhere.
class Stopwatch {
 public:
  explicit Stopwatch(StepTime* time) : time_(time) {
    if (time_) before_ = std::chrono::steady_clock::now();
  }
  ~Stopwatch() {
    if (!time_) return;
    const auto taken = std::chrono::steady_clock::now() - before_;
    time_->nanoseconds += std::chrono::duration_cast<std::chrono::nanoseconds>(taken).count();
    ++time_->runs;
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  StepTime* time_;
  std::chrono::steady_clock::time_point before_;
};

class Planned final : public EngineSegmenter {
 public:
  Planned(ModelDescription description, std::shared_ptr<const Engine> engine)
      : description_(std::move(description)),
        state_(engine),
        engine_(std::move(engine)),
        rows_(engine_->logit_height(), description_.height),
        columns_(engine_->logit_width(), description_.width),
        row_(size_t(description_.width)),
        share_row_(row_.size()),
        blend_(size_t(engine_->logit_width())),
        evidence_(size_t(engine_->logit_height()) * blend_.size()),
        share_(evidence_.size()),
        cells_(evidence_.size()),
        selected_(description_.class_names.size()) {
    for (int x = 0; x < description_.width; ++x)
      cell_columns_.push_back((2 * x + 1) * engine_->logit_width() / (2 * description_.width));
  }

  const ModelDescription& description() const override { return description_; }
  const std::shared_ptr<const Engine>& engine() const override { return engine_; }

  std::unique_ptr<Segmenter> share() const override {
    return std::make_unique<Planned>(description_, engine_);
  }

  void segment(const std::uint8_t* rgb, const float* log_mel, int frames, bool heard_before,
               const ClassSelection& selection, Segmentation& out) override {
    check_selection(description_, selection);
    try {
      if (!heard_before || !state_.has_heard()) state_.hear(log_mel, frames);
      look(rgb);
      state_.see();
      tell(selection, out);
    } catch (const std::bad_alloc&) {
      throw std::runtime_error(description_.path + ": no memory left to run the network");
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(fmt::format("{}: {}", description_.path, error.what()));
    }
  }

  void measure(bool on) override {
    state_.measure(on);
    measures_ = on;
    if (!on) return;
    pre_ = {"pre", "normalise", 0, 0, 0};
    post_ = {"post", "mask and labels", 0, 0, 0};
  }

  std::vector<StepTime> step_times() const override {
    auto times = state_.step_times();
    times.insert(times.begin(), pre_);
    times.push_back(post_);
    return times;
  }

 private:
  void look(const std::uint8_t* rgb) {
    const Stopwatch stopwatch(measures_ ? &pre_ : nullptr);
    float factor[3], offset[3];
    for (int c = 0; c < 3; ++c) {
      factor[c] = 1 / (255 * kImageStd[c]);
      offset[c] = -kImageMean[c] / kImageStd[c];
    }
    kernels::normalise(rgb, description_.height * description_.width, factor, offset,
                       state_.frame());
  }

  void tell(const ClassSelection& selection, Segmentation& out) {
    const Stopwatch stopwatch(measures_ ? &post_ : nullptr);
    const Head head = engine_->config().head;
    const float* logits = state_.logits();
    const int stride = state_.logit_stride(), cells = int(evidence_.size());
    const int classes = int(description_.class_names.size());
    const float* named = logits + (head == Head::kMaskAndClasses ? 1 : 0);  // with the background
    if (head == Head::kSemantic)
      kernels::foreground_evidence(logits, classes + 1, cells, evidence_.data());
    else
      kernels::pick(logits, stride, cells, evidence_.data());
    const bool selects = std::find(selection.begin(), selection.end(), false) != selection.end();
    if (selects) {
      std::copy(selection.begin(), selection.end(), selected_.begin());
      kernels::expected_values(named + 1, stride, selected_.data(), classes, cells, share_.data());
    }
    out.height = description_.height;
    out.width = description_.width;
    out.mask.resize(size_t(out.height) * size_t(out.width));
    for (int y = 0; y < out.height; ++y) {
      enlarge(evidence_, y, row_);
      if (selects) enlarge(share_, y, share_row_);
      kernels::probabilities(row_.data(), selects ? share_row_.data() : nullptr, out.width,
                             out.mask.data() + std::ptrdiff_t(y) * out.width);
    }
    out.labels.clear();
    if (head == Head::kMask) return;
    kernels::largest_class(named, stride, classes + 1, cells, cells_.data());
    label(out);
  }

  // Row y of a map of the logits' size at the model's.
  void enlarge(const std::vector<float>& map, int y, std::vector<float>& row) {
    const auto line = [&](int at) { return map.data() + size_t(at) * blend_.size(); };
    const auto i = size_t(y);
    kernels::enlarge_row(line(rows_.low[i]), line(rows_.high[i]), rows_.share[i],
                         int(blend_.size()), columns_.low.data(), columns_.high.data(),
                         columns_.share.data(), int(row.size()), blend_.data(), row.data());
  }

  // The label of the cell under each pixel.
  void label(Segmentation& out) const {
    out.labels.resize(out.mask.size());
    auto* to = out.labels.data();
    int before = -1;
    for (int y = 0; y < out.height; ++y, to += out.width) {
      const int row = (2 * y + 1) * engine_->logit_height() / (2 * out.height);
      if (row == before) {
        std::memcpy(to, to - out.width, size_t(out.width));
        continue;
      }
      const auto* line = cells_.data() + size_t(row) * blend_.size();
      for (size_t x = 0; x < cell_columns_.size(); ++x) to[x] = line[cell_columns_[x]];
      before = row;
    }
  }

  ModelDescription description_;
  EngineState state_;
  std::shared_ptr<const Engine> engine_;
  kernels::ResizeAxis rows_, columns_;
  std::vector<float> row_, share_row_, blend_;  // of the model's width, and of the logits'
  std::vector<float> evidence_, share_;         // of the logits' size
  std::vector<std::uint8_t> cells_;
  std::vector<float> selected_;
  std::vector<int> cell_columns_;
  bool measures_ = false;
  StepTime pre_{"pre", "normalise", 0, 0, 0}, post_{"post", "mask and labels", 0, 0, 0};
};

// oneDNN ends the process where it finds no pages for the code that it makes. So what opening needs
// is asked for beforehand, and given back: measured for Base 3.3 times the weights as floats, and
// up to 148 bytes for each pixel of a picture of 448 x 448 to 2048 x 2048.
void expect_room(const SafetensorsFile& file, const ModelDescription& model) {
  std::size_t values = 0;
  for (const auto& tensor : file.tensors()) values += tensor.bytes / dtype_size(tensor.dtype);
  const std::size_t pixels = std::size_t(model.height) * std::size_t(model.width);
  const std::size_t bytes = values * sizeof(float) * 7 / 2 + pixels * 160 + (std::size_t(16) << 20);
  void* room =
      ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) throw std::bad_alloc();
  ::munmap(room, bytes);
}

bool is_listed(const std::string& list, const std::string& name) {
  return ("," + list + ",").find("," + name + ",") != std::string::npos;
}

Arithmetic arithmetic_of(const std::string& precision, const SafetensorsFile& file) {
  const auto entry = file.metadata().find(kPrecisionsKey);
  const std::string as_good = entry == file.metadata().end() ? "" : entry->second;
  for (const auto fast : {Arithmetic::kInt8, Arithmetic::kBFloat16}) {
    const bool is_chosen =
        precision == "auto" && is_supported(fast) && is_listed(as_good, to_string(fast));
    if (is_chosen || precision == to_string(fast)) return fast;
  }
  return Arithmetic::kFloat32;
}

}  // namespace

std::unique_ptr<EngineSegmenter> open_engine_segmenter(const std::string& path,
                                                       const SegmenterOptions& options) {
  try {
    const auto file = SafetensorsFile::open(path);
    auto description = describe_model(path, file.metadata(), read_model_config(file), options);
    expect_room(file, description);
    EngineOptions how;
    how.arithmetic = arithmetic_of(options.precision, file);
    how.height = description.height;
    how.width = description.width;
    return std::make_unique<Planned>(std::move(description), Engine::open(file, how));
  } catch (const std::bad_alloc&) {
    throw FileError(path, "", "cannot be loaded: no memory left");
  }
}

}  // namespace lightavseg
