// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/training/checkpoint.h"

#include <fmt/format.h>

#include <cstring>

#include "model/data/random.h"
#include "model/files/file_error.h"
#include "model/network/model_file.h"

namespace lightavseg {
namespace {

namespace fs = std::filesystem;

std::uint64_t checksum(const std::map<std::string, torch::Tensor>& tensors) {
  std::uint64_t sum = 0;
  for (const auto& [name, tensor] : tensors) {
    sum = mix_bits(sum ^ hash_text(name));
    const auto t = tensor.detach().to(torch::kCPU).contiguous();
    const auto* bytes = static_cast<const char*>(t.data_ptr());
    const size_t size = size_t(t.nbytes());
    std::uint64_t word = 0;
    for (size_t i = 0; i < size; i += 8) {
      word = 0;
      std::memcpy(&word, bytes + i, std::min<size_t>(8, size - i));
      sum = (sum ^ word) * 0x100000001b3ULL + (sum >> 29);
    }
  }
  return mix_bits(sum);
}

template <class T>
T number(const fs::path& path, const Metadata& metadata, const std::string& key) {
  const auto it = metadata.find(key);
  if (it == metadata.end()) throw FileError(path, key, "is missing from the metadata");
  try {
    if constexpr (std::is_same_v<T, double>)
      return std::stod(it->second);
    else
      return static_cast<T>(std::stoll(it->second));
  } catch (const std::exception&) {
    throw FileError(path, key, fmt::format("'{}' is no number", it->second));
  }
}

Checkpoint read(const fs::path& path) {
  const auto file = SafetensorsFile::open(path);
  const auto& metadata = file.metadata();
  Checkpoint c;
  const auto fingerprint = metadata.find("fingerprint");
  if (fingerprint == metadata.end())
    throw FileError(path, "fingerprint", "is missing: this is no checkpoint of a training run");
  c.fingerprint = fingerprint->second;
  c.stage = number<int>(path, metadata, "stage");
  c.step = number<std::int64_t>(path, metadata, "step");
  c.adam_steps = number<std::int64_t>(path, metadata, "adam_steps");
  c.ema_steps = number<std::int64_t>(path, metadata, "ema_steps");
  c.best = number<double>(path, metadata, "best");
  for (const auto& view : file.tensors()) c.tensors[view.name] = to_tensor(view);
  const auto sum = metadata.find("checksum");
  if (sum == metadata.end() || sum->second != fmt::format("{:016x}", checksum(c.tensors)))
    throw FileError(path, "checksum", "does not fit the contents: the file is damaged");
  return c;
}

}  // namespace

void save_checkpoint(const fs::path& folder, const Checkpoint& c) {
  fs::create_directories(folder);
  const auto current = folder / "checkpoint.safetensors";
  const auto previous = folder / "checkpoint-previous.safetensors";
  // The new file is complete before the old one moves: a crash between the two renames leaves the
  // previous one and the new one under its own name.
  const auto fresh = folder / "checkpoint-new.safetensors";
  write_tensors(fresh, c.tensors,
                {{"fingerprint", c.fingerprint},
                 {"stage", std::to_string(c.stage)},
                 {"step", std::to_string(c.step)},
                 {"adam_steps", std::to_string(c.adam_steps)},
                 {"ema_steps", std::to_string(c.ema_steps)},
                 {"best", fmt::format("{:.17g}", c.best)},
                 {"checksum", fmt::format("{:016x}", checksum(c.tensors))}});
  if (fs::exists(current)) fs::rename(current, previous);
  fs::rename(fresh, current);
}

std::optional<Checkpoint> load_checkpoint(const fs::path& folder,
                                          std::vector<std::string>* warnings) {
  std::string last;
  fs::path last_path;
  for (const char* name : {"checkpoint.safetensors", "checkpoint-new.safetensors",
                           "checkpoint-previous.safetensors"}) {
    const auto path = folder / name;
    if (!fs::exists(path)) continue;
    try {
      return read(path);
    } catch (const FileError& error) {
      last = error.what();
      last_path = path;
      if (warnings) warnings->push_back(last);
    }
  }
  if (!last.empty())
    throw FileError(
        last_path, "",
        "no undamaged checkpoint is left in the folder; start without --resume (" + last + ")");
  return std::nullopt;
}

}  // namespace lightavseg
