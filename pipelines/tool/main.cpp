// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg: segment what you hear. See `lightavseg --help`.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "pipelines/tool/command.h"
#include "pipelines/tool/interrupt.h"
#include "pipelines/version.h"

namespace lightavseg::tool {

int run_tool(const std::vector<std::string>& arguments) {
  CLI::App app("Segments the objects that make the sound, in video.");
  app.name("lightavseg");
  app.set_version_flag("--version", LIGHTAVSEG_VERSION);
  app.require_subcommand(1);
  app.footer("Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.");
  add_ablate(app);
  add_batch(app);
  add_bench(app);
  add_calibrate(app);
  add_eval(app);
  add_export(app);
  add_import(app);
  add_info(app);
  add_forward(app);
  add_label(app);
  add_run(app);
  add_synth(app);
  add_train(app);
  try {
    // It takes them from the end.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend() - 1));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const Interrupted& error) {
    fmt::print(stderr, "lightavseg: {}\n", error.what());
    return 130;
  } catch (const UsageError& error) {
    fmt::print(stderr, "lightavseg: {}\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    // LibTorch appends a C++ backtrace to its messages, which tells a user nothing.
    const std::string text = error.what();
    fmt::print(stderr, "lightavseg: {}\n", text.substr(0, text.find("\nException raised from")));
    return 1;
  }
  return 0;
}

}  // namespace lightavseg::tool

int main(int argc, char** argv) {
  return lightavseg::tool::run_tool({argv, argv + argc});
}
