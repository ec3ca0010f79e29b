// SPDX-License-Identifier: LGPL-2.1-or-later
// Trains and measures the rows of a table, each with several seeds.
//
// Every row and seed is a folder of its own, ROW/seed-N below the table's folder: a training run as
// trainer.h makes it, settings.toml (what it is trained with) and result.json (what was measured).
// What is finished is not done again, and a run that was stopped or killed goes on from its last
// checkpoint, so the same call does whatever is left. Different processes may work at different
// rows and seeds of one folder at the same time.
#pragma once

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/training/ablation_table.h"

namespace lightavseg {

// A folder that holds something else than this table, or a figure that does not exist. The text
// names the file or the key.
class AblationError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What one row and seed gave.
struct AblationResult {
  std::map<std::string, double> figures;  // all of the evaluation
  std::int64_t parameters = 0;
  std::int64_t macs = 0;  // of one frame of 224 x 224 with a log-mel of 96 x 64
};

struct AblationOptions {
  std::vector<std::string> changes;  // of the recipe, for all rows
  // Do only these rows (by name) and seeds; empty: all.
  std::vector<std::string> rows;
  std::vector<std::uint64_t> seeds;
  int threads = 1;  // of the evaluation
  bool quiet = false;
  // As in TrainerOptions; max_seconds counts over all runs, max_steps in each.
  const volatile std::sig_atomic_t* stop = nullptr;
  double max_seconds = 0;
  std::int64_t max_steps = -1;
};

enum class AblationState { kFinished, kStopped };

// Writes summary.md, summary.csv and summary.json into the table's folder after every finished run.
// All configurations are read before the first run starts. Throws AblationError, TrainConfigError
// and what train() and the evaluations throw.
AblationState run_ablation(const AblationTable& table, const AblationOptions& options);

// The result of a folder, nothing if there is none, it cannot be read, or it is of other settings
// (`key`).
std::optional<AblationResult> read_result(const std::filesystem::path& folder,
                                          const std::string& key);

}  // namespace lightavseg
