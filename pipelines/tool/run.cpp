// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg run: a recorded file with its sounding objects marked.
#include <fmt/format.h>
#include <gst/gst.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "gst/elements.h"
#include "gst/lightavseg.h"
#include "model/inference/segmenter.h"
#include "pipelines/tool/command.h"
#include "pipelines/tool/video_run.h"

namespace lightavseg::tool {
namespace {

void execute(VideoRun run, bool quiet) {
  gst_init(nullptr, nullptr);
  gst::set_segmenter_factory(open_segmenter);
  if (!gst::register_elements(nullptr))
    throw std::runtime_error("the elements cannot be registered with GStreamer");
  if (run.output.empty()) {
    std::filesystem::path path(run.input);
    run.output = (path.parent_path() / (path.stem().string() + "-sounding.webm")).string();
  }
  if (std::filesystem::path(run.output).extension() != ".webm")
    throw UsageError(fmt::format("--output-file {}: give a name that ends in .webm", run.output));
  std::error_code error;
  if (std::filesystem::equivalent(run.input, run.output, error))
    throw UsageError(fmt::format("{} is the input; give another name", run.output));
  const bool show = !quiet && isatty(STDERR_FILENO);
  const auto result = run_video(run, [show](double done) {
    if (show) fmt::print(stderr, "\r{:3.0f} %", 100 * done);
  });
  if (show) fmt::print(stderr, "\r");
  if (!quiet) {
    fmt::print("{}: {} frames, {:.1f} s{}\n", run.output, result.frames, result.seconds,
               result.heard ? "" : "; there is no sound in it, so nothing is marked");
    if (!run.contact_sheet.empty()) fmt::print("{}\n", run.contact_sheet);
  }
}

}  // namespace

void add_run(CLI::App& app) {
  auto* command = app.add_subcommand("run", "Mark what sounds in a video file");
  auto run = std::make_shared<VideoRun>();
  auto quiet = std::make_shared<bool>(false);
  command->add_option("input", run->input, "Video file")->required();
  command->add_option("-o,--output-file", run->output,
                      "Result (.webm); default: beside the input, NAME-sounding.webm");
  command->add_option("--model", run->model,
                      "Model file (safetensors); default: the one that ships");
  command->add_flag("--side-by-side", run->side_by_side, "The picture as it was on the left");
  command->add_option("--contact-sheet", run->contact_sheet,
                      "Also write frames from beginning to end as one PNG");
  command->add_option("--set", run->properties,
                      "Property of the element, NAME=VALUE (may be repeated)");
  command->add_option("--threads", run->threads, "Threads for one frame; 0: all cores")
      ->check(CLI::Range(0, 64));
  command->add_flag("--quiet", *quiet, "Print nothing");
  command->callback([run, quiet] { execute(*run, *quiet); });
}

}  // namespace lightavseg::tool
