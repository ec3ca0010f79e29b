// SPDX-License-Identifier: LGPL-2.1-or-later
#include "model/evaluation/scene_tensors.h"

#include <cstring>

#include "model/network/lightavseg.h"

namespace lightavseg {

torch::Tensor samples_tensor(const std::vector<float>& samples) {
  auto t = torch::empty({int64_t(samples.size())});
  std::memcpy(t.data_ptr<float>(), samples.data(), samples.size() * sizeof(float));
  return t;
}

torch::Tensor byte_map(const cv::Mat& map) {
  auto t = torch::empty({map.rows, map.cols}, torch::kUInt8);
  for (int y = 0; y < map.rows; ++y)
    std::memcpy(t.data_ptr<uint8_t>() + int64_t(y) * map.cols, map.ptr(y), size_t(map.cols));
  return t;
}

torch::Tensor image_tensor(const cv::Mat& rgb) {
  auto t = torch::empty({rgb.rows, rgb.cols, 3}, torch::kUInt8);
  for (int y = 0; y < rgb.rows; ++y)
    std::memcpy(t.data_ptr<uint8_t>() + int64_t(y) * rgb.cols * 3, rgb.ptr(y),
                size_t(rgb.cols) * 3);
  return t.permute({2, 0, 1}).to(torch::kFloat32).div_(255.0);
}

torch::Tensor normalised_frame(const cv::Mat& rgb) {
  auto t = image_tensor(rgb);
  for (int64_t c = 0; c < 3; ++c) t[c].sub_(kImageMean[c]).div_(kImageStd[c]);
  return t;
}

torch::Tensor log_mel_tensor(const dsp::LogMel& front_end, const std::vector<float>& samples,
                             dsp::LogMel::Workspace& workspace) {
  auto t = torch::empty({1, front_end.frames(samples.size()), dsp::kMelBands});
  front_end.compute(samples.data(), samples.size(), t.data_ptr<float>(), workspace);
  return t;
}

}  // namespace lightavseg
