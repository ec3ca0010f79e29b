// SPDX-License-Identifier: LGPL-2.1-or-later
// lightavseg forward: tensors in, tensors out; for comparisons with other implementations.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "dsp/log_mel.h"
#include "model/files/file_error.h"
#include "model/network/model_file.h"
#include "pipelines/tool/command.h"

namespace lightavseg::tool {
namespace {

struct Options {
  std::string model, input, output;
  bool maps = false;
  int threads = 1;
};

std::string shape_of(const torch::Tensor& t) {
  std::string text = "[";
  for (int64_t i = 0; i < t.dim(); ++i) text += fmt::format("{}{}", i ? ", " : "", t.size(i));
  return text + "]";
}

// [B, 3, H, W] float, normalised; bytes [B, H, W, 3] RGB are normalised here.
torch::Tensor read_frames(const SafetensorsFile& file) {
  const auto* view = file.find("frames");
  if (!view)
    throw FileError(file.path(), "frames", "is missing: [B, 3, H, W] floats or [B, H, W, 3] bytes");
  auto frames = to_tensor(*view);
  if (frames.scalar_type() == torch::kUInt8) {
    if (frames.dim() != 4 || frames.size(3) != 3)
      throw FileError(file.path(), "frames",
                      fmt::format("bytes must be [B, H, W, 3], found {}", shape_of(frames)));
    const auto options = torch::TensorOptions().dtype(torch::kFloat32);
    const auto mean = torch::tensor({kImageMean[0], kImageMean[1], kImageMean[2]}, options);
    const auto deviation = torch::tensor({kImageStd[0], kImageStd[1], kImageStd[2]}, options);
    frames = ((frames.to(torch::kFloat32) / 255.0 - mean) / deviation).permute({0, 3, 1, 2});
    return frames.contiguous();
  }
  if (!frames.is_floating_point() || frames.dim() != 4 || frames.size(1) != 3)
    throw FileError(file.path(), "frames",
                    fmt::format("must be [B, 3, H, W] floats, found {}", shape_of(frames)));
  return frames.to(torch::kFloat32);
}

// [B, 1, T, 64] from "logmel", or computed from "waveform" [B, samples].
torch::Tensor read_log_mel(const SafetensorsFile& file, const ModelConfig& config) {
  const auto* mel = file.find("logmel");
  const auto* wave = file.find("waveform");
  if ((mel == nullptr) == (wave == nullptr))
    throw FileError(file.path(), "logmel",
                    "give either logmel [B, 1, T, 64] in dB or waveform [B, samples] in -1..1");
  if (mel) {
    auto tensor = to_tensor(*mel);
    if (!tensor.is_floating_point() || tensor.dim() != 4 || tensor.size(1) != 1 ||
        tensor.size(3) != 64)
      throw FileError(file.path(), "logmel",
                      fmt::format("must be [B, 1, T, 64] floats, found {}", shape_of(tensor)));
    return tensor.to(torch::kFloat32);
  }
  auto tensor = to_tensor(*wave);
  if (!tensor.is_floating_point() || tensor.dim() != 2)
    throw FileError(file.path(), "waveform",
                    fmt::format("must be [B, samples] floats, found {}", shape_of(tensor)));
  tensor = tensor.to(torch::kFloat32).contiguous();
  const dsp::LogMel log_mel(config.front_end);
  const auto samples = size_t(tensor.size(1));
  const int frames = log_mel.frames(samples);
  auto out = torch::empty({tensor.size(0), 1, frames, 64});
  for (int64_t b = 0; b < tensor.size(0); ++b) {
    const auto values = log_mel.compute(tensor[b].data_ptr<float>(), samples);
    std::copy(values.begin(), values.end(), out[b].data_ptr<float>());
  }
  return out;
}

void add_maps(std::map<std::string, torch::Tensor>& out, const char* name,
              const std::vector<torch::Tensor>& maps, const std::vector<int>& stages) {
  for (size_t k = 0; k < maps.size(); ++k)
    out[fmt::format("{}.{}", name, stages[k])] = maps[k].contiguous();
}

void run(const Options& o) {
  torch::NoGradGuard no_grad;
  at::set_num_threads(o.threads);
  auto network = load_model(o.model);
  const auto& config = network->config();
  const auto input = SafetensorsFile::open(o.input);
  const auto frames = read_frames(input);
  const auto log_mel = read_log_mel(input, config);
  FeatureMaps maps;
  const auto output = network->forward(frames, log_mel, o.maps ? &maps : nullptr);
  std::map<std::string, torch::Tensor> tensors = {{"logits", output.logits.contiguous()}};
  if (o.maps) {
    tensors["logmel"] = log_mel;
    add_maps(tensors, "visual", maps.visual, config.stages);
    add_maps(tensors, "audio", maps.audio, config.stages);
    add_maps(tensors, "encoded", maps.encoded, config.stages);
    add_maps(tensors, "decoded", maps.decoded, config.stages);
    add_maps(tensors, "decoder_audio", maps.decoder_audio, config.stages);
  }
  write_tensors(o.output, tensors, {{kConfigKey, config.to_json()}});
  fmt::print("logits {} to {}\n", shape_of(output.logits), o.output);
}

}  // namespace

void add_forward(CLI::App& app) {
  auto* command = app.add_subcommand("forward", "Run tensors through a model and keep the result");
  auto o = std::make_shared<Options>();
  command->add_option("--model", o->model, "Model file (safetensors)")->required();
  command
      ->add_option("--input", o->input,
                   "safetensors with \"frames\" ([B, 3, H, W] normalised floats, or [B, H, W, 3] "
                   "RGB bytes) and \"logmel\" ([B, 1, T, 64] dB) or \"waveform\" ([B, samples])")
      ->required();
  command->add_option("--output", o->output, "safetensors to write \"logits\" to")->required();
  command->add_flag(
      "--maps", o->maps,
      "Also write visual.N, audio.N, encoded.N, decoded.N, decoder_audio.N per stage N");
  command->add_option("--threads", o->threads, "Threads of one operator")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->callback([o] { run(*o); });
}

}  // namespace lightavseg::tool
