// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg train: runs the stages of a configuration file.
#include "model/training/trainer.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <vector>

#include "model/training/gloo_communicator.h"
#include "pipelines/tool/command.h"
#include "pipelines/tool/interrupt.h"

namespace lightavseg::tool {
namespace {

struct Options {
  std::string config;
  std::vector<std::string> changes;
  double minutes = 0;
  int nproc = 1;
  std::string teacher;
  TrainerOptions trainer;
};

std::vector<pid_t> children;

void pass_on(int signal) {
  for (pid_t child : children) kill(child, signal);
}

// Starts this command once more per rank and waits for all; fails if one fails.
void launch(int count) {
  if (!has_gloo()) throw UsageError("train: --nproc needs a build with gloo (Debian: libgloo-dev)");
  std::vector<std::string> arguments;
  {
    std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen("/proc/self/cmdline", "r"), std::fclose);
    std::string text;
    for (int c; file && (c = std::fgetc(file.get())) != EOF;) {
      if (c != 0) {
        text += char(c);
        continue;
      }
      arguments.push_back(text);
      text.clear();
    }
  }
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (auto& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  setenv("LIGHTAVSEG_RANKS", std::to_string(count).c_str(), 1);
  setenv("LIGHTAVSEG_JOB", std::to_string(getpid()).c_str(), 1);
  for (int rank = 0; rank < count; ++rank) {
    setenv("LIGHTAVSEG_RANK", std::to_string(rank).c_str(), 1);
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("train: a process could not be started");
    if (child == 0) {
      execv("/proc/self/exe", argv.data());
      _exit(127);
    }
    children.push_back(child);
  }
  struct sigaction action = {};
  action.sa_handler = pass_on;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  bool failed = false;
  for (size_t left = children.size(); left > 0;) {
    int status = 0;
    const pid_t child = wait(&status);
    if (child < 0) continue;  // a signal came
    --left;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    // The others would wait for this one until their time is up.
    if (!failed) pass_on(SIGKILL);
    failed = true;
  }
  if (failed) throw std::runtime_error("train: a process of the run failed; see above");
}

void run(Options& o) {
  const auto place = process_place_from_environment();
  if (!place && o.nproc > 1) return launch(o.nproc);
  auto changes = o.changes;
  // Paths of the file are relative to it, those of the command line to the working folder.
  if (!o.teacher.empty())
    changes.push_back("model.teacher=" + std::filesystem::absolute(o.teacher).string());
  const auto config = read_train_config(o.config, changes);
  o.trainer.stop = stop_on_signals();
  o.trainer.max_seconds = o.minutes * 60;
  auto others = std::make_unique<Communicator>();
  if (place && place->size > 1) {
    std::filesystem::create_directories(config.out);
    others = join_processes(*place, config.out / ("meeting-" + place->job));
  }
  const auto result = train(config, *others, o.trainer);
  if (others->rank() > 0) return;
  if (place) std::filesystem::remove(config.out / ("meeting-" + place->job));
  if (result == TrainResult::kStopped)
    fmt::print("stopped; go on with: lightavseg train {} --resume\n", o.config);
  else
    fmt::print("finished: {}\n", (config.out / "model.safetensors").string());
}

}  // namespace

void add_train(CLI::App& app) {
  auto* command = app.add_subcommand("train", "Train a model as a TOML file says");
  auto o = std::make_shared<Options>();
  command->add_option("CONFIG", o->config, "Configuration (TOML)")->required();
  command->add_option("--set", o->changes,
                      "Change a key: run.seed=3, stage.NAME.steps=100 (may be repeated)");
  command->add_option("--teacher", o->teacher,
                      "Learn the soft masks and audio states of this larger model too");
  command->add_flag("--resume", o->trainer.resume, "Go on from the last checkpoint");
  command->add_flag("--other-config", o->trainer.other_config,
                    "Resume with a changed configuration, from the weights that fit");
  command->add_option("--minutes", o->minutes, "Stop with a checkpoint after that time")
      ->check(CLI::Range(0.0, 1e6));
  command
      ->add_option("--nproc", o->nproc,
                   "Processes on this machine; under srun and mpirun every task is one by itself")
      ->check(CLI::Range(1, 1024));
  command->add_flag("--quiet", o->trainer.quiet, "No progress line");
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
