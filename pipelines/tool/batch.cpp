// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg batch: many recorded files, each with its sounding objects marked.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <thread>

#include "model/files/atomic_file.h"
#include "pipelines/tool/batch_items.h"
#include "pipelines/tool/batch_jobs.h"
#include "pipelines/tool/batch_report.h"
#include "pipelines/tool/batch_slurm.h"
#include "pipelines/tool/command.h"
#include "pipelines/tool/interrupt.h"
#include "pipelines/tool/progress_bar.h"
#include "pipelines/tool/result_format.h"

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> inputs, properties, sbatch;
  std::string out, content, ending, model, shard = "1/1", json, html, executor = "local";
  int jobs = 1, threads = 0, shards = 0, audio_track = 1;
  bool quiet = false, again = false, wait = false, side_by_side = false;
};

// What decides how the results look, as options of `lightavseg run`.
std::vector<std::string> look_of(const Options& o) {
  std::vector<std::string> options;
  if (!o.content.empty()) options.insert(options.end(), {"--output", o.content});
  if (!o.model.empty()) options.insert(options.end(), {"--model", fs::absolute(o.model).string()});
  if (o.audio_track != 1)
    options.insert(options.end(), {"--audio-track", std::to_string(o.audio_track)});
  for (const auto& p : o.properties) options.insert(options.end(), {"--set", p});
  if (o.side_by_side) options.push_back("--side-by-side");
  return options;
}

std::string ending_of(const Options& o) {
  if (!o.ending.empty()) return o.ending == ".png" ? "/" : o.ending;
  std::optional<Content> content;
  if (!o.content.empty()) content = content_of(o.content);
  return default_ending(content);
}

// Results of different settings under one roof would look as if they were of the same.
void check_settings(const Options& o) {
  std::string settings = ending_of(o) + "\n";
  for (const auto& option : look_of(o)) settings += option + "\n";
  const fs::path path = fs::path(o.out) / ".lightavseg-batch" / "settings.txt";
  std::ifstream file(path);
  const std::string before{std::istreambuf_iterator<char>(file), {}};
  if (file.is_open() && before != settings && !o.again)
    throw UsageError(fmt::format(
        "{}: the results in this folder were made with other settings ({}); give another folder, "
        "or --again to make them anew",
        o.out, path.string()));
  fs::create_directories(path.parent_path());
  write_atomically(path, settings);
}

void remove_results(const std::vector<BatchItem>& items) {
  for (const auto& item : items) {
    std::error_code ignored;
    fs::remove_all(item.result.has_filename() ? item.result : item.result.parent_path(), ignored);
  }
}

int threads_of(const Options& o) {
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return o.threads > 0 || o.jobs == 1 ? o.threads : std::max(1, cores / o.jobs);
}

void write_reports(const Options& o, const std::vector<BatchOutcome>& outcomes) {
  if (!o.json.empty()) write_atomically(o.json, batch_json(outcomes));
  if (!o.html.empty()) write_atomically(o.html, batch_html(outcomes, o.html));
}

void tell_failure(const BatchOutcome& outcome) {
  fmt::print(stderr, "lightavseg: failed: {}\n", outcome.problem);
}

std::vector<BatchOutcome> run_here(const Options& o, const std::vector<BatchItem>& items) {
  BatchJobs jobs;
  jobs.command = {fs::read_symlink("/proc/self/exe").string(), "run", "--json", "--threads",
                  std::to_string(threads_of(o))};
  const auto look = look_of(o);
  jobs.command.insert(jobs.command.end(), look.begin(), look.end());
  jobs.program = run_tool;
  jobs.out = o.out;
  if (!o.html.empty()) jobs.sheets = fs::path(o.out) / "contact-sheets";
  jobs.at_once = o.jobs;
  ProgressBar bar(!o.quiet, "files");
  std::size_t ended = 0, worked = 0;
  return run_batch(jobs, items, [&](const BatchOutcome& outcome) {
    bar.clear();
    if (outcome.state == BatchState::kFailed) tell_failure(outcome);
    ++ended;
    if (outcome.state != BatchState::kSkipped) ++worked;
    bar.show(double(ended) / double(items.size()), double(worked));
  });
}

// Nothing when the jobs go on by themselves.
std::vector<BatchOutcome> run_on_slurm(const Options& o, const std::vector<BatchItem>& items) {
  SlurmBatch batch;
  batch.program = fs::read_symlink("/proc/self/exe");
  batch.options = look_of(o);
  batch.options.insert(batch.options.end(),
                       {"--as", ending_of(o) == "/" ? ".png" : ending_of(o), "--jobs",
                        std::to_string(o.jobs), "--threads", std::to_string(o.threads)});
  batch.items = items;
  batch.out = o.out;
  batch.shards = o.shards > 0 ? o.shards : int(std::min<std::size_t>(items.size(), 16));
  batch.wait = o.wait;
  batch.sbatch = o.sbatch;
  const std::string job = submit_batch(batch);
  if (!o.quiet) fmt::print("job {} of Slurm, {} parts\n", job, batch.shards);
  if (!o.wait) return {};
  auto outcomes = collect_batch(batch);
  for (const auto& outcome : outcomes) {
    if (outcome.state == BatchState::kFailed) tell_failure(outcome);
  }
  return outcomes;
}

void check(const Options& o) {
  if (o.executor == "slurm" && !o.wait && !(o.json.empty() && o.html.empty()))
    throw UsageError("batch: --json and --html need --wait with --executor slurm");
  if (o.executor == "slurm" && o.shard != "1/1")
    throw UsageError("batch: --shard is what each job of Slurm gets; give --shards N");
  if (o.executor == "slurm" && !o.html.empty())
    throw UsageError("batch: --html is for --executor local");
}

void execute(const Options& o) {
  check(o);
  catch_interrupts();
  const Shard shard = parse_shard(o.shard);
  const std::string ending = ending_of(o);
  fs::create_directories(o.out);
  const auto all = batch_items(o.inputs, std::cin, o.out, ending);
  const auto items = items_of(all, shard);
  check_settings(o);
  if (o.again) remove_results(items);
  const auto outcomes = o.executor == "slurm" ? run_on_slurm(o, items) : run_here(o, items);
  if (o.executor == "slurm" && !o.wait) return;
  write_reports(o, outcomes);
  const BatchCounts counts = count(outcomes);
  if (!o.quiet)
    fmt::print("{} done, {} skipped, {} failed{}\n", counts.done, counts.skipped, counts.failed,
               counts.not_done > 0 ? fmt::format(", {} not done", counts.not_done) : "");
  if (interrupted()) throw Interrupted();
  if (counts.failed > 0)
    throw std::runtime_error(fmt::format("{} of {} files failed", counts.failed, outcomes.size()));
}

}  // namespace

void add_batch(CLI::App& app) {
  auto* command = app.add_subcommand("batch", "Mark what sounds in many video files");
  auto o = std::make_shared<Options>();
  command
      ->add_option("input", o->inputs,
                   "Files, folders, patterns; - for a list on the standard input, one a line")
      ->required();
  command->add_option("-o,--out", o->out, "Folder of the results")->required();
  command->add_option("--output", o->content, "As of run: overlay, alpha, cutout, matte, metadata");
  command->add_option("--as", o->ending, "Ending of the results; .png: a folder for each file")
      ->check(CLI::IsMember({".webm", ".mp4", ".mov", ".mkv", ".png", ".jsonl"}));
  command->add_option("--jobs", o->jobs, "Files at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command->add_option("--shard", o->shard, "i/n: only part i of n, from 1")->capture_default_str();
  command->add_flag("--again", o->again, "Make results anew that are there already");
  command->add_option("--json", o->json, "Write what became of each file");
  command->add_option("--html", o->html, "Write a page with pictures of every result");
  command->add_option("--model", o->model, "As of run");
  command->add_option("--set", o->properties, "As of run (may be repeated)");
  command->add_option("--audio-track", o->audio_track, "As of run")->check(CLI::Range(1, 1000));
  command->add_flag("--side-by-side", o->side_by_side, "As of run");
  command->add_option("--threads", o->threads, "Threads of each file; 0: its share of the cores")
      ->check(CLI::Range(0, 64));
  command->add_flag("--quiet", o->quiet, "Print nothing but failures");
  const char* slurm = "Slurm";
  command->add_option("--executor", o->executor, "local, or slurm: an array of jobs by sbatch")
      ->check(CLI::IsMember({"local", "slurm"}))
      ->capture_default_str()
      ->group(slurm);
  command->add_option("--shards", o->shards, "Jobs of the array; default: one a file, at most 16")
      ->check(CLI::Range(1, 100000))
      ->group(slurm);
  command->add_flag("--wait", o->wait, "Until the jobs have ended, then report")->group(slurm);
  command->add_option("--sbatch", o->sbatch, "Option of sbatch (may be repeated)")->group(slurm);
  command->callback([o] { execute(*o); });
}

}  // namespace lightavseg::tool
