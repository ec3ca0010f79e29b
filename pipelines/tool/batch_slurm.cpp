// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/batch_slurm.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "model/files/atomic_file.h"
#include "pipelines/tool/child_process.h"
#include "pipelines/tool/interrupt.h"
#include "pipelines/tool/usage_error.h"

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;

fs::path state_folder(const fs::path& out) {
  return fs::absolute(out) / ".lightavseg-batch";
}

fs::path report_of(const fs::path& out, int shard) {
  return state_folder(out) / fmt::format("shard-{}.json", shard);
}

// For a shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string script_of(const SlurmBatch& batch, const fs::path& list) {
  const fs::path out = fs::absolute(batch.out);
  std::string text = "#!/bin/sh\nexec " + quoted(batch.program.string()) + " batch -";
  for (const auto& option : batch.options) text += " " + quoted(option);
  text += fmt::format(
      " -o {} --shard \"$SLURM_ARRAY_TASK_ID/{}\" --json {}/shard-\"$SLURM_ARRAY_TASK_ID\".json < "
      "{}\n",
      quoted(out.string()), batch.shards, quoted(state_folder(out).string()),
      quoted(list.string()));
  return text;
}

}  // namespace

std::string submit_batch(const SlurmBatch& batch) {
  if (!has_program("sbatch"))
    throw std::runtime_error(
        "--executor slurm: sbatch is not there (Debian: slurm-client); run this where jobs are "
        "submitted");
  const fs::path folder = state_folder(batch.out);
  fs::create_directories(folder);
  std::string lines;
  for (const auto& item : batch.items) {
    const std::string path = fs::absolute(item.input).string();
    if (path.find('\n') != std::string::npos)
      throw UsageError(fmt::format("{}: a name with a line break cannot be in a list", path));
    lines += path + "\n";
  }
  const fs::path list = folder / "inputs.txt";
  const fs::path script = folder / "job.sh";
  write_atomically(list, lines);
  write_atomically(script, script_of(batch, list));
  std::error_code ignored;
  for (int i = 1; i <= batch.shards; ++i) fs::remove(report_of(batch.out, i), ignored);
  std::vector<std::string> command = {"sbatch", "--parsable", "--job-name=lightavseg",
                                      fmt::format("--array=1-{}", batch.shards),
                                      fmt::format("--output={}/%A-%a.log", folder.string())};
  if (batch.wait) command.push_back("--wait");
  command.insert(command.end(), batch.sbatch.begin(), batch.sbatch.end());
  command.push_back(script.string());
  ChildProcess sbatch(command, ChildProcess::Input::kNothing);
  while (!sbatch.ended()) {
    if (interrupted()) {
      sbatch.send(SIGTERM);
      throw Interrupted();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  // NUMBER or NUMBER;CLUSTER. With --wait the exit code is that of the jobs, which tell of each
  // file themselves.
  const std::string printed = sbatch.printed();
  std::string job = printed.substr(0, printed.find_first_of(";\n"));
  if (job.empty()) throw std::runtime_error("sbatch: " + sbatch.complained());
  return job;
}

std::vector<BatchOutcome> collect_batch(const SlurmBatch& batch) {
  std::map<std::string, nlohmann::json> files;  // by input
  for (int i = 1; i <= batch.shards; ++i) {
    std::ifstream stream(report_of(batch.out, i));
    const auto report = nlohmann::json::parse(stream, nullptr, false);
    if (!report.is_object() || !report.contains("files")) continue;
    for (const auto& file : report["files"]) files[file.value("input", "")] = file;
  }
  std::vector<BatchOutcome> outcomes;
  for (const auto& item : batch.items) {
    BatchOutcome outcome;
    outcome.item = item;
    const auto found = files.find(fs::absolute(item.input).string());
    const auto file = found == files.end() ? nlohmann::json::object() : found->second;
    const std::string state = file.value("state", "");
    outcome.frames = file.value("frames", 0ul);
    outcome.seconds = file.value("seconds", 0.0);
    outcome.sound = file.value("sound", false);
    outcome.notes = file.value("notes", std::vector<std::string>());
    outcome.problem = file.value("problem", "");
    if (is_finished(item)) {
      outcome.state = state == "skipped" ? BatchState::kSkipped : BatchState::kDone;
    } else {
      outcome.state = BatchState::kFailed;
      if (outcome.problem.empty())
        outcome.problem = fmt::format("{}: its job ended without a result; see the logs in {}",
                                      item.input.string(), state_folder(batch.out).string());
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

}  // namespace lightavseg::tool
