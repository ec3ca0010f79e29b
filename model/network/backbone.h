// SPDX-License-Identifier: LGPL-2.1-or-later
// What the rest of the network asks of its backbones. Each lives in a file of its own.
#pragma once

#include <torch/torch.h>

namespace lightavseg {

struct VisualBackbone : torch::nn::Module {
  // Stage `index` (from 0) of its input; the output has stride 4, 8, 16, 32 or 64 of the frame:
  // [B, C_(i-1), H, W] -> [B, C_i, ceil(H/2), ceil(W/2)] (stage 0: 3 channels in, a quarter out),
  // with C_i from ModelConfig::stage_channels().
  virtual torch::Tensor stage(int index, torch::Tensor x) = 0;
};

// The paper freezes the audio network: unless set_trainable(true) was called, train() leaves it in
// eval mode, else batch norm would silently use the statistics of the batch while the parent
// trains. Constructors of subclasses end in set_trainable(false).
struct AudioBackbone : torch::nn::Module {
  // Log-mel [N, 1, T, 64] of the network's front end -> [N, ModelConfig::audio_channels()].
  // Throws c10::Error where the shape does not fit.
  virtual torch::Tensor forward(const torch::Tensor& log_mel) = 0;

  void train(bool on = true) override { torch::nn::Module::train(on && trainable_); }

  // For the trainer that makes this network; the parent never does it.
  void set_trainable(bool on) {
    trainable_ = on;
    for (auto& p : parameters()) p.set_requires_grad(on);
    train(on);
  }

 private:
  bool trainable_ = false;
};

// The first `frames` rows of a log-mel [N, 1, T, 64], the patch that VGGish and YAMNet take of a
// second. Throws c10::Error where the shape is another or there are fewer.
inline torch::Tensor first_patch(const torch::Tensor& log_mel, int64_t frames) {
  TORCH_CHECK(log_mel.dim() == 4 && log_mel.size(1) == 1 && log_mel.size(3) == 64,
              "log-mel must be [N, 1, T, 64], found ", log_mel.sizes());
  TORCH_CHECK(log_mel.size(2) >= frames, "log-mel needs at least ", frames, " frames, found ",
              log_mel.size(2));
  return log_mel.slice(2, 0, frames);
}

}  // namespace lightavseg
