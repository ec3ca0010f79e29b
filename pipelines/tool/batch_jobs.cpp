// SPDX-License-Identifier: LGPL-2.1-or-later
#include "pipelines/tool/batch_jobs.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <list>
#include <nlohmann/json.hpp>
#include <thread>

#include "pipelines/tool/child_process.h"
#include "pipelines/tool/interrupt.h"

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;

constexpr auto kPoll = std::chrono::milliseconds(20);
// How long a run that was asked to stop may take to clean up.
constexpr auto kGrace = std::chrono::seconds(10);

struct Job {
  std::size_t index;
  ChildProcess process;
};

fs::path sheet_of(const BatchJobs& jobs, const BatchItem& item) {
  const fs::path result = item.result.has_filename() ? item.result : item.result.parent_path();
  return jobs.sheets / (result.lexically_relative(jobs.out).string() + ".png");
}

// The line that the tool says what is wrong with, without its own name.
std::string problem_of(const BatchItem& item, int code, std::string text) {
  constexpr const char* kName = "lightavseg: ";
  const auto start = text.rfind(kName);
  if (start == std::string::npos) {
    return code > 128
               ? fmt::format("{}: the run was ended by signal {}", item.input.string(), code - 128)
               : fmt::format("{}: the run ended with {}", item.input.string(), code);
  }
  text = text.substr(start + std::char_traits<char>::length(kName));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

void take_summary(const std::string& text, BatchOutcome& outcome) {
  const auto summary = nlohmann::json::parse(text, nullptr, false);
  if (!summary.is_object()) return;
  outcome.frames = summary.value("frames", 0ul);
  outcome.seconds = summary.value("seconds", 0.0);
  outcome.sound = summary.value("sound", false);
  outcome.notes = summary.value("notes", std::vector<std::string>());
}

std::vector<std::string> arguments(const BatchJobs& jobs, const BatchItem& item) {
  auto all = jobs.command;
  if (!jobs.sheets.empty()) {
    all.push_back("--contact-sheet");
    all.push_back(sheet_of(jobs, item).string());
  }
  all.insert(all.end(), {"-o", item.result.string(), "--", item.input.string()});
  return all;
}

ChildProcess start_run(const BatchJobs& jobs, const BatchItem& item) {
  const auto command = arguments(jobs, item);
  if (has_one_thread()) return ChildProcess([&] { return jobs.program(command); });
  return ChildProcess(command, ChildProcess::Input::kNothing);
}

// Folders of the result, and away with a folder of pictures that is older than its input.
void make_room(const BatchJobs& jobs, const BatchItem& item) {
  if (item.result.has_filename()) {
    fs::create_directories(item.result.parent_path());
  } else {
    fs::remove_all(item.result.parent_path());
    fs::create_directories(item.result.parent_path().parent_path());
  }
  if (!jobs.sheets.empty()) fs::create_directories(sheet_of(jobs, item).parent_path());
}

void stop_all(std::list<Job>& running) {
  for (const Job& job : running) job.process.send(SIGTERM);
  const auto end = std::chrono::steady_clock::now() + kGrace;
  while (!running.empty() && std::chrono::steady_clock::now() < end) {
    running.remove_if([](Job& job) { return job.process.ended().has_value(); });
    std::this_thread::sleep_for(kPoll);
  }
  running.clear();
}

}  // namespace

const char* to_string(BatchState state) {
  switch (state) {
    case BatchState::kDone:
      return "done";
    case BatchState::kSkipped:
      return "skipped";
    case BatchState::kFailed:
      return "failed";
    case BatchState::kNotDone:
      return "not done";
  }
  return "";
}

std::vector<BatchOutcome> run_batch(const BatchJobs& jobs, const std::vector<BatchItem>& items,
                                    const std::function<void(const BatchOutcome&)>& on_outcome) {
  std::vector<BatchOutcome> outcomes(items.size());
  std::list<Job> running;
  const auto end = [&](std::size_t index, BatchState state, const std::string& problem = "") {
    BatchOutcome& outcome = outcomes[index];
    outcome.state = state;
    outcome.problem = problem;
    std::error_code ignored;
    const fs::path sheet = jobs.sheets.empty() ? fs::path() : sheet_of(jobs, outcome.item);
    if (!sheet.empty() && state != BatchState::kFailed && fs::exists(sheet, ignored))
      outcome.sheet = sheet.string();
    on_outcome(outcome);
  };
  const auto start = [&](std::size_t index) {
    const BatchItem& item = items[index];
    outcomes[index].item = item;
    if (!item.problem.empty()) return end(index, BatchState::kFailed, item.problem);
    if (is_finished(item)) return end(index, BatchState::kSkipped);
    try {
      make_room(jobs, item);
      running.push_back({index, start_run(jobs, item)});
    } catch (const std::exception& error) {
      end(index, BatchState::kFailed, fmt::format("{}: {}", item.input.string(), error.what()));
    }
  };
  const auto collect = [&](Job& job) {
    const auto code = job.process.ended();
    if (!code) return false;
    if (*code == 0) {
      take_summary(job.process.printed(), outcomes[job.index]);
      end(job.index, BatchState::kDone);
    } else if (!interrupted()) {
      end(job.index, BatchState::kFailed,
          problem_of(items[job.index], *code, job.process.complained()));
    }
    return true;
  };
  std::size_t next = 0;
  while (!interrupted() && (next < items.size() || !running.empty())) {
    while (next < items.size() && running.size() < static_cast<std::size_t>(jobs.at_once) &&
           !interrupted())
      start(next++);
    running.remove_if(collect);
    if (!running.empty()) std::this_thread::sleep_for(kPoll);
  }
  stop_all(running);
  for (; next < items.size(); ++next) outcomes[next].item = items[next];
  return outcomes;
}

}  // namespace lightavseg::tool
