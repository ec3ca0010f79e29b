// SPDX-License-Identifier: LGPL-2.1-or-later
// Models of any size for measurements, and what their parts cost. Includes no LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace lightavseg::tool {

// Multiply-accumulates of one part of the network: "audio", "visual", "reciprocal_encoder",
// "fusion_decoder", "top_down" or "head".
struct PartCost {
  std::string name;
  std::int64_t macs;
};

// A model file that asks for frames of a chosen size, in the folder for temporary files; gone with
// the object.
class BenchModel {
 public:
  // variant: an untrained tiny, small, base or large; where it is empty, the model of `file`, or,
  // where that is empty too, the one that ships. Sides of 0: as trained. audio_frames: of the
  // log-mel that macs() is counted for. Throws FileError and ConfigError.
  BenchModel(const std::string& variant, const std::string& file, int height, int width,
             int audio_frames);
  ~BenchModel();
  BenchModel(const BenchModel&) = delete;
  BenchModel& operator=(const BenchModel&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::string& variant() const { return variant_; }
  const std::vector<PartCost>& parts() const { return parts_; }
  std::int64_t macs() const;

 private:
  std::filesystem::path path_;
  std::string variant_;
  std::vector<PartCost> parts_;
};

}  // namespace lightavseg::tool
