// SPDX-License-Identifier: LGPL-2.1-or-later
// What the subcommands of the tool share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "pipelines/tool/usage_error.h"

namespace lightavseg::tool {

// Every subcommand registers itself with its options and a callback that runs it.
void add_ablate(CLI::App& app);
void add_batch(CLI::App& app);
void add_bench(CLI::App& app);
void add_calibrate(CLI::App& app);
void add_eval(CLI::App& app);
void add_export(CLI::App& app);
void add_import(CLI::App& app);
void add_info(CLI::App& app);
void add_label(CLI::App& app);
void add_forward(CLI::App& app);
void add_run(CLI::App& app);
void add_synth(CLI::App& app);
void add_train(CLI::App& app);

// What main() does: arguments[0] is the name of the program. Returns the exit code, after one line
// on the standard error output for whatever was thrown.
int run_tool(const std::vector<std::string>& arguments);

// "224" or "180x320" (height x width) -> {height, width}. Throws UsageError outside 32..8192.
std::pair<int, int> parse_size(const std::string& text);

// 20532545 -> "20,532,545"
std::string with_commas(int64_t value);

}  // namespace lightavseg::tool
