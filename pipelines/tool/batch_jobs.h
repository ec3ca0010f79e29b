// SPDX-License-Identifier: LGPL-2.1-or-later
// Many runs, some at a time, each in a process of its own: a file that crashes a decoder takes only
// its own run with it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pipelines/tool/batch_items.h"

namespace lightavseg::tool {

enum class BatchState { kDone, kSkipped, kFailed, kNotDone };

const char* to_string(BatchState state);

struct BatchOutcome {
  BatchItem item;
  BatchState state = BatchState::kNotDone;
  std::string problem;       // one line, of kFailed
  std::string sheet;         // path of its contact sheet; empty: none
  unsigned long frames = 0;  // of kDone
  double seconds = 0;        // of video
  bool sound = false;
  std::vector<std::string> notes;  // of the run
};

struct BatchJobs {
  std::vector<std::string> command;  // program and options of every run
  // What main() does with such a command, never empty. Called in a copy of this process where that
  // can be made, which is as if the program were started, less the time that it takes to start.
  std::function<int(const std::vector<std::string>&)> program;
  std::filesystem::path sheets;  // folder of contact sheets; empty: none
  std::filesystem::path out;     // folder of the results
  int at_once = 1;
};

// Works on the items that are not finished. on_outcome is called for each item, finished ones too,
// in the order in which they end. After interrupted() the runs that are going are stopped, which
// removes what is incomplete, and the rest is kNotDone. Returns the outcomes in the order of the
// items.
std::vector<BatchOutcome> run_batch(const BatchJobs& jobs, const std::vector<BatchItem>& items,
                                    const std::function<void(const BatchOutcome&)>& on_outcome);

}  // namespace lightavseg::tool
