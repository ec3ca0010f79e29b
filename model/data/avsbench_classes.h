// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace lightavseg {

/// Classes of AVSBench-semantic, background (class 0) included.
inline constexpr int kAvssClassCount = 71;

struct AvssColour {
  uint8_t r = 0;
  uint8_t g = 0;
  uint8_t b = 0;

  friend bool operator==(const AvssColour& x, const AvssColour& y) {
    return x.r == y.r && x.g == y.g && x.b == y.b;
  }
};

/// Colour of every class in labels_rgb, computed as OpenNLPLab/AVSBench and vvvb-github/AVSegFormer
/// do (the rule of the PASCAL VOC palette): the t-th lowest group of three bits of the class index
/// sets bit 7 - t of red, green and blue. Class 0 is black, class 1 (128, 0, 0).
const std::array<AvssColour, kAvssClassCount>& avss_palette();

/// The usual order of the 71 names, "background" first; used where a copy of the set comes without
/// label2idx.json.
const std::vector<std::string>& default_avss_class_names();

/// Reads label2idx.json, an object {"name": index} with the indices 0 ... 70 once each.
/// @return names by index
/// @throws AvsBenchError naming the file and every entry that is wrong
std::vector<std::string> read_avss_class_names(const std::filesystem::path& path);

/// Writes label2idx.json.
/// @param names by index; 71 different ones
/// @throws AvsBenchError if the names are not 71 different ones or the file cannot be written
void write_avss_class_names(const std::filesystem::path& path,
                            const std::vector<std::string>& names);

/// Colours to class indices. A colour that is not in the palette becomes class 0, as in the
/// published loaders.
/// @param rgb CV_8UC3, red first
/// @param unknown if not null, receives the number of pixels of unknown colour
/// @return CV_8UC1 of the same size
cv::Mat avss_colours_to_classes(const cv::Mat& rgb, int* unknown = nullptr);

/// Class indices to colours, the inverse.
/// @param classes CV_8UC1, values 0 ... 70
/// @return CV_8UC3, red first
/// @throws AvsBenchError if a value is above 70
cv::Mat avss_classes_to_colours(const cv::Mat& classes);

}  // namespace lightavseg
