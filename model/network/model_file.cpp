// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/network/model_file.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>
#include <vector>

#include "model/files/file_error.h"

namespace lightavseg {
namespace {

bool ends_with(const std::string& s, const std::string& suffix) {
  return s.size() >= suffix.size() &&
         s.compare(s.size() - suffix.size(), suffix.size(), suffix) == 0;
}

bool is_counter(const std::string& name) {
  return ends_with(name, "num_batches_tracked");
}

torch::ScalarType scalar_type(const TensorView& view) {
  switch (view.dtype) {
    case DType::kF64:
      return torch::kFloat64;
    case DType::kF32:
      return torch::kFloat32;
    case DType::kF16:
      return torch::kFloat16;
    case DType::kBF16:
      return torch::kBFloat16;
    case DType::kI64:
      return torch::kInt64;
    case DType::kI32:
      return torch::kInt32;
    case DType::kI16:
      return torch::kInt16;
    case DType::kI8:
      return torch::kInt8;
    case DType::kU8:
      return torch::kUInt8;
    case DType::kBool:
      return torch::kBool;
  }
  throw std::logic_error("unhandled dtype");
}

DType dtype_of(const std::filesystem::path& path, const std::string& name,
               const torch::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::kFloat64:
      return DType::kF64;
    case torch::kFloat32:
      return DType::kF32;
    case torch::kFloat16:
      return DType::kF16;
    case torch::kBFloat16:
      return DType::kBF16;
    case torch::kInt64:
      return DType::kI64;
    case torch::kInt32:
      return DType::kI32;
    case torch::kInt16:
      return DType::kI16;
    case torch::kInt8:
      return DType::kI8;
    case torch::kUInt8:
      return DType::kU8;
    case torch::kBool:
      return DType::kBool;
    default:
      throw FileError(path, name, "has a dtype that safetensors cannot hold");
  }
}

// "a, b, c and 12 more"
std::string name_list(const std::vector<std::string>& names) {
  const size_t shown = std::min<size_t>(names.size(), 3);
  std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

}  // namespace

std::map<std::string, torch::Tensor> named_state(const torch::nn::Module& module) {
  std::map<std::string, torch::Tensor> state;
  for (const auto& p : module.named_parameters()) state[p.key()] = p.value();
  for (const auto& b : module.named_buffers())
    if (!is_counter(b.key())) state[b.key()] = b.value();
  return state;
}

torch::Tensor to_tensor(const TensorView& view) {
  // from_blob needs aligned memory, which a mapped file does not promise.
  auto tensor = torch::empty(view.shape, torch::TensorOptions().dtype(scalar_type(view)));
  if (view.bytes > 0) std::memcpy(tensor.data_ptr(), view.data, view.bytes);
  return tensor;
}

void load_weights(const SafetensorsFile& file, torch::nn::Module& network) {
  const auto state = named_state(network);
  std::vector<std::string> missing, unknown;
  for (const auto& [name, tensor] : state)
    if (!file.find(name)) missing.push_back(name);
  for (const auto& view : file.tensors())
    if (!is_counter(view.name) && !state.count(view.name)) unknown.push_back(view.name);
  if (!missing.empty())
    throw FileError(file.path(), missing[0],
                    fmt::format("the network needs {} tensors that the file lacks: {}",
                                missing.size(), name_list(missing)));
  if (!unknown.empty())
    throw FileError(file.path(), unknown[0],
                    fmt::format("the file holds {} tensors that the network of its configuration "
                                "does not have: {}",
                                unknown.size(), name_list(unknown)));

  // Everything is checked before anything is copied: a bad file leaves the network as it was.
  std::vector<std::pair<torch::Tensor, torch::Tensor>> copies;
  for (const auto& [name, tensor] : state) {
    const auto& view = *file.find(name);
    if (tensor.sizes().vec() != view.shape)
      throw FileError(file.path(), name,
                      fmt::format("has shape {}, the network needs {}", shape_text(view.shape),
                                  shape_text(tensor.sizes().vec())));
    auto values = to_tensor(view);
    if (!values.is_floating_point())
      throw FileError(file.path(), name,
                      "is stored as integers, weights are F64, F32, F16 or BF16");
    values = values.to(torch::kFloat32);
    const auto finite = torch::isfinite(values);
    if (!finite.all().item<bool>())
      throw FileError(
          file.path(), name,
          fmt::format("holds {} values that are NaN or infinite", (~finite).sum().item<int64_t>()));
    if (ends_with(name, "running_var") && (values < 0).any().item<bool>())
      throw FileError(file.path(), name, "holds a negative variance");
    copies.emplace_back(tensor, values);
  }
  torch::NoGradGuard no_grad;
  for (auto& [target, values] : copies) target.copy_(values);
}

LightAVSeg load_model(const std::filesystem::path& path, Metadata* metadata) {
  const auto file = SafetensorsFile::open(path);
  LightAVSeg network(read_model_config(file));
  load_weights(file, *network);
  network->eval();
  if (metadata) *metadata = Metadata(file.metadata().begin(), file.metadata().end());
  return network;
}

void write_tensors(const std::filesystem::path& path,
                   const std::map<std::string, torch::Tensor>& tensors, const Metadata& metadata) {
  std::vector<torch::Tensor> kept;  // the sources point into these
  std::vector<TensorSource> sources;
  for (const auto& [name, tensor] : tensors) {
    kept.push_back(tensor.detach().to(torch::kCPU).contiguous());
    const auto& t = kept.back();
    sources.push_back({name, dtype_of(path, name, t), t.sizes().vec(),
                       static_cast<const std::byte*>(t.data_ptr()), size_t(t.nbytes())});
  }
  write_safetensors(path, sources, metadata);
}

void save_model(const std::filesystem::path& path, const LightAVSeg& network, Storage storage,
                const Metadata& extra) {
  std::map<std::string, torch::Tensor> tensors;
  for (const auto& [name, tensor] : named_state(*network)) {
    auto values = tensor.detach().to(torch::kCPU, torch::kFloat32);
    if (!torch::isfinite(values).all().item<bool>())
      throw FileError(path, name, "holds NaN or infinity; the model was not written");
    if (storage == Storage::kFloat16) {
      values = values.to(torch::kFloat16);
      if (!torch::isfinite(values).all().item<bool>())
        throw FileError(path, name, "holds values beyond 65504, which float16 cannot store");
    }
    tensors[name] = values;
  }
  Metadata metadata = extra;
  metadata[kConfigKey] = network->config().to_json();
  write_tensors(path, tensors, metadata);
}

}  // namespace lightavseg
