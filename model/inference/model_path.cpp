// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/inference/model_path.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "model/files/file_error.h"
#include "model/inference/version.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModelName = "lightavseg.safetensors";

bool is_inside(const fs::path& path, const fs::path& folder) {
  auto part = path.begin();
  for (const auto& wanted : folder) {
    if (part == path.end() || *part != wanted) return false;
    ++part;
  }
  return true;
}

bool is_file(const fs::path& path) {
  std::error_code error;  // a folder that may not be entered holds no model for us
  return fs::is_regular_file(path, error);
}

}  // namespace

fs::path own_binary() {
  std::error_code error;
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&model_folders), &info) && info.dli_fname) {
    // For the program itself this is argv[0], which may be a bare name.
    auto path = fs::canonical(info.dli_fname, error);
    if (!error) return path;
  }
  const auto program = fs::canonical("/proc/self/exe", error);
  return error ? fs::path() : program;
}

bool runs_from_build_folder() {
  std::error_code error;
  const auto build = fs::canonical(LIGHTAVSEG_BUILD_DIR, error);
  return !error && is_inside(own_binary(), build);
}

std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  if (const char* list = std::getenv("LIGHTAVSEG_MODEL_PATH")) {
    const std::string text = list;
    for (size_t from = 0; from <= text.size();) {
      const size_t to = std::min(text.find(':', from), text.size());
      // An empty part would mean the current folder, which nobody asked for.
      if (to > from) folders.emplace_back(text.substr(from, to - from));
      from = to + 1;
    }
  }
  folders.emplace_back(LIGHTAVSEG_DATA_DIR);
  if (runs_from_build_folder()) folders.emplace_back(LIGHTAVSEG_SOURCE_DATA_DIR);
  return folders;
}

fs::path find_data_file(const std::string& name) {
  for (const auto& folder : model_folders())
    if (auto path = folder / name; is_file(path)) return path;
  return {};
}

fs::path shipped_data_file(const std::string& name, const std::string& advice) {
  auto path = find_data_file(name);
  if (!path.empty()) return path;
  std::string folders;
  for (const auto& folder : model_folders())
    folders += (folders.empty() ? "" : ", ") + folder.string();
  throw FileError(name, "",
                  fmt::format("there is no such file in any of: {}. {}, or set "
                              "LIGHTAVSEG_MODEL_PATH to the folder that has it",
                              folders, advice));
}

fs::path shipped_model() {
  return shipped_data_file(kModelName,
                           "Install the model files of lightavseg, make a model with `lightavseg "
                           "train`, name the model file to use");
}

}  // namespace lightavseg
