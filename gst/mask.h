// SPDX-License-Identifier: LGPL-2.1-or-later
// A mask as it travels through the element: made once by the worker, then only read.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/inference/mask_filter.h"
#include "model/inference/segmenter.h"

namespace lightavseg::gst {

// Full range: a matte is no picture, 255 must stay 255 through every conversion downstream.
constexpr const char* kMatteColorimetry = "1:4:0:0";

struct Mask {
  ~Mask() {
    if (sample) gst_sample_unref(sample);
  }
  Mask() = default;
  Mask(const Mask&) = delete;
  Mask& operator=(const Mask&) = delete;

  std::uint64_t serial = 0;                         // differs between any two masks of a process
  GstClockTime pts = GST_CLOCK_TIME_NONE;           // of the frame that it was computed on
  GstClockTime running_time = GST_CLOCK_TIME_NONE;  // the same in running time
  int height = 0, width = 0;                        // of the maps: the network's size
  std::vector<float> probability;                   // [height, width], 0..1, after smoothing
  MaskSummary summary;
  double audio_level_db = -100;  // RMS of the window heard, dB of full scale
  double audio_filled = 0;       // share of that window for which there was sound
  std::shared_ptr<const ModelDescription> model;
  // GRAY8 picture of `probability` (255 is 1), [height, width], rows padded to 4 bytes, PTS that of
  // the mask, caps with colorimetry 1:4:0:0 (full range). Shared by the metadata of every frame
  // that shows this mask. Null only when the map has no pixels.
  GstSample* sample = nullptr;
};

using MaskPtr = std::shared_ptr<const Mask>;

// A mask of probabilities all zero, for frames that have nothing to show. model may be null. Safe
// from any thread, as is finish_mask.
MaskPtr empty_mask(int height, int width, GstClockTime pts, GstClockTime running_time,
                   std::shared_ptr<const ModelDescription> model);

// Fills summary and sample of a mask whose probability map, size and model are set, and gives it a
// serial. labels: as in Segmentation, may be empty. threshold: of the summary. Throws
// std::runtime_error when a map has not height * width values.
MaskPtr finish_mask(std::unique_ptr<Mask> mask, const std::vector<std::uint8_t>& labels,
                    double threshold);

}  // namespace lightavseg::gst
