// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/inference/reference_module.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <system_error>

#include "model/inference/model_path.h"
#include "model/inference/reference_entry.h"
#include "model/inference/version.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModuleName = "lightavseg-reference.so";
constexpr const char* kAdvice =
    "Install LibTorch and the reference module of lightavseg, or choose engine \"planned\"";

[[noreturn]] void refuse(const std::string& problem) {
  throw ReferenceModuleError(fmt::format("engine \"reference\": {}. {}", problem, kAdvice));
}

template <typename Function>
Function* function_of(void* module, const char* name, const fs::path& path) {
  auto* found = reinterpret_cast<Function*>(dlsym(module, name));
  if (!found) refuse(fmt::format("{} lacks the function {}", path.string(), name));
  return found;
}

// Stays loaded until the process ends, as LibTorch must.
void* load(const std::vector<fs::path>& modules, fs::path& path) {
  std::string looked;
  for (const auto& module : modules) {
    std::error_code error;
    if (fs::is_regular_file(module, error)) {
      path = module;
      if (void* loaded = dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL)) return loaded;
      const char* why = dlerror();
      refuse(
          fmt::format("{} cannot be loaded: {}", module.string(), why ? why : "no reason given"));
    }
    looked += (looked.empty() ? "" : ", ") + module.string();
  }
  refuse(fmt::format("there is no module at any of: {}", looked));
}

}  // namespace

std::vector<fs::path> reference_module_paths() {
  std::vector<fs::path> paths;
  if (const auto binary = own_binary(); !binary.empty())
    paths.push_back(binary.parent_path() / kModuleName);
  paths.push_back(fs::path(LIGHTAVSEG_MODULE_DIR) / kModuleName);
  if (runs_from_build_folder())
    paths.push_back(fs::path(LIGHTAVSEG_BUILD_DIR) / "model" / "inference" / kModuleName);
  return paths;
}

std::unique_ptr<Segmenter> open_reference_segmenter(const std::string& path,
                                                    const SegmenterOptions& options) {
  return internal::open_reference_segmenter(reference_module_paths(), path, options);
}

std::unique_ptr<Segmenter> internal::open_reference_segmenter(const std::vector<fs::path>& modules,
                                                              const std::string& path,
                                                              const SegmenterOptions& options) {
  fs::path file;
  void* module = load(modules, file);
  auto* version = function_of<decltype(lightavseg_reference_version)>(
      module, "lightavseg_reference_version", file);
  if (std::string(version()) != LIGHTAVSEG_VERSION)
    refuse(fmt::format("{} is of version {}, this is {}", file.string(), version(),
                       LIGHTAVSEG_VERSION));
  auto* open =
      function_of<decltype(lightavseg_open_reference)>(module, "lightavseg_open_reference", file);
  return std::unique_ptr<Segmenter>(open(path, options));
}

}  // namespace lightavseg
