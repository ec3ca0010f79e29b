// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg train: runs the stages of a configuration file.
#include "model/training/trainer.h"

#include <fmt/format.h>

#include <csignal>
#include <memory>

#include "pipelines/tool/command.h"

namespace lightavseg::tool {
namespace {

volatile std::sig_atomic_t stop_requested = 0;

void request_stop(int) {
  stop_requested = 1;
}

struct Options {
  std::string config;
  std::vector<std::string> changes;
  double minutes = 0;
  TrainerOptions trainer;
};

void run(Options& o) {
  const auto config = read_train_config(o.config, o.changes);
  struct sigaction action = {};
  action.sa_handler = request_stop;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  o.trainer.stop = &stop_requested;
  o.trainer.max_seconds = o.minutes * 60;
  Communicator alone;
  if (train(config, alone, o.trainer) == TrainResult::kStopped)
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
  command->add_flag("--resume", o->trainer.resume, "Go on from the last checkpoint");
  command->add_flag("--other-config", o->trainer.other_config,
                    "Resume with a changed configuration, from the weights that fit");
  command->add_option("--minutes", o->minutes, "Stop with a checkpoint after that time")
      ->check(CLI::Range(0.0, 1e6));
  command->add_flag("--quiet", o->trainer.quiet, "No progress line");
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
