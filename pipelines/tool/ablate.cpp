// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg ablate: the rows of a table, trained, measured and put beside the paper's numbers.
#include "model/training/ablation.h"

#include <fmt/format.h>

#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "pipelines/tool/command.h"
#include "pipelines/tool/interrupt.h"

namespace lightavseg::tool {
namespace {

struct Options {
  std::string table, recipe, out;
  double minutes = 0;
  AblationOptions ablation;
};

void run(Options& o) {
  auto table = read_ablation_table(o.table);
  if (!o.recipe.empty()) table.recipe = o.recipe;
  if (!o.out.empty()) table.out = o.out;
  o.ablation.stop = stop_on_signals();
  o.ablation.max_seconds = o.minutes * 60;
  if (run_ablation(table, o.ablation) == AblationState::kStopped) {
    fmt::print("stopped; the same command goes on\n");
    return;
  }
  std::cout << std::ifstream(table.out / "summary.md").rdbuf();
}

}  // namespace

void add_ablate(CLI::App& app) {
  auto* command =
      app.add_subcommand("ablate", "Train and measure the rows of a table of the paper");
  auto o = std::make_shared<Options>();
  command->add_option("TABLE", o->table, "Rows, seeds and figures (TOML)")->required();
  command->add_option("--recipe", o->recipe, "Another training file than the table's");
  command->add_option("--out", o->out, "Another folder for the results than the table's");
  command->add_option("--set", o->ablation.changes,
                      "Change a key of the training file for all rows, as in train (may be "
                      "repeated); what a row sets itself stays");
  command->add_option("--row", o->ablation.rows, "Do only this row (may be repeated)");
  command->add_option("--seed", o->ablation.seeds, "Do only this seed (may be repeated)");
  command->add_option("--threads", o->ablation.threads, "Threads of the evaluation")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--minutes", o->minutes, "Stop with a checkpoint after that time")
      ->check(CLI::Range(0.0, 1e6));
  command->add_flag("--quiet", o->ablation.quiet, "No progress line");
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
