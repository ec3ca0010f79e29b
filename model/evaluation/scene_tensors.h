// SPDX-License-Identifier: LGPL-2.1-or-later
// Pictures and sounds as tensors. All functions copy; all may be called from several threads.
#pragma once

#include <torch/torch.h>

#include <opencv2/core.hpp>
#include <vector>

#include "dsp/log_mel.h"

namespace lightavseg {

// CV_8UC3 RGB -> [3, H, W], 0..1.
torch::Tensor image_tensor(const cv::Mat& rgb);
// CV_8UC3 RGB -> [3, H, W], normalised as the network wants it.
torch::Tensor normalised_frame(const cv::Mat& rgb);
// CV_8UC1 -> [H, W] bytes (a copy).
torch::Tensor byte_map(const cv::Mat& map);
// Samples of one window -> log-mel [1, T, 64].
torch::Tensor log_mel_tensor(const dsp::LogMel& front_end, const std::vector<float>& samples,
                             dsp::LogMel::Workspace& workspace);
// Samples -> [N].
torch::Tensor samples_tensor(const std::vector<float>& samples);

}  // namespace lightavseg
