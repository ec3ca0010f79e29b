// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg run: a recorded file with its sounding objects marked.
#include <fmt/format.h>
#include <gst/gst.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "gst/elements.h"
#include "gst/lightavseg.h"
#include "model/inference/segmenter.h"
#include "pipelines/tool/command.h"
#include "pipelines/tool/interrupt.h"
#include "pipelines/tool/progress_bar.h"
#include "pipelines/tool/video_run.h"

namespace lightavseg::tool {
namespace {

struct Options {
  VideoRun run;
  std::string content;
  bool preview = false, quiet = false, json = false;
};

void start_gstreamer() {
  gst_init(nullptr, nullptr);
  gst::set_segmenter_factory(open_segmenter);
  if (!gst::register_elements(nullptr))
    throw std::runtime_error("the elements cannot be registered with GStreamer");
}

void check_preview(Options& o) {
  if (!o.preview || !o.run.preview_sink.empty()) return;
  if (!std::getenv("DISPLAY") && !std::getenv("WAYLAND_DISPLAY"))
    throw UsageError("--preview: there is no screen (neither DISPLAY nor WAYLAND_DISPLAY is set)");
  o.run.preview_sink = "autovideosink";
}

std::string summary_json(const VideoRun& run, const VideoRunResult& result) {
  nlohmann::ordered_json out = {{"input", run.input},      {"output", run.output},
                                {"frames", result.frames}, {"seconds", result.seconds},
                                {"sound", result.heard},   {"notes", result.notes}};
  return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

void print_summary(const VideoRun& run, const VideoRunResult& result) {
  fmt::print("{}: {} frames, {:.1f} s\n", run.output, result.frames, result.seconds);
  for (const auto& note : result.notes) fmt::print("note: {}\n", note);
  if (!run.contact_sheet.empty()) fmt::print("{}\n", run.contact_sheet);
}

void execute(Options o) {
  check_preview(o);
  catch_interrupts();
  start_gstreamer();
  if (!o.content.empty()) o.run.content = content_of(o.content);
  if (o.run.output.empty()) o.run.output = default_output(o.run.input, o.run.content).string();
  std::error_code error;
  if (std::filesystem::equivalent(o.run.input, o.run.output, error))
    throw UsageError(fmt::format("{} is the input; give another name", o.run.output));
  VideoRunResult result;
  {
    ProgressBar bar(!o.quiet, "frames");
    result = run_video(o.run, [&bar](double share, unsigned long frames) {
      bar.show(share, static_cast<double>(frames));
    });
  }
  if (o.json)
    fmt::print("{}\n", summary_json(o.run, result));
  else if (!o.quiet)
    print_summary(o.run, result);
}

}  // namespace

void add_run(CLI::App& app) {
  auto* command = app.add_subcommand("run", "Mark what sounds in a video file");
  auto o = std::make_shared<Options>();
  command->add_option("input", o->run.input, "Video file")->required();
  command->add_option(
      "-o,--output-file", o->run.output,
      std::string("Result: ") + kResultNames + "; default: beside the input, NAME-sounding");
  command->add_option("--output", o->content,
                      "overlay, alpha, cutout, matte or metadata; default: as the result's name "
                      "says (.webm, .mp4: overlay; .mov, .mkv, PNG: alpha; .jsonl: metadata)");
  command->add_option("--model", o->run.model,
                      "Model file (safetensors); default: the one that ships");
  command->add_flag("--side-by-side", o->run.side_by_side, "The picture as it was on the left");
  command->add_option("--contact-sheet", o->run.contact_sheet,
                      "Also write frames from beginning to end as one PNG");
  command->add_option("--set", o->run.properties,
                      "Property of the element, NAME=VALUE (may be repeated)");
  command->add_option("--audio-track", o->run.audio_track, "Which track the network hears, from 1")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--preview", o->preview, "Show the result in a window meanwhile");
  command->add_option("--preview-sink", o->run.preview_sink,
                      "GStreamer element that shows it in place of a window");
  command->add_option("--threads", o->run.threads, "Frames at the same time; 0: all cores, at most 4")
      ->check(CLI::Range(0, 64));
  command->add_flag("--quiet", o->quiet, "Print nothing but errors");
  command->add_flag("--json", o->json, "Print what was done as JSON");
  command->callback([o] { execute(*o); });
}

}  // namespace lightavseg::tool
