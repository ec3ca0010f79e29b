// SPDX-License-Identifier: LGPL-2.1-or-later
// A batch as an array of jobs of Slurm.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "pipelines/tool/batch_jobs.h"

namespace lightavseg::tool {

struct SlurmBatch {
  std::filesystem::path program;     // lightavseg
  std::vector<std::string> options;  // of `lightavseg batch`, without inputs, -o and --shard
  std::vector<BatchItem> items;
  std::filesystem::path out;        // folder of the results, seen by all nodes
  int shards = 1;                   // jobs of the array
  bool wait = false;                // until all of them have ended
  std::vector<std::string> sbatch;  // options of sbatch
};

// Submits the array and returns the number of the job. The list of inputs and the reports of the
// jobs lie in OUT/.lightavseg-batch, what the jobs print in OUT/.lightavseg-batch/JOB-TASK.log.
// Throws std::runtime_error with what sbatch says.
std::string submit_batch(const SlurmBatch& batch);

// After the jobs have ended: what became of each item, from the reports of the jobs and from the
// results that are there.
std::vector<BatchOutcome> collect_batch(const SlurmBatch& batch);

}  // namespace lightavseg::tool
