// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg synth: data sets and videos composed from a material.
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>

#include "model/data/avsbench_clips.h"
#include "model/data/clip_composer.h"
#include "model/data/clip_truth.h"
#include "model/files/atomic_file.h"
#include "model/inference/model_path.h"
#include "pipelines/tool/command.h"
#include "pipelines/tool/synth_video.h"

namespace lightavseg::tool {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string material, taxonomy, layout, out, video;
  std::string split = "train", licence = "any", size;
  std::uint64_t seed = 1;
  int clips = 10;
  std::vector<std::string> sections = {"first", "second", "silence", "absent"};
  double section_s = 3.5;
  VideoFormat format;
  int kilobits = 1200;
  ClipOptions clip;
};

void write_set(const Options& o, const Material& material) {
  static const std::map<std::string, AvsSet> kSets = {
      {"s4", AvsSet::kS4}, {"ms3", AvsSet::kMs3}, {"avss", AvsSet::kAvss}};
  const AvsSet set = kSets.at(o.layout);
  const auto [height, width] = o.size.empty() ? std::pair(224, 224) : parse_size(o.size);
  if (height != width) throw UsageError("synth: pictures of a data set are square; give --size N");
  const ClipComposer composer(material);
  AvsBenchWriter writer(
      set, o.out,
      set == AvsSet::kAvss ? avss_names_of(material.taxonomy()) : std::vector<std::string>());
  for (int i = 0; i < o.clips; ++i) {
    writer.add(compose_avs_clip(composer, set, o.split, height, o.seed, i));
  }
  writer.finish();
  fmt::print("{}: {} clips in the layout of AVSBench {}, split {}\n", o.out, o.clips,
             to_string(set), o.split);
}

void write_video(const Options& o, const Material& material) {
  const auto [height, width] = o.size.empty() ? std::pair(360, 640) : parse_size(o.size);
  ClipOptions options = o.clip;
  options.size = {width, height};
  options.parts.clear();
  for (const std::string& name : o.sections)
    options.parts.push_back({clip_sound(name), o.section_s});
  const Clip clip = ClipComposer(material).compose(options, o.seed);
  VideoFormat format = o.format;
  format.size = options.size;
  format.bits_per_second = 1000 * o.kilobits;
  VideoWriter writer(o.video, format);
  writer.write_audio(clip.audio());
  const auto frames = std::lround(clip.seconds() * format.fps);
  for (long i = 0; i < frames; ++i) {
    writer.write_frame(clip.picture(static_cast<double>(i) / format.fps).rgb);
  }
  writer.finish();
  const std::string truth = fs::path(o.video).replace_extension(".json").string();
  write_atomically(truth, clip_truth_json(clip, material.taxonomy()));
  fmt::print("{}: {} frames of {} x {} at {} per second; {}: what sounds when, and where it is\n",
             o.video, frames, width, height, format.fps, truth);
}

void run(Options& o) {
  if (o.layout.empty() == o.video.empty())
    throw UsageError("synth: give either --layout s4|ms3|avss with -o FOLDER, or --video FILE");
  if (!o.layout.empty() && o.out.empty())
    throw UsageError("synth: --layout needs -o FOLDER, where the data set is written");
  if (!o.video.empty() && !is_video_name(o.video))
    throw UsageError(fmt::format("synth: '{}' must end in {}", o.video, kVideoContainers));
  if (!o.layout.empty() && !is_avs_split(o.split))
    throw UsageError(
        fmt::format("synth: a data set has the splits train, val and test, not '{}'", o.split));
  if (o.taxonomy.empty())
    o.taxonomy = shipped_data_file("taxonomy.json", "Give one with --taxonomy").string();
  const auto taxonomy = Taxonomy::load(o.taxonomy);
  MaterialOptions options;
  options.split = o.split;
  options.licence_free_only = o.licence == "free";
  // Objects fill a half of the picture, backgrounds all of it.
  options.max_side = 1280;
  const auto material = Material::load(o.material, taxonomy, options);
  if (o.layout.empty())
    write_video(o, material);
  else
    write_set(o, material);
}

}  // namespace

void add_synth(CLI::App& app) {
  auto* command = app.add_subcommand("synth", "Compose a data set or a video from a material");
  auto o = std::make_shared<Options>();
  command->add_option("--material", o->material, "Folder of the material")->required();
  command->add_option("--taxonomy", o->taxonomy, "Class list (JSON); default: the one that ships");
  command->add_option("--split", o->split, "Split of the material")->capture_default_str();
  command->add_option("--licence", o->licence, "free: only files whose recorded licence is free")
      ->check(CLI::IsMember({"any", "free"}))
      ->capture_default_str();
  command->add_option("--seed", o->seed, "Which clips")->capture_default_str();
  command->add_option("--size", o->size,
                      "Pixels: N for a data set (224), HEIGHTxWIDTH for a video (360x640)");
  const char* set = "Data set";
  command->add_option("--layout", o->layout, "Layout of AVSBench")
      ->check(CLI::IsMember({"s4", "ms3", "avss"}))
      ->group(set);
  command->add_option("-o,--out", o->out, "Folder for the data set")->group(set);
  command->add_option("--clips", o->clips, "How many")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str()
      ->group(set);
  const char* video = "Video";
  command
      ->add_option(
          "--video", o->video,
          std::string("File to write, ") + kVideoContainers + "; the truth goes beside it as .json")
      ->group(video);
  command
      ->add_option("--sections", o->sections,
                   "What sounds, one after the other: first, second, both, silence, absent")
      ->delimiter(',')
      ->check(CLI::IsMember({"first", "second", "both", "silence", "absent"}))
      ->capture_default_str()
      ->group(video);
  command->add_option("--section-s", o->section_s, "Length of a section, seconds")
      ->check(CLI::Range(0.2, 600.0))
      ->capture_default_str()
      ->group(video);
  command
      ->add_option("--object", o->clip.wanted_objects,
                   "Class or end of a file name, at most two, left to right; default: drawn")
      ->group(video);
  command
      ->add_option("--background", o->clip.wanted_background, "End of a file name; default: drawn")
      ->group(video);
  command
      ->add_option("--sound", o->clip.wanted_sounds,
                   "End of the file name of a sound to use for its class (may be repeated)")
      ->group(video);
  command
      ->add_option("--absent", o->clip.wanted_absent,
                   "Class that sounds in the section 'absent'; default: drawn")
      ->group(video);
  command->add_option("--fps", o->format.fps, "Frames per second")
      ->check(CLI::Range(1, 120))
      ->capture_default_str()
      ->group(video);
  command->add_option("--kilobits", o->kilobits, "Kilobits per second of the pictures")
      ->check(CLI::Range(50, 50000))
      ->capture_default_str()
      ->group(video);
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
