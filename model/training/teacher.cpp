// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/teacher.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "model/data/random.h"
#include "model/evaluation/for_each_index.h"
#include "model/evaluation/scene_tensors.h"
#include "model/files/file_error.h"
#include "model/network/model_file.h"
#include "model/training/loss_support.h"

namespace lightavseg {

namespace fs = std::filesystem;

namespace {

// oneDNN operators of a frozen module resize their outputs, about which LibTorch 1.13 warns on
// every call.
#if TORCH_VERSION_MAJOR == 1
class NoWarnings {
 private:
  struct Handler : c10::WarningHandler {
    void process(const c10::SourceLocation&, const std::string&, const bool) override {}
  };
  Handler handler_;
  c10::Warning::WarningHandlerGuard guard_{&handler_};
};
#else
class NoWarnings {};
#endif

// Takes the outputs that nobody wants out of the dictionary that a frozen module returns, and what
// is computed for them alone. A dictionary that the module also reads or fills later keeps all.
void drop_outputs(torch::jit::Module& module, const std::set<std::string>& wanted) {
  auto graph = module.get_method("forward").graph();
  auto* dictionary = graph->outputs().at(0)->node();
  if (dictionary->kind() != torch::jit::prim::DictConstruct) return;
  if (dictionary->output()->uses().size() > 1) return;
  for (size_t i = dictionary->inputs().size(); i >= 2; i -= 2) {  // key, value, key, value
    const auto key = torch::jit::toIValue(dictionary->input(i - 2));
    if (!key || !key->isString() || wanted.count(key->toStringRef())) continue;
    dictionary->removeInput(i - 1);
    dictionary->removeInput(i - 2);
  }
  torch::jit::EliminateDeadCode(graph);
}

// Multiplies the sizes that `block`, or a block within it, resizes `input` to; how many there were.
int scale_resizing(torch::jit::Block* block, const torch::jit::Value* input, double factor) {
  int found = 0;
  for (auto* node : block->nodes()) {
    for (auto* inner : node->blocks()) found += scale_resizing(inner, input, factor);
    const std::string kind = node->kind().toUnqualString();
    if (kind.find("upsample_") == std::string::npos || node->input(0) != input) continue;
    const auto size = torch::jit::toIValue(node->input(1));
    if (!size || !size->isIntList()) continue;
    auto scaled = size->toIntVector();
    for (auto& side : scaled) side = std::max<int64_t>(1, std::llround(double(side) * factor));
    const torch::jit::WithInsertPoint before(node);
    node->replaceInput(1, block->owningGraph()->insertConstant(scaled));
    ++found;
  }
  return found;
}

}  // namespace

Teacher::Teacher(const TeacherConfig& config, torch::Device device,
                 const std::set<std::string>& wanted)
    : config_(config), device_(device) {
  try {
    module_ = torch::jit::load(config.file.string(), device);
  } catch (const c10::Error& error) {
    throw TrainConfigError(fmt::format("teacher '{}': {} is no TorchScript module: {}", config.name,
                                       config.file.string(), error.what_without_backtrace()));
  }
  module_.eval();
  const bool resize = config.input_scale != 1;
  if (!wanted.empty() || resize) module_ = torch::jit::freeze(module_);
  if (!wanted.empty()) drop_outputs(module_, wanted);
  if (resize) {
    auto graph = module_.get_method("forward").graph();
    if (scale_resizing(graph->block(), graph->inputs().at(1), config.input_scale) == 0)
      throw TrainConfigError(
          fmt::format("teacher '{}': input_scale is {}, but {} resizes its pictures to no size of "
                      "its own; leave input_scale out",
                      config.name, config.input_scale, config.file.string()));
  }
  // Convolutions that LibTorch 1.13 runs natively at batch one, dilated ones above all, become
  // oneDNN's: an eighth of the time for a DeepLab.
  if (!device.is_cuda()) module_ = torch::jit::optimize_for_inference(module_);
}

TensorMap Teacher::operator()(const torch::Tensor& input) const {
  torch::NoGradGuard no_grad;
  const FullPrecision full;
  [[maybe_unused]] const NoWarnings quiet;
  const auto value = module_.forward({input.to(device_)});
  if (!value.isGenericDict())
    throw TrainConfigError(fmt::format("teacher '{}' returns {}, not a dictionary of tensors",
                                       config_.name, value.tagKind()));
  TensorMap outputs;
  for (const auto& item : value.toGenericDict())
    outputs[item.key().toStringRef()] = item.value().toTensor().to(torch::kFloat32);
  return outputs;
}

std::map<std::string, int64_t> Teacher::channels() const {
  const bool image = config_.input == TeacherConfig::Input::kImage;
  std::map<std::string, int64_t> result;
  for (const auto& [name, tensor] :
       (*this)(image ? torch::zeros({1, 3, 224, 224}) : torch::zeros({1, 16000})))
    result[name] = tensor.size(1);
  return result;
}

TeacherCache::TeacherCache(const Teacher& teacher, const std::vector<std::string>& outputs,
                           const std::vector<Picture>& pictures, const fs::path& file,
                           int threads) {
  std::string key =
      fmt::format("{} {}", fs::file_size(teacher.config().file), fmt::join(outputs, " "));
  if (teacher.config().input_scale != 1) key += fmt::format(" x{}", teacher.config().input_scale);
  for (const auto& p : pictures) key += " " + p.id;
  key = fmt::format("{:016x}", hash_text(key));

  std::map<std::string, torch::Tensor> stored;
  if (fs::exists(file)) {
    const auto opened = SafetensorsFile::open(file);
    const auto it = opened.metadata().find("key");
    if (it != opened.metadata().end() && it->second == key)
      for (const auto& view : opened.tensors()) stored[view.name] = to_tensor(view);
  }
  if (stored.empty()) {
    std::mutex mutex;
    for_each_index(int(pictures.size()), threads, [&](int i) {
      const auto& picture = pictures[size_t(i)];
      auto result = teacher(image_tensor(picture.rgb()).unsqueeze(0));
      std::lock_guard<std::mutex> lock(mutex);
      for (const auto& name : outputs)
        stored[picture.id + "\n" + name] = result.at(name)[0].to(torch::kCPU, torch::kHalf);
    });
    std::map<std::string, torch::Tensor> named;
    for (const auto& [name, tensor] : stored) {
      std::string flat = name;
      flat[flat.find('\n')] = '|';  // names in a file hold no control characters
      named[flat] = tensor;
    }
    fs::create_directories(file.parent_path());
    write_tensors(file, named, {{"key", key}});
    stored = std::move(named);
  }
  std::map<std::string, const Picture*> by_id;
  for (const auto& p : pictures) by_id[p.id] = &p;
  for (auto& [name, tensor] : stored) {
    const size_t bar = name.rfind('|');
    const auto it = by_id.find(name.substr(0, bar));
    if (bar == std::string::npos || it == by_id.end())
      throw FileError(file, name, "belongs to no picture; delete the file, it is made again");
    auto& entry = entries_[it->first];
    entry.outputs[name.substr(bar + 1)] = tensor;
    entry.width = it->second->width;
    entry.height = it->second->height;
  }
}

TeacherCache::~TeacherCache() = default;

torch::Tensor TeacherCache::sample(const std::string& id, const std::string& output,
                                   const cv::Matx23d& m, int size, int grid, bool corners) const {
  const auto& entry = entries_.at(id);
  const auto& map = entry.outputs.at(output);
  const int64_t channels = map.size(0), height = map.size(1), width = map.size(2);
  const auto source = map.to(torch::kFloat32);
  auto where = torch::empty({1, grid, grid, 2});
  auto w = where.accessor<float, 4>();
  for (int y = 0; y < grid; ++y) {
    for (int x = 0; x < grid; ++x) {
      const double sx = (x + 0.5) * size / grid - 0.5, sy = (y + 0.5) * size / grid - 0.5;
      const double px = m(0, 0) * sx + m(0, 1) * sy + m(0, 2);
      const double py = m(1, 0) * sx + m(1, 1) * sy + m(1, 2);
      // grid_sample wants -1..1 over the picture: over pixel centres, or over pixel borders.
      w[0][y][x][0] =
          float(corners ? 2 * px / (entry.width - 1) - 1 : (2 * px + 1) / entry.width - 1);
      w[0][y][x][1] =
          float(corners ? 2 * py / (entry.height - 1) - 1 : (2 * py + 1) / entry.height - 1);
    }
  }
  namespace F = torch::nn::functional;
  return F::grid_sample(source.reshape({1, channels, height, width}), where,
                        F::GridSampleFuncOptions()
                            .mode(torch::kBilinear)
                            .padding_mode(torch::kBorder)
                            .align_corners(corners))[0];
}

}  // namespace lightavseg
