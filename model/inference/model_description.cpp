// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/inference/model_description.h"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

#include "model/files/file_error.h"
#include "model/network/config_file.h"

namespace lightavseg {
namespace {

constexpr size_t kMostLabels = 255;  // that a byte can tell apart from none

}  // namespace

ModelDescription describe_model(const std::string& path,
                                const std::map<std::string, std::string>& metadata,
                                const ModelConfig& config, const SegmenterOptions& options) {
  ModelDescription d;
  d.path = path;
  d.name = std::filesystem::path(path).stem().string();
  if (const auto it = metadata.find("version"); it != metadata.end()) d.version = it->second;
  d.height = options.size > 0 ? options.size : config.train_height;
  d.width = options.size > 0 ? options.size : config.train_width;
  d.front_end = config.front_end;
  if (config.head != Head::kMask)
    d.class_names.assign(config.class_names.begin() + 1, config.class_names.end());
  if (d.class_names.size() > kMostLabels)
    throw FileError(path, std::string(kConfigKey) + ".class_names",
                    fmt::format("{} names beside the background; masks can tell {} apart",
                                d.class_names.size(), kMostLabels));
  return d;
}

void check_selection(const ModelDescription& model, const ClassSelection& selection) {
  if (!selection.empty() && selection.size() != model.class_names.size())
    throw std::runtime_error(fmt::format("{}: a selection of {} classes, the model names {}",
                                         model.path, selection.size(), model.class_names.size()));
}

}  // namespace lightavseg
