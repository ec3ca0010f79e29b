// SPDX-License-Identifier: LGPL-2.1-or-later
// Networks in and out of safetensors files.
//
// A model file is data: tensors under the names of the network's state (parameters and batch norm
// statistics) and a metadata map of strings. "lightavseg.config" holds the configuration as JSON
// (ModelConfig); other keys are for people (licence, training, ...) and are kept.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "model/files/safetensors.h"
#include "model/files/safetensors_writer.h"
#include "model/network/config_file.h"
#include "model/network/lightavseg.h"

namespace lightavseg {

enum class Storage { kFloat32, kFloat16 };

using Metadata = std::map<std::string, std::string>;

// Copies every weight of the file into the network. Tensors may be stored as F64, F32, F16 or
// BF16. Throws FileError naming the tensor that is missing, unknown, of the wrong shape or holds
// NaN or infinity; the network is untouched then. Entries that end in "num_batches_tracked" are
// not needed.
void load_weights(const SafetensorsFile& file, torch::nn::Module& network);

// Opens, builds and loads; the network is in eval mode, on the CPU, in float32.
// metadata: the file's strings, if not null. Throws FileError.
LightAVSeg load_model(const std::filesystem::path& path, Metadata* metadata = nullptr);

// Writes atomically. extra: more strings for the metadata. Throws FileError, also when a value
// does not fit the storage type or is not finite.
void save_model(const std::filesystem::path& path, const LightAVSeg& network, Storage storage,
                const Metadata& extra = {});

// Parameters and statistics of a module by name, without "num_batches_tracked"; sharing memory.
std::map<std::string, torch::Tensor> named_state(const torch::nn::Module& module);

// One tensor as LibTorch sees it: a copy, on the CPU, in the dtype of the file.
torch::Tensor to_tensor(const TensorView& view);

// Writes tensors of any supported dtype atomically. Throws FileError.
void write_tensors(const std::filesystem::path& path,
                   const std::map<std::string, torch::Tensor>& tensors, const Metadata& metadata);

}  // namespace lightavseg
