// SPDX-License-Identifier: LGPL-2.1-or-later
// Teachers: TorchScript modules whose outputs the student learns to give.
#pragma once

#include <torch/script.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/data/material.h"
#include "model/training/train_config.h"

namespace lightavseg {

using TensorMap = std::map<std::string, torch::Tensor>;

// One loaded teacher. const members may be called from several threads.
class Teacher {
 public:
  // wanted: of the outputs that `forward` puts together to its dictionary, only these are computed;
  // empty: all of them. Throws TrainConfigError when the file is no TorchScript module, or when
  // config.input_scale is not 1 and the module does not resize its input to a size of its own.
  Teacher(const TeacherConfig& config, torch::Device device,
          const std::set<std::string>& wanted = {});

  // images [B, 3, H, W] in 0..1 or waveforms [B, samples] -> its outputs, float32, without
  // gradient. Throws TrainConfigError when the module does not return a dictionary of tensors.
  TensorMap operator()(const torch::Tensor& input) const;

  // Channels of every output that is computed, found by running it once.
  std::map<std::string, int64_t> channels() const;

  const TeacherConfig& config() const { return config_; }

 private:
  TeacherConfig config_;
  torch::Device device_;
  mutable torch::jit::Module module_;
};

// The outputs of an image teacher for whole photographs, kept in one safetensors file (float16).
class TeacherCache {
 public:
  // A photograph: its id, its RGB picture (called once, may be called from any thread), and the
  // size of its file in pixels, which scene maps refer to.
  struct Picture {
    std::string id;
    std::function<cv::Mat()> rgb;
    double width = 0, height = 0;
  };

  // Reads the file, or computes with `threads` threads and writes it when it is missing or was
  // made of other pictures, another teacher or other outputs.
  TeacherCache(const Teacher& teacher, const std::vector<std::string>& outputs,
               const std::vector<Picture>& pictures, const std::filesystem::path& file,
               int threads);
  ~TeacherCache();

  bool has(const std::string& id) const { return entries_.count(id) > 0; }

  // The output under a scene of size x size pixels: [C, grid, grid], sampled bilinearly at the
  // centres of the scene's cells. scene_to_photo: pixel centres of the scene to those of the file.
  // corners: the teacher's grid has its outer samples on the border of the picture.
  torch::Tensor sample(const std::string& id, const std::string& output,
                       const cv::Matx23d& scene_to_photo, int size, int grid, bool corners) const;

 private:
  struct Entry {
    TensorMap outputs;  // [C, h, w], float16
    double width, height;
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace lightavseg
