// SPDX-License-Identifier: LGPL-2.1-or-later
// A table of a paper as something to run: rows that change a training configuration, the seeds
// each is trained with, what is measured, and what the paper says. One TOML file;
// docs/ablations.md lists its keys.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "model/training/train_config.h"

namespace lightavseg {

struct AblationRow {
  std::string name;
  std::string folder;                // the name as a folder of the run
  std::vector<std::string> changes;  // of the recipe, "model.har=false"
  // What the paper says, in the order of paper_columns: "mIoU" -> 50.4.
  std::vector<std::pair<std::string, double>> paper;
};

// What the trained models are measured on.
struct AblationEvaluation {
  // Scenes of the recipe's material...
  std::string split = "val";
  int clips = 200;
  std::uint64_t seed = 1;
  int size = 0;  // side of the pictures, pixels; 0: that of the last stage
  // ... or, where it is not empty, a set in the layout of AVSBench.
  std::filesystem::path avsbench;
  std::string subset;              // "s4", "ms3" or "avss"
  std::string protocol = "clean";  // or "avsbench"
};

struct AblationTable {
  std::string title;
  std::filesystem::path recipe;
  std::filesystem::path out;
  std::vector<std::uint64_t> seeds;
  std::vector<std::string> figures;  // columns; names as `lightavseg eval` prints them
  std::vector<std::string> paper_columns;
  // Which figure is held against which number of the paper. No number: a later row is expected to
  // be better than an earlier one. No figure: nothing is compared.
  std::string compare_figure, compare_paper;
  AblationEvaluation evaluation;
  std::vector<std::string> changes;  // of every row, before the row's own
  std::vector<AblationRow> rows;
};

// `recipe` is relative to the folder of the file, `out` and `evaluate.avsbench` to the working
// folder. Throws TrainConfigError naming the key.
AblationTable read_ablation_table(const std::filesystem::path& file);

// The configuration of one row and seed. changes: of all rows, which a row's own win over.
// Throws TrainConfigError naming the row and the key.
TrainConfig row_config(const AblationTable& table, const AblationRow& row, std::uint64_t seed,
                       const std::vector<std::string>& changes = {});

}  // namespace lightavseg
