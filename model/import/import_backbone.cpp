// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/import/import_backbone.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "model/files/file_error.h"
#include "model/files/nearest_names.h"
#include "model/files/quoted_text.h"
#include "model/files/safetensors_writer.h"
#include "model/files/tensor_view.h"
#include "model/import/backbone_names.h"
#include "model/import/foreign_checkpoint.h"
#include "model/network/config_file.h"
#include "model/network/yamnet_spec.h"

namespace lightavseg {
namespace {

using Entry = ForeignCheckpoint::Entry;

bool begins_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// What a checkpoint holds beside the backbone, by the start of its names.
struct Beside {
  std::string_view start, reason;
};

struct Layout {
  std::string name;                   // as --as has it
  std::string_view prefix;            // of the names in our files
  std::vector<std::string_view> own;  // starts of the names of the backbone
  std::vector<Beside> beside;
};

const Layout& layout_of(ForeignBackbone as) {
  static const Layout seaformer{"seaformer",
                                "visual.",
                                {"smb", "trans"},
                                {{"decode_head.", "segmentation head"},
                                 {"auxiliary_head.", "segmentation head"},
                                 {"linear.", "classifier of ImageNet"}}};
  static const Layout panns{"panns-mobilenetv2",
                            "audio.",
                            {"bn0.", "features.", "fc1."},
                            {{"spectrogram_extractor.", "front end, computed"},
                             {"logmel_extractor.", "front end, computed"},
                             {"fc_audioset.", "tags of AudioSet"}}};
  static const Layout vggish{"vggish",
                             "audio.",
                             {"features.", "embeddings."},
                             {{"pproc.", "principal components, which are not used"}}};
  static const Layout yamnet{"yamnet", "audio.", {"layer"}, {{"classifier.", "tags of AudioSet"}}};
  static const Layout resnet50{
      "resnet50", "visual.", {"conv1.", "bn1.", "layer"}, {{"fc.", "classifier of ImageNet"}}};
  switch (as) {
    case ForeignBackbone::kSeaFormer:
      return seaformer;
    case ForeignBackbone::kPannsMobileNetV2:
      return panns;
    case ForeignBackbone::kVggish:
      return vggish;
    case ForeignBackbone::kYamnet:
      return yamnet;
    case ForeignBackbone::kResNet50:
      break;
  }
  return resnet50;
}

// Wrappers put their own name in front: DataParallel, mmsegmentation, our model files.
std::string own_name(const Layout& layout, std::string_view name) {
  for (const std::string_view prefix :
       {std::string_view("module."), std::string_view("backbone."), layout.prefix})
    if (begins_with(name, prefix)) name.remove_prefix(prefix.size());
  return std::string(name);
}

std::string reason_to_ignore(const Layout& layout, const EntryShapes& needed,
                             const std::string& name) {
  if (ends_with(name, "num_batches_tracked")) return "counter of training steps";
  for (const auto& beside : layout.beside)
    if (begins_with(name, beside.start)) return std::string(beside.reason);
  if (begins_with(name, "fc1.") && !needed.count("fc1.weight"))
    return "the model takes the sound before fc1";
  for (const auto start : layout.own)
    if (begins_with(name, start)) return "";
  return "no part of the backbone";
}

using Entries = std::map<std::string, const Entry*>;

// A folded YAMNet in the names of the other one.
void unfold_yamnet(Entries& entries) {
  for (const auto& [name, shape] : yamnet_entries()) {
    constexpr std::string_view kWeight = ".conv.weight";
    if (!ends_with(name, kWeight)) continue;
    const auto layer = name.substr(0, name.size() - kWeight.size());
    for (const auto& [from, to] :
         {std::pair(layer + ".weight", name), std::pair(layer + ".bias", layer + ".bn.bias")}) {
      const auto found = entries.find(from);
      if (found == entries.end() || !entries.emplace(to, found->second).second) continue;
      entries.erase(found);
    }
  }
}

// What an entry of YAMNet is where the file lacks it, or nothing where it may not.
std::optional<float> yamnet_constant(const std::string& name, bool folded) {
  if (ends_with(name, ".bn.weight")) return 1.0f;
  if (folded && ends_with(name, ".running_mean")) return 0.0f;
  if (folded && ends_with(name, ".running_var")) return float(1 - kYamnetNormFloor);
  return std::nullopt;
}

Entries by_own_name(const ForeignCheckpoint& checkpoint, const Layout& layout) {
  Entries entries;
  for (const auto& entry : checkpoint.entries()) {
    const auto [before, fresh] = entries.emplace(own_name(layout, entry.name), &entry);
    if (!fresh)
      throw FileError(
          checkpoint.path(), tensor_field(entry.name),
          fmt::format("is the same as {} once the prefixes are gone; which one is meant "
                      "is not clear",
                      quoted_text(before->second->name)));
  }
  return entries;
}

Variant told_by_widths(const ForeignCheckpoint& checkpoint, const Entries& entries) {
  const std::string name = "smb5.layer1.conv.4.c.weight";  // the coarsest stage: all differ
  const auto found = entries.find(name);
  for (const auto variant : {Variant::kTiny, Variant::kSmall, Variant::kBase, Variant::kLarge})
    if (found != entries.end() && found->second->shape == seaformer_entries(variant).at(name))
      return variant;
  throw FileError(checkpoint.path(), tensor_field(name),
                  found == entries.end()
                      ? std::string("is missing, so this is no SeaFormer; check --as, or name the "
                                    "size with --variant to be told what else is missing")
                      : fmt::format("has shape {}, which no size of SeaFormer has",
                                    shape_text(found->second->shape)));
}

void expect_complete(const ForeignCheckpoint& checkpoint, const Entries& entries,
                     const EntryShapes& needed) {
  std::vector<std::string> missing, there;
  for (const auto& [name, shape] : needed)
    if (!entries.count(name)) missing.push_back(name);
  if (missing.empty()) return;
  for (const auto& [name, entry] : entries)
    if (!needed.count(name)) there.push_back(entry->name);
  auto problem = fmt::format("is missing, and {} more of {} entries; check --as and --variant",
                             missing.size() - 1, needed.size());
  const auto similar = nearest_names(missing[0], there, 3);
  std::vector<std::string> shown;
  shown.reserve(similar.size());
  for (const auto& name : similar) shown.push_back(quoted_text(name));
  if (!shown.empty()) problem += fmt::format("; similar ones are {}", fmt::join(shown, ", "));
  throw FileError(checkpoint.path(), tensor_field(missing[0]), problem);
}

struct Target {
  std::optional<SafetensorsFile> file;
  std::optional<ModelConfig> config;
};

Target open_target(const ImportOptions& options) {
  Target target;
  if (options.into.empty()) return target;
  target.file = SafetensorsFile::open(options.into);
  target.config = read_model_config(*target.file);
  const auto& config = *target.config;
  const auto expect_net = [&](const char* field, const std::string& found,
                              const std::string& needed) {
    if (found != needed)
      throw FileError(options.into, fmt::format("{}.{}", kConfigKey, field),
                      fmt::format("is {}, but these weights are of {}", found, needed));
  };
  switch (options.as) {
    case ForeignBackbone::kSeaFormer:
    case ForeignBackbone::kResNet50:
      expect_net("visual_net", to_string(config.visual_net), to_string(options.as));
      break;
    case ForeignBackbone::kPannsMobileNetV2:
      expect_net("audio_net", to_string(config.audio_net), "mobilenetv2");
      break;
    case ForeignBackbone::kVggish:
    case ForeignBackbone::kYamnet:
      expect_net("audio_net", to_string(config.audio_net), to_string(options.as));
      break;
  }
  if (options.variant && *options.variant != config.variant)
    throw FileError(options.into, std::string(kConfigKey) + ".variant",
                    fmt::format("is {}, but {} was asked for", to_string(config.variant),
                                to_string(*options.variant)));
  if (options.as == ForeignBackbone::kPannsMobileNetV2 &&
      config.front_end != dsp::FrontEnd::kPanns32k &&
      config.front_end != dsp::FrontEnd::kPanns32kFrom16k)
    throw FileError(options.into, std::string(kConfigKey) + ".front_end",
                    fmt::format("is {}, but these weights were trained on panns-32k; only a model "
                                "with panns-32k or panns-32k-from-16k hears the same with them",
                                dsp::to_string(config.front_end)));
  return target;
}

}  // namespace

std::string to_string(ForeignBackbone backbone) {
  return layout_of(backbone).name;
}

std::vector<ForeignBackbone> all_foreign_backbones() {
  return {ForeignBackbone::kSeaFormer, ForeignBackbone::kPannsMobileNetV2, ForeignBackbone::kVggish,
          ForeignBackbone::kYamnet, ForeignBackbone::kResNet50};
}

ImportReport import_backbone(const std::filesystem::path& path, const std::filesystem::path& out,
                             const ImportOptions& options) {
  const bool sees = options.as == ForeignBackbone::kSeaFormer;
  if (options.variant && !sees)
    throw ConfigError("variant",
                      fmt::format("{} has one size; leave the variant out", to_string(options.as)));
  const auto& layout = layout_of(options.as);
  const Target target = open_target(options);
  auto checkpoint = ForeignCheckpoint::open(path);
  auto entries = by_own_name(checkpoint, layout);

  ImportReport report;
  report.dictionary = checkpoint.dictionary();
  EntryShapes needed, constant;  // in the file, and what may be missing there
  if (options.as == ForeignBackbone::kVggish) {
    needed = vggish_entries();
  } else if (options.as == ForeignBackbone::kResNet50) {
    needed = resnet50_entries();
  } else if (options.as == ForeignBackbone::kYamnet) {
    const bool folded = entries.count("layer1.fused.weight") > 0;
    if (folded) unfold_yamnet(entries);
    for (const auto& [name, shape] : yamnet_entries())
      (!entries.count(name) && yamnet_constant(name, folded) ? constant : needed)[name] = shape;
  } else if (sees) {
    report.variant = options.variant ? *options.variant
                     : target.config ? target.config->variant
                                     : told_by_widths(checkpoint, entries);
    needed = seaformer_entries(*report.variant);
  } else {
    needed =
        mobilenet_v2_entries(target.config ? target.config->audio_state : AudioState::kEmbedding);
  }
  expect_complete(checkpoint, entries, needed);

  std::map<std::string, std::vector<float>> values;  // the sources point into these
  std::vector<TensorSource> sources;
  for (const auto& [name, entry] : entries) {
    const auto found = needed.find(name);
    if (found == needed.end()) {
      const auto reason = reason_to_ignore(layout, needed, name);
      if (reason.empty())
        throw FileError(path, tensor_field(entry->name),
                        fmt::format("is unknown to {}{}; check --variant", layout.name,
                                    sees ? " " + to_string(*report.variant) : ""));
      report.ignored.push_back({entry->name, reason});
      continue;
    }
    if (entry->shape != found->second)
      throw FileError(
          path, tensor_field(entry->name),
          fmt::format("has shape {}, but {}{} needs {}", shape_text(entry->shape), layout.name,
                      sees ? " " + to_string(*report.variant) : "", shape_text(found->second)));
    const auto ours = std::string(layout.prefix) + name;
    auto& kept = values[ours] = checkpoint.values(*entry);
    if (ends_with(name, "running_var") &&
        std::any_of(kept.begin(), kept.end(), [](float v) { return v < 0; }))
      throw FileError(path, tensor_field(entry->name), "holds a negative variance");
    sources.push_back(float_source(ours, entry->shape, kept));
    report.used.push_back({entry->name, ours});
  }

  for (const auto& [name, shape] : constant) {
    const auto ours = std::string(layout.prefix) + name;
    auto& kept = values[ours];
    kept.assign(size_t(shape.at(0)), *yamnet_constant(name, true));
    sources.push_back(float_source(ours, shape, kept));
  }

  std::map<std::string, std::string> metadata;
  if (target.file) {
    metadata = target.file->metadata();
    for (const auto& view : target.file->tensors())
      if (!begins_with(view.name, layout.prefix))
        sources.push_back({view.name, view.dtype, view.shape, view.data, view.bytes});
  }
  metadata[fmt::format("imported.{}", layout.name)] = path.filename().string();
  write_safetensors(out, sources, metadata);
  return report;
}

}  // namespace lightavseg
