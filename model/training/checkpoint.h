// SPDX-License-Identifier: LGPL-2.1-or-later
// The state of a training run on disk.
//
// A run folder holds checkpoint.safetensors and checkpoint-previous.safetensors; both are written
// atomically and carry a checksum of their contents, so that a damaged file is noticed and the one
// before it used.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace lightavseg {

// Less than any validation score.
constexpr double kNoScore = -1;

struct Checkpoint {
  std::string fingerprint;  // TrainConfig::fingerprint of the run
  int stage = 0;            // index of the stage
  std::int64_t step = 0;    // steps done in it
  std::int64_t adam_steps = 0;
  std::int64_t ema_steps = 0;
  double best = kNoScore;  // best validation figure so far
  std::map<std::string, torch::Tensor> tensors;
};

// Moves the current checkpoint to the previous one and writes a new one. Throws FileError.
void save_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint);

// The newest undamaged checkpoint of a folder, nothing if there is none at all. Damaged files are
// told in `warnings`. Throws FileError when every file that is there is damaged.
std::optional<Checkpoint> load_checkpoint(const std::filesystem::path& folder,
                                          std::vector<std::string>* warnings);

}  // namespace lightavseg
