// SPDX-License-Identifier: LGPL-2.1-or-later
// The results of a table, as a table: mean and spread over the seeds beside the paper's numbers,
// and which of the paper's orderings hold.
#pragma once

#include <string>
#include <vector>

#include "model/training/ablation.h"

namespace lightavseg {

// Mean and sample standard deviation (n - 1 below the root; 0 for one value).
struct Spread {
  double mean = 0;
  double deviation = 0;
  int count = 0;
};
Spread spread_of(const std::vector<double>& values);

// Two rows that the paper tells apart, or, where it has no numbers, two in the order of the table.
struct Ordering {
  std::string better, worse;    // by the paper's numbers; else the later and the earlier one
  double paper_difference = 0;  // 0 where the paper has no numbers
  double difference = 0;        // of the means
  // Standard error of the difference, from the two spreads as independent samples.
  double error = 0;
  bool holds() const { return difference > 0; }
  // More than two standard errors from 0, one way or the other: otherwise the seeds say nothing.
  bool certain() const { return error > 0 && (difference > 2 * error || difference < -2 * error); }
};

class AblationSummary {
 public:
  // results[row][k]: of the table's rows, as many seeds as are finished. Throws AblationError for a
  // figure of the table that a result lacks.
  AblationSummary(const AblationTable& table,
                  const std::vector<std::vector<AblationResult>>& results);

  // All pairs of rows that the paper gives different numbers, or all pairs where the table compares
  // with none, and that both have results.
  std::vector<Ordering> orderings() const;

  // IoUs and shares in percent.
  std::string markdown() const;
  // One line per row: name, runs, parameters, macs, NAME_mean and NAME_deviation per figure (0..1),
  // and the paper's columns.
  std::string csv() const;
  std::string json() const;

 private:
  Spread figure(size_t row, const std::string& name) const;

  const AblationTable& table_;
  const std::vector<std::vector<AblationResult>>& results_;
};

}  // namespace lightavseg
