// SPDX-License-Identifier: LGPL-2.1-or-later
// The reference: the network on LibTorch, operator by operator, as a module of its own.
//
// Threads. How an operator is shared out over threads changes the last digits of its sums, in
// oneDNN and in OpenBLAS, so that masks would depend on the machine. Every operator of this engine
// therefore has one thread, whatever SegmenterOptions::threads allows. LibTorch keeps that number
// per thread with a default for the process, and OpenBLAS keeps one for the process: both are set
// before each frame, on the thread that asks for it, and not set back, since setting the default is
// neither atomic nor cheap. A program that runs LibTorch itself beside this keeps its own number on
// threads that have run an operator before.
//
// Formulas, with l the logits at the finest stage (a quarter of the model's size by default):
//   mask          m = l_0
//   mask+classes  the same; the classes are l_1 (background), l_2 ...
//   semantic      m = ln sum_{k > 0} exp(l_k) - l_0, so that sigmoid(m) = 1 - softmax(l)_0; the
//                 classes are l_0 (background), l_1 ...
//   mask          = sigmoid(m resized bilinearly to the model's size)
// A selection S of classes multiplies the mask by the share that S has of the classes other than
// background, sum_{k in S} p_k / sum_{k > 0} p_k with p the softmax over the classes: a pixel of a
// selected class keeps its probability, one of another class loses it, and one where two classes
// are equally likely keeps half. The background cancels out, so the share is the sum over S of the
// softmax over the other classes alone. It is taken at the finest stage and resized bilinearly, and
// labels are those of the cell under the pixel: in every pixel the classes would cost sixteen times
// as much, a third of the small networks' own time.
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

#include "model/files/file_error.h"
#include "model/inference/model_description.h"
#include "model/inference/reference_entry.h"
#include "model/inference/segmenter.h"
#include "model/inference/version.h"
#include "model/libtorch/operator_threads.h"
#include "model/network/model_file.h"

namespace lightavseg {
namespace {

// Bytes to normalised values, a table per colour.
using Normalisation = std::array<std::array<float, 256>, 3>;

Normalisation make_normalisation() {
  Normalisation table;
  for (size_t c = 0; c < 3; ++c)
    for (size_t v = 0; v < 256; ++v)
      table[c][v] = (float(v) / 255.0f - kImageMean[c]) / kImageStd[c];
  return table;
}

// NaN marks nothing.
float probability(float value) {
  return std::min(1.0f, std::max(0.0f, value));
}

class NetworkSegmenter final : public Segmenter {
 public:
  NetworkSegmenter(const std::string& path, const SegmenterOptions& options) {
    Metadata metadata;
    network_ = load_model(path, &metadata);
    description_ = describe_model(path, metadata, network_->config(), options);
    torch::NoGradGuard no_grad;
    for (auto& p : network_->parameters())
      if (p.dim() == 4) p.set_data(p.contiguous(torch::MemoryFormat::ChannelsLast));
    frame_ = torch::empty({1, 3, description_.height, description_.width},
                          torch::TensorOptions().memory_format(torch::MemoryFormat::ChannelsLast));
  }

  const ModelDescription& description() const override { return description_; }

  void segment(const std::uint8_t* rgb, const float* log_mel, int frames, bool heard_before,
               const ClassSelection& selection, Segmentation& out) override {
    check_selection(description_, selection);
    try {
      use_single_threaded_operators();
      c10::InferenceMode inference;
      if (!heard_before || !audio_.defined()) hear(log_mel, frames);
      look(rgb);
      const auto logits =
          network_->forward_with_audio(frame_, audio_, nullptr, LogitSize::kFinestStage).logits;
      tell(logits, selection, out);
    } catch (const c10::Error& error) {  // is no std::runtime_error
      throw std::runtime_error(
          fmt::format("{}: {}", description_.path, error.what_without_backtrace()));
    } catch (const std::bad_alloc&) {
      throw std::runtime_error(description_.path + ": no memory left to run the network");
    }
  }

 private:
  void hear(const float* log_mel, int frames) {
    audio_ = torch::Tensor();  // when this throws, there is none
    auto features = torch::empty({1, 1, std::max(frames, 0), dsp::kMelBands});
    std::copy_n(log_mel, features.numel(), features.data_ptr<float>());
    audio_ = network_->audio_state(features);
  }

  void look(const std::uint8_t* rgb) {
    static const Normalisation table = make_normalisation();
    float* to = frame_.data_ptr<float>();  // channels-last: in the order of the bytes
    const std::int64_t pixels = std::int64_t(description_.height) * description_.width;
    for (std::int64_t i = 0; i < pixels; ++i, rgb += 3, to += 3)
      for (size_t c = 0; c < 3; ++c) to[c] = table[c][rgb[c]];
  }

  // logits [1, C, h, w] of the finest stage.
  void tell(const torch::Tensor& logits, const ClassSelection& selection, Segmentation& out) const {
    const Head head = network_->config().head;
    const auto evidence = head == Head::kSemantic
                              ? logits.slice(1, 1).logsumexp(1, true) - logits.slice(1, 0, 1)
                              : logits.slice(1, 0, 1);
    auto mask = enlarged(evidence).sigmoid();
    const auto classes = head == Head::kMaskAndClasses ? logits.slice(1, 1) : logits;
    if (std::find(selection.begin(), selection.end(), false) != selection.end())
      mask = mask * enlarged(share_of(selection, classes.slice(1, 1).softmax(1)));
    mask = mask.contiguous();
    const float* p = mask.data_ptr<float>();
    out.height = description_.height;
    out.width = description_.width;
    out.mask.resize(size_t(mask.numel()));
    std::transform(p, p + mask.numel(), out.mask.begin(), probability);
    if (head == Head::kMask)
      out.labels.clear();
    else
      label(classes, out);
  }

  // [1, 1, h, w] -> the model's size.
  torch::Tensor enlarged(const torch::Tensor& map) const {
    return resize_bilinear(map.contiguous(), description_.height, description_.width);
  }

  // Probabilities [1, K, h, w] -> their sum over the selected classes, [1, 1, h, w].
  static torch::Tensor share_of(const ClassSelection& selection, const torch::Tensor& p) {
    auto share = torch::zeros({1, 1, p.size(2), p.size(3)});
    for (size_t k = 0; k < selection.size(); ++k)
      if (selection[k]) share += p.slice(1, std::int64_t(k), std::int64_t(k) + 1);
    return share;
  }

  // Logits [1, K, h, w]; the lowest class where two are equal.
  static void label(const torch::Tensor& classes, Segmentation& out) {
    const auto rows = classes.permute({0, 2, 3, 1}).contiguous();
    const std::int64_t height = rows.size(1), width = rows.size(2), k = rows.size(3);
    const float* row = rows.data_ptr<float>();
    std::vector<std::uint8_t> cells(size_t(height * width));
    for (auto& cell : cells) {
      cell = std::uint8_t(std::max_element(row, row + k) - row);
      row += k;
    }
    out.labels.resize(out.mask.size());
    auto to = out.labels.begin();
    for (std::int64_t y = 0; y < out.height; ++y) {
      const auto* line = cells.data() + (2 * y + 1) * height / (2 * out.height) * width;
      for (std::int64_t x = 0; x < out.width; ++x)
        *to++ = line[(2 * x + 1) * width / (2 * out.width)];
    }
  }

  ModelDescription description_;
  LightAVSeg network_{nullptr};
  torch::Tensor frame_;  // [1, 3, H, W], channels-last, the memory of every frame
  torch::Tensor audio_;  // A_0 of the window heard last
};

}  // namespace

}  // namespace lightavseg

const char* lightavseg_reference_version() {
  return LIGHTAVSEG_VERSION;
}

lightavseg::Segmenter* lightavseg_open_reference(const std::string& path,
                                                 const lightavseg::SegmenterOptions& options) {
  using lightavseg::FileError;
  try {
    return std::make_unique<lightavseg::NetworkSegmenter>(path, options).release();
  } catch (const c10::Error& error) {
    throw FileError(path, "", std::string("cannot be loaded: ") + error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    throw FileError(path, "", "cannot be loaded: no memory left");
  }
}
